//! The connector for systems that call the gateway when something happened: `POST {gateway}/connectors/v1/{name}/messages`.
//!
//! Who calls proves it with every call, in one of two ways:
//!
//! ```toml
//! [[connectors]]
//! name = "clinic"
//! kind = "webhook-in"
//! title = { ja = "健診センター", en = "Clinic" }
//! mapping = { file = "clinic.mapping.json" }
//! [connectors.settings]
//! records = "/data"                       # JSON Pointer to a record or a list of them; "" is the whole body
//! # Standard Webhooks: several secrets while one is changed
//! scheme = { standard-webhooks = { secrets = [{ env = "CLINIC_SECRET" }] } }
//! # or HTTP Message Signatures (RFC 9421) over @method, @target-uri and content-digest (RFC 9530)
//! # scheme = { http-signatures = { keys = { "clinic-1" = { ed25519 = "base64 of the public key" } } } }
//! ```
//!
//! A message is kept on disk before the caller is told so; one that is repeated under its name within a week is kept once; one that is signed more than five
//! minutes ago, or not as agreed, is refused without saying which.

mod config;
mod receiver;
mod signatures;
mod standard;

pub use config::WebhookIn;
