//! The connector for systems that answer JSON over HTTP when they are asked.
//!
//! ```toml
//! [[connectors]]
//! name = "walks"
//! kind = "http-poll"
//! title = { ja = "歩数の記録", en = "Walks" }
//! schedule = { every-seconds = 60 }
//! mapping = { file = "walks.mapping.json" }
//! [connectors.settings]
//! url = "https://walks.example/api/records"
//! auth = { bearer = { env = "WALKS_TOKEN" } }
//! records = "/items"                            # JSON Pointer (RFC 6901) to the list; "" is the whole answer
//! paging = { next = "/links/next" }             # or "link" (RFC 8288), or { page = { parameter = "page", first = 1 } }
//! since = { parameter = "updatedSince", from = "/updatedAt", overlap_seconds = 300 }
//! ```
//!
//! It goes through the pages and remembers where it is after each; other settings begin anew. With `since` the next round asks only for what is newer than the
//! newest record of the last whole round, and a little before it; a mark from the future moves nothing. Without it, a conditional request (RFC 9110,
//! `ETag`) spares both sides what has not changed, and what has not changed is never written again. Pages that go round in a circle are an
//! error; links to another host are not followed.

mod config;
mod source;

pub use config::HttpPoll;
