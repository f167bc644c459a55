//! Nonces for proofs (RFC 9449 sections 8 and 9): a moment under a key, so that nothing has to be kept.

use std::fmt;

use aws_lc_rs::{constant_time, hmac};

use crate::jose::{b64, unb64};

/// A nonce is good for so long, seconds.
const NONCE_SECONDS: i64 = 300;
/// The nonce that is given out changes this often, seconds.
const STEP: i64 = 30;
/// The clocks of replicas may differ by so much, seconds.
const SKEW: i64 = 5;
/// Bytes of the authentication code that a nonce carries.
const MAC: usize = 16;

/// Issues and recognizes nonces.
pub(super) struct Nonces(hmac::Key);

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonces(…)")
    }
}

impl Nonces {
    pub(super) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The nonce of this moment (seconds since the epoch).
    pub(super) fn issue(&self, now: i64) -> String {
        let moment = (now - now.rem_euclid(STEP)).to_be_bytes();
        b64([&moment[..], &self.mac(moment)].concat())
    }

    /// Whether a nonce is one of ours and of late.
    pub(super) fn is_good(&self, nonce: &str, now: i64) -> bool {
        let bytes = unb64(nonce).unwrap_or_default();
        let Some((moment, mac)) = bytes.split_first_chunk::<8>() else {
            return false;
        };
        let ours = constant_time::verify_slices_are_equal(&self.mac(*moment), mac).is_ok();
        let age = now.saturating_sub(i64::from_be_bytes(*moment));
        ours && (-SKEW..NONCE_SECONDS).contains(&age)
    }

    fn mac(&self, moment: [u8; 8]) -> Vec<u8> {
        let tag = hmac::sign(&self.0, &[b"dpop-nonce", &moment[..]].concat());
        tag.as_ref().iter().copied().take(MAC).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_good_for_its_time_and_under_its_key() {
        let (ours, theirs) = (Nonces::new(&[1; 32]), Nonces::new(&[2; 32]));
        let now = 1_790_000_010;
        let nonce = ours.issue(now);
        assert_eq!(ours.issue(now + 10), nonce, "one nonce serves everybody of a moment");
        assert!(ours.is_good(&nonce, now) && ours.is_good(&nonce, now + 299));
        assert!(!ours.is_good(&nonce, now + 300) && !ours.is_good(&nonce, now - 3_600));
        assert!(!theirs.is_good(&nonce, now));
        for foreign in ["", "AAAA", "not base64url!", &format!("A{nonce}"), &format!("{nonce}AA")] {
            assert!(!ours.is_good(foreign, now), "{foreign}");
        }
    }
}
