//! Randomness as a parameter.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::{digest, rand};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Where random bytes come from. Production uses [`SystemIds`], tests a [`SeededIds`].
pub trait IdGen: Send + Sync + 'static {
    /// 32 fresh random bytes.
    fn bytes(&self) -> [u8; 32];

    /// 16 fresh random bytes.
    fn bytes16(&self) -> [u8; 16] {
        let mut half = [0; 16];
        half.copy_from_slice(&self.bytes()[..16]);
        half
    }

    /// A secret for tokens, codes and states: 256 bits, base64url without padding (43 characters).
    fn secret(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes())
    }

    /// A random UUID (version 4) in its usual text form.
    fn uuid(&self) -> String {
        uuid::Builder::from_random_bytes(self.bytes16()).into_uuid().to_string()
    }
}

/// The operating system's random generator.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemIds;

impl IdGen for SystemIds {
    #[expect(clippy::expect_used, reason = "without randomness nothing may go on")]
    fn bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).expect("the operating system gives random bytes");
        bytes
    }
}

/// A repeatable sequence, for tests and simulations only.
#[derive(Debug)]
pub struct SeededIds {
    seed: u64,
    next: AtomicU64,
}

impl SeededIds {
    /// The sequence that `seed` determines.
    pub fn new(seed: u64) -> Self {
        Self { seed, next: AtomicU64::new(0) }
    }
}

impl IdGen for SeededIds {
    fn bytes(&self) -> [u8; 32] {
        let n = self.next.fetch_add(1, Ordering::SeqCst);
        let mut input = [0; 16];
        input[..8].copy_from_slice(&self.seed.to_be_bytes());
        input[8..].copy_from_slice(&n.to_be_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, &input).as_ref());
        bytes
    }
}
