//! The keys a provider signs with.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::Fault;
use crate::Error;
use crate::jose::{Jwk, SigningKey};

struct Ring {
    current: Arc<SigningKey>,
    /// Those that signed before, still published.
    earlier: Vec<Jwk>,
}

/// The signing keys.
pub(crate) struct Keys {
    ring: Mutex<Ring>,
    /// Whether the next request for them is to be left without an answer.
    silent: AtomicBool,
}

impl Keys {
    pub(crate) fn generate() -> Result<Self, Error> {
        let current = Arc::new(SigningKey::generate()?);
        let ring = Mutex::new(Ring { current, earlier: Vec::new() });
        Ok(Self { ring, silent: AtomicBool::new(false) })
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key in use.
    pub(crate) fn current(&self) -> Arc<SigningKey> {
        Arc::clone(&self.ring().current)
    }

    /// Does to the keys what a fault asks for.
    pub(crate) fn suffer(&self, fault: Option<Fault>) -> Result<(), Error> {
        match fault {
            Some(Fault::NewKey) => {
                let fresh = Arc::new(SigningKey::generate()?);
                let mut ring = self.ring();
                let earlier = ring.current.public().clone();
                ring.earlier.push(earlier);
                ring.current = fresh;
            }
            Some(Fault::SlowJwks) => self.silent.store(true, Ordering::Relaxed),
            _ => {}
        }
        Ok(())
    }

    /// The JWK set, unless this request is to be left without an answer.
    pub(crate) async fn published(&self) -> Value {
        if self.silent.swap(false, Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let ring = self.ring();
        let keys: Vec<_> = std::iter::once(ring.current.public()).chain(&ring.earlier).collect();
        json!({ "keys": keys })
    }
}
