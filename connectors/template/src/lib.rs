//! A connector to copy: asks one address for a JSON list of records.
//!
//! ```toml
//! [[connectors]]
//! name = "example"
//! kind = "template"
//! title = { ja = "例", en = "Example" }
//! mapping = { file = "example.mapping.json" }
//! [connectors.settings]
//! url = "https://other.example/records"
//! auth = { bearer = { env = "EXAMPLE_TOKEN" } }
//! ```

mod config;
mod source;

pub use config::Template;
