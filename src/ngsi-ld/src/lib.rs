//! The NGSI-LD information model (ETSI GS CIM 009 1.9.1, TS 104-175): entities and their stored
//! form, @context expansion and compaction, representations, updates and the query language.
//!
//! This room is pure. It does no I/O (remote @contexts are asked for, not fetched), is not async,
//! knows no clock but the `now` it is given, and knows nothing of consent: a caller cuts what may
//! be seen through [`Projection`].
//!
//! The way of a write: [`json::check`] → [`parse::split_context`] → [`context::resolve`] →
//! [`parse`] → [`ops`] → [`Entity::encode`]. The way of a read: [`EntityDoc::from_bytes`] →
//! [`Query::matches`] → [`render`](render::render).
//!
//! Times are µs since the epoch; errors carry names and positions, never values.

pub mod context;
pub mod error;
pub mod json;
pub mod model;
pub mod ops;
pub mod parse;
pub mod projection;
pub mod query;
pub mod render;
pub mod source;
pub mod temporal;
pub mod time;

pub use context::{CORE_CONTEXT_URL, Context, DEFAULT_CONTEXT};
pub use error::{Error, ErrorKind};
pub use json::{Limits, check};
pub use model::{Attribute, Entity, EntityDoc, Instance, Kind, PastDoc};
pub use projection::{Everything, Projection};
pub use query::{GeoQuery, Q, Query, ScopeQ, Selector, TypeSelection};
pub use render::{
    Format, Join, JoinForm, Links, RenderOptions, Selection, Shown, render, render_inline,
    render_linked,
};
