//! A subscription (clause 5.2.12) as it is stored: names expanded, ids as entities have them.

use serde::{Deserialize, Serialize};
use serde_json::Number;
use tsunagu_domain::{Assurance, ClientId, TenantId, Timestamp, TsunoId};

/// The version of the stored form.
pub(crate) const VERSION: u8 = 1;

/// Whose a subscription is, as the token that made it proved. What a notification may show is decided from this, anew for each one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// The tenant that the client is registered in.
    pub tenant: TenantId,
    /// The client.
    pub client: ClientId,
    /// The resident of the token, if it had one.
    pub subject: Option<TsunoId>,
    /// The consent that the token named.
    pub grant: Option<String>,
    /// Assurance of the resident's login.
    pub assurance: Assurance,
}

impl Owner {
    /// Whether both act for the same: consents come and go, a client and its resident stay who they are.
    pub fn is(&self, other: &Self) -> bool {
        self.tenant == other.tenant && self.client == other.client && self.subject == other.subject
    }
}

/// Names the queue and state of a subscription; random, so that a later subscription of the same id inherits nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Uid(pub(crate) [u8; 16]);

/// What changes a subscription asks for (`notificationTrigger`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Trigger {
    EntityCreated,
    /// Stands for all changes of attributes.
    EntityUpdated,
    EntityDeleted,
    AttributeCreated,
    AttributeUpdated,
    AttributeDeleted,
}

impl Trigger {
    pub(crate) const ALL: [Self; 6] = [
        Self::EntityCreated,
        Self::EntityUpdated,
        Self::EntityDeleted,
        Self::AttributeCreated,
        Self::AttributeUpdated,
        Self::AttributeDeleted,
    ];
    /// What is meant when nothing is said.
    pub(crate) const DEFAULT: [Self; 2] = [Self::AttributeCreated, Self::AttributeUpdated];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::EntityCreated => "entityCreated",
            Self::EntityUpdated => "entityUpdated",
            Self::EntityDeleted => "entityDeleted",
            Self::AttributeCreated => "attributeCreated",
            Self::AttributeUpdated => "attributeUpdated",
            Self::AttributeDeleted => "attributeDeleted",
        }
    }
}

/// Which entities (`EntitySelector`, clause 5.2.33).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Selector {
    /// As stored, not as a masked actor writes it.
    pub(crate) id: Option<String>,
    /// Fits ids as the owner sees them.
    pub(crate) id_pattern: Option<String>,
    /// A type selection of expanded names; every type when missing.
    pub(crate) types: Option<String>,
}

/// A condition on where entities lie (`GeoQuery`, clause 5.2.13).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GeoQ {
    pub(crate) georel: String,
    pub(crate) geometry: String,
    /// JSON.
    pub(crate) coordinates: String,
    /// Expanded.
    pub(crate) geoproperty: Option<String>,
}

/// `KeyValuePair` (clause 5.2.22).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// Where notifications go (clause 5.2.15).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Endpoint {
    pub(crate) uri: String,
    pub(crate) accept: Option<String>,
    /// Milliseconds.
    pub(crate) timeout: Option<u64>,
    /// Milliseconds.
    pub(crate) cooldown: Option<u64>,
    pub(crate) receiver_info: Vec<Pair>,
    pub(crate) notifier_info: Vec<Pair>,
}

/// `NotificationParams` (clause 5.2.14), without what the broker counts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notification {
    /// Expanded.
    pub(crate) attributes: Vec<String>,
    /// Attributes expanded, members of the entity itself as they are.
    pub(crate) pick: Vec<String>,
    /// Likewise.
    pub(crate) omit: Vec<String>,
    /// As it was given.
    pub(crate) format: Option<String>,
    pub(crate) show_changes: Option<bool>,
    pub(crate) sys_attrs: Option<bool>,
    pub(crate) join: Option<String>,
    pub(crate) join_level: Option<u64>,
    pub(crate) endpoint: Endpoint,
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subscription {
    pub(crate) v: u8,
    pub(crate) uid: Uid,
    pub(crate) id: String,
    pub(crate) owner: Owner,
    /// The tenant header it was made with, repeated with notifications (clause 6.3.8).
    pub(crate) tenant_header: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) entities: Vec<Selector>,
    /// Expanded.
    pub(crate) watched: Vec<String>,
    /// Empty stands for [`Trigger::DEFAULT`].
    pub(crate) triggers: Vec<Trigger>,
    /// Seconds.
    pub(crate) time_interval: Option<Number>,
    /// As it was given.
    pub(crate) q: Option<String>,
    /// A @context of nothing but the names in `q`, so that it can be read without fetching anything.
    pub(crate) q_context: Option<String>,
    #[serde(default)]
    pub(crate) geo_q: Option<GeoQ>,
    #[serde(default)]
    pub(crate) scope_q: Option<String>,
    pub(crate) csf: Option<String>,
    pub(crate) is_active: Option<bool>,
    /// A `DateTime`.
    pub(crate) expires_at: Option<String>,
    /// Seconds.
    pub(crate) throttling: Option<Number>,
    pub(crate) lang: Option<String>,
    pub(crate) dataset_ids: Vec<String>,
    pub(crate) local_only: Option<bool>,
    pub(crate) split_entities: Option<bool>,
    /// The @context of notifications, where it is another than that of the subscription.
    pub(crate) jsonld_context: Option<String>,
    /// JSON of the @context that the subscription was written in.
    pub(crate) context: String,
    pub(crate) notification: Notification,
    pub(crate) created_at: Timestamp,
    pub(crate) modified_at: Timestamp,
}

/// What a subscription is doing (`status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Active,
    Paused,
    Expired,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Expired => "expired",
        }
    }
}

impl Subscription {
    /// First moment after its life, µs since the epoch.
    pub(crate) fn ends(&self) -> Option<Timestamp> {
        self.expires_at.as_deref().and_then(tsunagu_ngsi_ld::time::parse_date_time)
    }

    pub(crate) fn status(&self, now: Timestamp) -> Status {
        if self.ends().is_some_and(|end| end <= now) {
            Status::Expired
        } else if self.is_active == Some(false) {
            Status::Paused
        } else {
            Status::Active
        }
    }

    pub(crate) fn triggers(&self) -> &[Trigger] {
        if self.triggers.is_empty() { &Trigger::DEFAULT } else { &self.triggers }
    }

    /// µs between periodic notifications.
    pub(crate) fn interval(&self) -> Option<i64> {
        self.time_interval.as_ref().map(micros)
    }

    /// µs that pass between two notifications at least.
    pub(crate) fn throttle(&self) -> Option<i64> {
        self.throttling.as_ref().map(micros)
    }
}

/// Seconds to µs.
#[expect(clippy::cast_possible_truncation, reason = "a cast from f64 to i64 saturates")]
fn micros(seconds: &Number) -> i64 {
    (seconds.as_f64().unwrap_or(0.0) * 1e6) as i64
}
