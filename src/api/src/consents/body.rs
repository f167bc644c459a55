//! Consents as JSON.

use serde::Serialize;
use tsunagu_consent::{
    ActedBy, Basis, Consent, ConsentedData, DataAction, Event, IdentityEvidence, Reason, Reconsent,
    State,
};
use tsunagu_domain::{Frequency, Sensitivity, Text, Timestamp, TsunoId, to_iso};
use utoipa::ToSchema;

/// A text in both languages.
#[derive(Serialize, ToSchema)]
pub(crate) struct TextBody {
    ja: String,
    en: String,
}

impl From<&Text> for TextBody {
    fn from(text: &Text) -> Self {
        Self { ja: text.ja.clone(), en: text.en.clone() }
    }
}

/// An attribute.
#[derive(Serialize, ToSchema)]
struct AttributeBody {
    /// Expanded name.
    iri: String,
    label: TextBody,
}

/// The part of a data class in one entity type.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DataBody {
    /// Code of the data class.
    class: String,
    label: TextBody,
    /// `personal` or `sensitive`.
    #[schema(value_type = String)]
    sensitivity: Sensitivity,
    /// Expanded type name.
    entity_type: String,
    attributes: Vec<AttributeBody>,
    /// `read`, `write`.
    #[schema(value_type = Vec<String>)]
    actions: Vec<DataAction>,
    /// Whether the resident could have left it out.
    optional: bool,
}

impl From<&ConsentedData> for DataBody {
    fn from(data: &ConsentedData) -> Self {
        let attributes = data.attributes.iter();
        Self {
            class: data.class.clone(),
            label: (&data.label).into(),
            sensitivity: data.sensitivity,
            entity_type: data.entity_type.clone(),
            attributes: attributes
                .map(|a| AttributeBody { iri: a.iri.clone(), label: (&a.label).into() })
                .collect(),
            actions: data.actions.clone(),
            optional: data.optional,
        }
    }
}

/// What a newer catalogue asks in addition. Nothing of it is covered until the resident agrees.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ReconsentBody {
    added: Vec<DataBody>,
    raised_at: String,
    /// When the consent ends for want of an answer, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<String>,
    /// When the resident said no, if they did.
    #[serde(skip_serializing_if = "Option::is_none")]
    declined_at: Option<String>,
}

impl From<&Reconsent> for ReconsentBody {
    fn from(asked: &Reconsent) -> Self {
        Self {
            added: asked.added.iter().map(Into::into).collect(),
            raised_at: to_iso(asked.raised_at),
            deadline: asked.deadline.map(to_iso),
            declined_at: asked.declined_at.map(to_iso),
        }
    }
}

/// Who acted in place of the resident.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ActedByBody {
    /// Id of the delegation, for a guardian or family.
    #[serde(skip_serializing_if = "Option::is_none")]
    delegation: Option<String>,
    /// Who at the counter.
    #[serde(skip_serializing_if = "Option::is_none")]
    clerk: Option<String>,
    /// How the counter identified the resident.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<IdentityEvidence>,
    /// SHA-256 of the notice that was read to the resident, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    notice_read: Option<String>,
}

impl From<&ActedBy> for ActedByBody {
    fn from(acted: &ActedBy) -> Self {
        let nobody = Self { delegation: None, clerk: None, identity: None, notice_read: None };
        match acted {
            ActedBy::Delegate { delegation, .. } => {
                Self { delegation: Some(delegation.clone()), ..nobody }
            }
            ActedBy::Counter { assisted } => Self {
                clerk: Some(assisted.clerk.clone()),
                identity: Some(assisted.identity),
                notice_read: assisted.notice_read.clone(),
                ..nobody
            },
        }
    }
}

/// What happened.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EventBody {
    /// From 1.
    seq: u64,
    /// The state it led to.
    #[schema(value_type = String)]
    state: State,
    /// ISO 8601.
    at: String,
    /// By whom: `resident`; `guardian`, `family` or `counter` in their place; `platform`.
    by: String,
    /// Who it was in place of the resident, if somebody was. The resident is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    acted_by: Option<ActedByBody>,
    /// Why, e.g. `own-wish`, `period-over`; `ends-soon`, `catalogue-widened` and what the resident answers to that leave the state as it was.
    #[schema(value_type = String)]
    reason: Reason,
}

/// A consent. Times are ISO 8601.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConsentBody {
    id: String,
    receipt_id: String,
    /// Grows with every event.
    version: u64,
    /// The person: the pairwise id for a client.
    subject: String,
    client: String,
    client_name: TextBody,
    /// Purpose code.
    purpose: String,
    purpose_text: TextBody,
    /// DPV term.
    legal_basis: String,
    data: Vec<DataBody>,
    valid_from: String,
    /// When its period ends.
    valid_until: String,
    /// Whether it ends within 30 days, by its period or by the deadline of `reconsent`.
    ends_soon: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reconsent: Option<ReconsentBody>,
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency: Option<Frequency>,
    /// How long the client may keep what it read, days.
    data_life_days: u32,
    /// SHA-256 of the notice that was shown, hexadecimal.
    notice_sha256: String,
    /// `given`, `refused`, `withdrawn`, `paused`, `resumed`, `expired`, `superseded`, `revoked`.
    #[schema(value_type = String)]
    state: State,
    changed_at: String,
    catalogue_version: u32,
    /// Whether a guardian gave it.
    given_by_guardian: bool,
    /// Whether a guardian gave it and the resident, of age by now, is asked to confirm it. It stays in force meanwhile.
    confirmation_asked: bool,
    /// The id of the resident's share code that the client redeemed, if that is where it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    share_code: Option<String>,
    /// The history, oldest first, when one consent is asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<EventBody>,
}

impl ConsentBody {
    pub(crate) fn new(
        consent: &Consent,
        subject: TsunoId,
        now: Timestamp,
        events: &[Event],
    ) -> Self {
        let events = events.iter().map(|event| EventBody {
            seq: event.seq,
            state: event.state,
            at: to_iso(event.at),
            by: event.kind_of_actor().to_owned(),
            acted_by: event.acted_by.as_ref().map(Into::into),
            reason: event.reason,
        });
        Self {
            id: consent.id.clone(),
            receipt_id: consent.receipt_id.clone(),
            version: consent.version,
            subject: subject.to_string(),
            client: consent.client.to_string(),
            client_name: (&consent.client_name).into(),
            purpose: consent.purpose.code.clone(),
            purpose_text: (&consent.purpose.text).into(),
            legal_basis: consent.legal_basis.clone(),
            data: consent.data.iter().map(Into::into).collect(),
            valid_from: to_iso(consent.valid_from),
            valid_until: to_iso(consent.valid_until),
            ends_soon: consent.ends_soon(now),
            reconsent: consent.reconsent.as_ref().map(Into::into),
            frequency: consent.frequency,
            data_life_days: consent.data_life_days,
            notice_sha256: consent.notice.sha256.clone(),
            state: consent.state_at(now),
            changed_at: to_iso(consent.changed_at),
            catalogue_version: consent.catalogue_version,
            given_by_guardian: consent.given_under.is_some(),
            confirmation_asked: consent.asks_to_confirm(now),
            share_code: consent.basis.as_ref().map(|Basis::ShareCode { id, .. }| id.clone()),
            events: events.collect(),
        }
    }
}

/// A list of consents, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConsentsBody {
    /// How many there are in all.
    pub(crate) total: u64,
    pub(crate) consents: Vec<ConsentBody>,
}
