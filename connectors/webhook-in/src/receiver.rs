//! From a call to records.

use serde_json::Value;
use serde_json::value::to_raw_value;
use tsunagu_connect::{Accepted, Incoming, NotAccepted, Receiver};

use crate::signatures::Keys;
use crate::standard::Secrets;

/// How far a caller's clock may be from ours, and how old a message may be, seconds.
pub(crate) const TOLERANCE: i64 = 300;
/// How long the name of a message is remembered, microseconds: those who repeat do it for days.
const REMEMBERED: i64 = 7 * 24 * 3600 * 1_000_000;

/// How calls are signed.
pub(crate) enum Signed {
    Standard(Secrets),
    Http(Keys),
}

pub(crate) struct Webhook {
    pub(crate) signed: Signed,
    pub(crate) records: String,
}

impl Receiver for Webhook {
    fn accept(&self, incoming: &Incoming<'_>) -> Result<Accepted, NotAccepted> {
        let proven = match &self.signed {
            Signed::Standard(secrets) => secrets.prove(incoming),
            Signed::Http(keys) => keys.prove(incoming),
        };
        let id = proven.ok_or(NotAccepted::Unproven)?;
        let body: Value =
            serde_json::from_slice(incoming.body).map_err(|_| NotAccepted::Malformed)?;
        let found = body.pointer(&self.records).ok_or(NotAccepted::Malformed)?;
        let list = match found {
            Value::Array(list) => list.as_slice(),
            Value::Object(_) => std::slice::from_ref(found),
            _ => return Err(NotAccepted::Malformed),
        };
        let records = list.iter().map(to_raw_value);
        let records = records.collect::<Result<_, _>>().map_err(|_| NotAccepted::Malformed)?;
        Ok(Accepted { id, repeats_until: incoming.now.saturating_add(REMEMBERED), records })
    }
}
