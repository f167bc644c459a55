//! Limits that replicas share through Redis.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Script};
use tsunagu_domain::{Clock, Timestamp, hex};

use crate::{LocalLimits, Quota, Quotas, RateLimits, Verdict, Whose};

/// GCRA in one round trip, on the time of Redis, so that the clocks of replicas need not agree. Answers the microseconds to wait, or -1
/// when the cost was taken. The key ends by itself when nothing is left to remember.
const TAKE: &str = r"
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local interval, burst, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now) + interval * cost
local wait = due - now - interval * burst
if wait > 0 then return math.ceil(wait) end
redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', math.max(1, math.ceil((due - now) / 1000)))
return -1
";

/// Redis is given so long; a request must not wait for it.
const PATIENCE: Duration = Duration::from_millis(100);
/// After it failed it is left alone so long, microseconds.
const PAUSE: Timestamp = 1_000_000;
/// So many requests are taken at once at most, and spent here without asking again …
const LOT: u32 = 50;
/// … within this time, microseconds.
const LOT_LIFE: Timestamp = 1_000_000;
/// So many lots are held before those that are over are thrown away.
const HELD: usize = 10_000;

/// Redis cannot be used as configured.
#[derive(Debug, thiserror::Error)]
#[error("the address of Redis is not right: {0}")]
pub struct RedisError(String);

/// Requests taken from the common quota and not spent yet.
struct Lot {
    left: u32,
    until: Timestamp,
}

/// Limits over all replicas. Each takes a twentieth of a burst at a time, so the common quota is exceeded by no more than that for each replica.
/// While Redis does not answer, each replica goes on with the whole quota of its own: limits protect the gateway and are no reason to refuse
/// everybody.
pub struct RedisLimits {
    issuer: String,
    quotas: Quotas,
    clock: Arc<dyn Clock>,
    connection: ConnectionManager,
    take: Script,
    lots: Mutex<HashMap<String, Lot>>,
    alone: LocalLimits,
    /// Until when Redis is left alone.
    down_until: AtomicI64,
}

impl fmt::Debug for RedisLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisLimits(…)")
    }
}

impl RedisLimits {
    /// Shares quotas at `redis://…` with the gateways that have the same `issuer`. It need not answer yet: connecting is tried in the background whenever it is needed.
    pub fn new(
        url: &str,
        issuer: &str,
        quotas: &Quotas,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, RedisError> {
        let client = Client::open(url).map_err(|error| RedisError(error.to_string()))?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let connection = ConnectionManager::new_lazy_with_config(client, config)
            .map_err(|error| RedisError(error.to_string()))?;
        Ok(Self {
            issuer: issuer.to_owned(),
            quotas: *quotas,
            alone: LocalLimits::new(quotas, Arc::clone(&clock)),
            clock,
            connection,
            take: Script::new(TAKE),
            lots: Mutex::default(),
            down_until: AtomicI64::new(0),
        })
    }

    /// Spends one of what was taken before.
    fn spend(&self, key: &str, now: Timestamp) -> bool {
        let mut lots = self.lots.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lot) = lots.get_mut(key).filter(|lot| lot.left > 0 && now < lot.until) else {
            return false;
        };
        lot.left -= 1;
        true
    }

    fn keep(&self, key: String, left: u32, now: Timestamp) {
        let mut lots = self.lots.lock().unwrap_or_else(PoisonError::into_inner);
        if lots.len() >= HELD {
            lots.retain(|_, lot| lot.left > 0 && now < lot.until);
        }
        lots.insert(key, Lot { left, until: now.saturating_add(LOT_LIFE) });
    }

    /// Takes from the common quota; the time to wait when there is not so much.
    async fn take(
        &self,
        key: &str,
        quota: Quota,
        cost: u32,
    ) -> redis::RedisResult<Option<Duration>> {
        let mut connection = self.connection.clone();
        let mut call = self.take.key(key);
        call.arg(quota.interval().as_micros().max(1).to_string());
        call.arg(quota.burst.get()).arg(cost);
        let wait: i64 = call.invoke_async(&mut connection).await?;
        Ok(u64::try_from(wait).ok().map(Duration::from_micros))
    }

    async fn shared(
        &self,
        key: String,
        quota: Quota,
        now: Timestamp,
    ) -> redis::RedisResult<Verdict> {
        let lot = (quota.burst.get() / 20).clamp(1, LOT);
        if self.take(&key, quota, lot).await?.is_none() {
            self.keep(key, lot - 1, now);
            return Ok(Verdict::Admitted);
        }
        // Not a whole lot any more; perhaps one.
        Ok(match self.take(&key, quota, 1).await? {
            None => Verdict::Admitted,
            Some(retry_after) => Verdict::Refused { retry_after },
        })
    }
}

/// The key of a caller. Who it is, is not told to Redis.
fn key(issuer: &str, whose: Whose, who: &str) -> String {
    let hash = digest(&SHA256, format!("{issuer} {who}").as_bytes());
    let hash = hex(hash.as_ref().get(..16).unwrap_or_default());
    format!("tsunagu:rate:{}:{hash}", whose.as_str())
}

#[async_trait]
impl RateLimits for RedisLimits {
    async fn admit(&self, whose: Whose, who: &str) -> Verdict {
        let Some(quota) = self.quotas.of(whose) else {
            return Verdict::Admitted;
        };
        let now = self.clock.micros();
        if now < self.down_until.load(Ordering::Relaxed) {
            return self.alone.decide(whose, who);
        }
        let key = key(&self.issuer, whose, who);
        if self.spend(&key, now) {
            return Verdict::Admitted;
        }
        match self.shared(key, quota, now).await {
            Ok(verdict) => verdict,
            Err(error) => {
                self.down_until.store(now.saturating_add(PAUSE), Ordering::Relaxed);
                tracing::warn!(kind = ?error.kind(), "redis does not answer: this replica limits by itself");
                self.alone.decide(whose, who)
            }
        }
    }
}
