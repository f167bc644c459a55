//! What replicas of a gateway share that may be lost: how much each caller has asked for lately.
//!
//! What decides whether a request is allowed (consents, revocations, codes, seen proofs) is in the store and never here
//! ([ADR 0004](../../../docs/adr/0004-sessions-and-replay-in-the-store.md)); losing this room's memory makes limits looser for a
//! moment and changes no decision about data.

mod local;
mod quota;
mod redis;

pub use local::LocalLimits;
pub use quota::{Quota, Quotas, RateLimits, Verdict, Whose};
pub use redis::{RedisError, RedisLimits};
