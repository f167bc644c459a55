//! Deletion orders: when a consent ends, its client owes the deletion of what it received.
//!
//! The order is written in the transaction that ends the consent, waits in an outbox, and goes to the client's endpoint as a signed event
//! (RFC 8417, pushed as RFC 8935 says) until the client has taken it. That it was carried out is the client's own word: at once in its
//! answer, or by a later call. Until then it is open, and overdue after its last day.

use serde::{Deserialize, Serialize};
use tsunagu_domain::{ClientId, Timestamp, TsunoId, to_iso};

use crate::{Consent, ConsentedData, DataAction, State};

/// The type of a deletion order among security events.
pub const DELETION_REQUIRED: &str = "urn:tsunagu:event:deletion-required";
/// The `typ` of a security event token (RFC 8417 section 2.3).
pub(crate) const EVENT_TYPE: &str = "secevent+jwt";
/// A client whose resident wants no more has so long to delete, microseconds: 7 days.
const AT_ONCE: Timestamp = 7 * 86_400_000_000;
const DAY: Timestamp = 86_400_000_000;

/// Why something is to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeletionReason {
    /// The resident took the consent back, or left the platform.
    Withdrawn,
    /// Its period is over.
    Expired,
    /// A newer consent covers less.
    Narrowed,
    /// The client is registered no more.
    Revoked,
}

impl DeletionReason {
    /// Its name in stored and sent JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Narrowed => "narrowed",
            Self::Revoked => "revoked",
        }
    }
}

/// How far an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeletionState {
    /// The client has not taken it.
    Owed,
    /// The client has taken it and not said that it is done.
    Taken,
    /// The client said that it is done.
    Done,
}

impl DeletionState {
    /// Its name in sent JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owed => "owed",
            Self::Taken => "taken",
            Self::Done => "done",
        }
    }
}

/// One order. Times are microseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeletionOrder {
    /// Version of this form.
    pub v: u32,
    /// Id (UUID): the `jti` of its event, the same each time it is sent.
    pub id: String,
    /// The consent that ended, and its version then.
    pub consent: String,
    /// See `consent`.
    pub consent_version: u64,
    /// Whose data.
    pub subject: TsunoId,
    /// Who has to delete.
    pub client: ClientId,
    /// Why.
    pub reason: DeletionReason,
    /// What.
    pub data: Vec<ConsentedData>,
    /// When it was ordered.
    pub ordered_at: Timestamp,
    /// First moment at which it is overdue.
    pub delete_by: Timestamp,
    /// How often it was sent.
    pub attempts: u32,
    /// When the client took it.
    pub taken_at: Option<Timestamp>,
    /// When the client said that it is done.
    pub done_at: Option<Timestamp>,
}

impl DeletionOrder {
    /// What the end of `consent` makes its client owe, as far as `data` goes; nothing when there is nothing that it could read.
    pub(crate) fn of(
        consent: &Consent,
        data: &[ConsentedData],
        id: impl FnOnce() -> String,
        now: Timestamp,
    ) -> Option<Self> {
        let reason = match consent.state {
            State::Withdrawn => DeletionReason::Withdrawn,
            State::Expired => DeletionReason::Expired,
            State::Superseded => DeletionReason::Narrowed,
            State::Revoked => DeletionReason::Revoked,
            State::Given | State::Refused | State::Paused | State::Resumed => return None,
        };
        let mut data = data.to_vec();
        data.retain(|part| part.actions.contains(&DataAction::Read));
        if data.is_empty() {
            return None;
        }
        // After its period the client may keep what it read for the data life that was agreed to; a resident who wants no more need not wait.
        let life = DAY.saturating_mul(consent.data_life_days.into());
        let time = if reason == DeletionReason::Expired { life } else { life.min(AT_ONCE) };
        Some(Self {
            v: 1,
            id: id(),
            consent: consent.id.clone(),
            consent_version: consent.version,
            subject: consent.subject,
            client: consent.client.clone(),
            reason,
            data,
            ordered_at: now,
            delete_by: now.saturating_add(time),
            attempts: 0,
            taken_at: None,
            done_at: None,
        })
    }

    /// How far it is.
    pub fn state(&self) -> DeletionState {
        match (self.taken_at, self.done_at) {
            (_, Some(_)) => DeletionState::Done,
            (Some(_), None) => DeletionState::Taken,
            (None, None) => DeletionState::Owed,
        }
    }

    /// Whether its last day is over and the client has not said that it is done.
    pub fn overdue(&self, now: Timestamp) -> bool {
        self.done_at.is_none() && now >= self.delete_by
    }

    /// Codes of the data classes, each once.
    pub fn classes(&self) -> Vec<&str> {
        let mut classes: Vec<&str> = self.data.iter().map(|part| part.class.as_str()).collect();
        classes.sort_unstable();
        classes.dedup();
        classes
    }

    /// The claims of its security event token (RFC 8417), for a client that knows the person as `principal`.
    pub(crate) fn claims(&self, issuer: &str, principal: TsunoId, seconds: i64) -> EventClaims {
        let attributes = self.data.iter().map(|part| EventData {
            entity_type: part.entity_type.clone(),
            attributes: part.attributes.iter().map(|a| a.iri.clone()).collect(),
        });
        EventClaims {
            iss: issuer.to_owned(),
            iat: seconds,
            jti: self.id.clone(),
            aud: self.client.to_string(),
            sub_id: SubjectId {
                format: "iss_sub".to_owned(),
                iss: issuer.to_owned(),
                sub: principal,
            },
            events: Events {
                deletion: DeletionEvent {
                    event_timestamp: self.ordered_at.div_euclid(1_000_000),
                    grant_id: self.consent.clone(),
                    reason: self.reason,
                    data_classes: self.classes().into_iter().map(str::to_owned).collect(),
                    data: attributes.collect(),
                    delete_by: to_iso(self.delete_by),
                    acknowledge_at: format!("{issuer}/consents/v1/{}/deletion", self.consent),
                },
            },
        }
    }
}

/// A security event token that orders a deletion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventClaims {
    /// Issuer URL of the platform.
    pub iss: String,
    /// When it was sent, seconds since the epoch.
    pub iat: i64,
    /// Id of the order: seen before means sent again.
    pub jti: String,
    /// The client.
    pub aud: String,
    /// The person (RFC 9493), by the id that the client knows.
    pub sub_id: SubjectId,
    /// The event.
    pub events: Events,
}

/// A subject identifier of the format `iss_sub` (RFC 9493 section 3.2.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectId {
    /// Always `iss_sub`.
    pub format: String,
    /// Issuer URL of the platform.
    pub iss: String,
    /// Pairwise id.
    pub sub: TsunoId,
}

/// The events of a token, by their types: there is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// The deletion order.
    #[serde(rename = "urn:tsunagu:event:deletion-required")]
    pub deletion: DeletionEvent,
}

/// What is to be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeletionEvent {
    /// When it was ordered, seconds since the epoch.
    pub event_timestamp: i64,
    /// The consent that ended: the grant id of tokens.
    pub grant_id: String,
    /// Why.
    pub reason: DeletionReason,
    /// Codes of the data classes.
    pub data_classes: Vec<String>,
    /// The same by entity type and attribute.
    pub data: Vec<EventData>,
    /// Until when, ISO 8601.
    pub delete_by: String,
    /// Where to say that it is done, for a client that does not answer so at once.
    pub acknowledge_at: String,
}

/// Attributes of one entity type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventData {
    /// Expanded type name.
    pub entity_type: String,
    /// Expanded attribute names.
    pub attributes: Vec<String>,
}
