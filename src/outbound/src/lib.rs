//! Calls to the outside, the only place of the platform that makes them.
//!
//! Where a call goes is often said by somebody else: a vendor's `jwks_uri`, a notification endpoint. So every call passes a guard
//! ([`Policy`]): allowed schemes and ports, no user information in the URL, no private, link-local, loopback or otherwise special address
//! unless the operator allowed it. The name is resolved here once, all its addresses are checked, and the connection goes to
//! exactly those, so that a second answer of the name server changes nothing. Redirects are never followed: a redirect is an
//! answer like any other. Size and time are capped.
//!
//! This room knows nothing of what is fetched and never logs a URL, which may hold secrets.

mod address;
mod client;
mod error;
mod message;
mod mqtt;
mod policy;
mod resolve;

pub use address::is_public;
pub use client::Outbound;
pub use error::{OutboundError, Refusal};
pub use message::{Request, Response};
pub use mqtt::{
    MqttMessage, MqttSubscription, MqttTaker, MqttVersion, Publication, QualityOfService, topic,
};
pub use policy::{Allow, InvalidAllow, Policy};
pub use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
pub use reqwest::{Method, StatusCode};
pub use resolve::{Resolve, SystemResolver};
