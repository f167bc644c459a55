//! Receipts: the signed copy of a consent for those whom it concerns (ISO/IEC TS 27560, JWS of RFC 7515).

use std::fmt;

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use tsunagu_domain::{
    Frequency, Problem, ProblemCode, Sensitivity, TenantId, Text, TsunoId, to_iso,
};

use crate::deletion::EVENT_TYPE;
use crate::{Consent, DataAction, DeletionOrder, Event, Ledger, State};

const TYPE: &str = "consent-receipt+jwt";
const SCHEMA: &str = "ISO/IEC TS 27560:2023";
/// The vocabulary of the terms that begin with `dpv:` (W3C Data Privacy Vocabulary 2).
const DPV: &str = "https://w3id.org/dpv#";

/// Who processes data: the party identification of TS 27560.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// Id, e.g. an issuer URL or a client id.
    pub party_id: String,
    /// Name.
    pub party_name: Text,
    /// `controller` or `recipient`.
    pub party_type: String,
    /// Postal address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub party_address: Option<String>,
    /// Where to ask: telephone or mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub party_contact: Option<String>,
}

/// What receipts say about the platform itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// Issuer URL.
    pub issuer: String,
    /// The municipality, as controller.
    pub controller: Party,
    /// Where a consent is withdrawn, URL of a page.
    pub withdrawal: String,
    /// Where the data is stored, e.g. `JP`.
    pub storage_location: String,
    /// Whose law applies, e.g. `JP`.
    pub jurisdiction: String,
}

/// One attribute, as TS 27560 names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PiiInformation {
    /// Code of the data class.
    pub pii_type: String,
    /// Expanded attribute name.
    pub pii_attribute_id: String,
    /// What people call it.
    pub pii_label: Text,
    /// Expanded entity type.
    pub entity_type: String,
    /// What may be done.
    pub processing: Vec<DataAction>,
    /// 要配慮個人情報.
    pub sensitive_pii_category: bool,
    /// Whether the person could have left it out.
    pub pii_optional: bool,
    /// The same as a DPV term: `dpv:Optional` or `dpv:Required`.
    pub necessity: String,
}

/// The processing that was consented to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PiiProcessing {
    /// Version, language, digest and time of the notice shown.
    pub privacy_notice: crate::NoticeShown,
    /// Code and text of the purpose.
    pub purpose: crate::ConsentedPurpose,
    /// DPV term.
    pub lawful_basis: String,
    /// The data.
    pub pii_information: Vec<PiiInformation>,
    /// How the consent was collected.
    pub collection_method: String,
    /// What is done with the data, DPV terms.
    pub processing_method: Vec<String>,
    /// What the person may demand, DPV terms.
    pub rights: Vec<String>,
    /// Where it is stored.
    pub storage_locations: Vec<String>,
    /// How long the recipient keeps it, ISO 8601 duration.
    pub retention_period: String,
    /// How often it is fetched.
    pub frequency: Option<Frequency>,
    /// Whether the client must delete what it received when the consent ends.
    pub delete_on_withdrawal: bool,
    /// Whether the client may give the data on.
    pub onward_transfer: bool,
    /// Whose law applies.
    pub jurisdiction: String,
    /// Who gets the data.
    pub recipient_third_parties: Vec<String>,
    /// How to withdraw.
    pub withdrawal_method: String,
}

/// One event, as TS 27560 names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptEvent {
    /// When, ISO 8601.
    pub event_time: String,
    /// First moment in force and first moment no longer, ISO 8601 interval.
    pub validity_duration: String,
    /// By whom, as far as the reader is told: see [`Reader`].
    pub entity_id: String,
    /// Always `dpv:ExplicitlyExpressedConsent`.
    pub event_type: String,
    /// The state it led to.
    pub event_state: State,
    /// The same as a DPV term, where DPV has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent_status: Option<String>,
    /// Why.
    pub event_reason: crate::Reason,
    /// The notice that was answered, where one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy_notice: Option<crate::NoticeShown>,
}

/// DPV's word for a state. It has none for a pause.
fn status(state: State) -> Option<String> {
    let term = match state {
        State::Given | State::Resumed => "dpv:ConsentGiven",
        State::Refused => "dpv:ConsentRefused",
        State::Withdrawn => "dpv:ConsentWithdrawn",
        State::Expired => "dpv:ConsentExpired",
        State::Superseded => "dpv:ConsentInvalidated",
        State::Revoked => "dpv:ConsentRevoked",
        State::Paused => return None,
    };
    Some(term.to_owned())
}

/// The content of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Issuer URL of the platform.
    pub iss: String,
    /// When it was issued, seconds since the epoch.
    pub iat: i64,
    /// Schema.
    pub schema_version: String,
    /// What `dpv:` stands for.
    pub vocabulary: String,
    /// Consent id.
    pub record_id: String,
    /// Consent version.
    pub record_version: u64,
    /// Receipt id.
    pub receipt_id: String,
    /// The person: their Tsuno ID, or the pairwise id in the copy for a client.
    pub pii_principal_id: TsunoId,
    /// The parties.
    pub party_identification: Vec<Party>,
    /// What is processed.
    pub pii_processing: PiiProcessing,
    /// What happened, oldest first.
    pub events: Vec<ReceiptEvent>,
}

/// For whom a receipt is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// The person themselves: everybody who did something is named.
    Resident,
    /// Anybody else, who knows the person by this id (a client by the pairwise id). Of whoever acted they read the kind alone, `guardian`,
    /// `family` or `counter`: the id of a delegation would be the same for all of them.
    Other(TsunoId),
}

/// What a person may demand of those who process their data.
const RIGHTS: [&str; 2] = ["dpv:DataSubjectRight", "dpv:WithdrawConsent"];

fn processing(consent: &Consent) -> Vec<String> {
    let may = |action| consent.data.iter().any(|data| data.actions.contains(&action));
    let terms = [(DataAction::Read, "dpv:Consult"), (DataAction::Write, "dpv:Record")];
    terms.into_iter().filter(|(action, _)| may(*action)).map(|(_, term)| term.to_owned()).collect()
}

/// What a receipt is worth now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is the platform's, and nothing has happened to the consent since.
    Current(Box<Receipt>),
    /// It is the platform's, and the consent is at a later version: what it says held once.
    Superseded {
        /// What was shown.
        receipt: Box<Receipt>,
        /// The version that the consent is at.
        version: u64,
    },
    /// It was not signed by the platform, was changed, or is of a consent that is not there.
    Forged,
}

/// The key that signs receipts (ES256).
pub struct ReceiptSigner {
    key: EncodingKey,
    public: Jwk,
}

impl fmt::Debug for ReceiptSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReceiptSigner(…)")
    }
}

/// Not a P-256 private key in PKCS#8.
#[derive(Debug, thiserror::Error)]
#[error("not a P-256 private key in PKCS#8 form")]
pub struct InvalidSigningKey;

impl ReceiptSigner {
    /// From a P-256 private key, PKCS#8 in DER.
    pub fn from_pkcs8(kid: &str, der: &[u8]) -> Result<Self, InvalidSigningKey> {
        let key = EncodingKey::from_ec_der(der);
        let mut public =
            Jwk::from_encoding_key(&key, Algorithm::ES256).map_err(|_| InvalidSigningKey)?;
        public.common.key_id = Some(kid.to_owned());
        Ok(Self { key, public })
    }

    /// The public key, for publication.
    pub fn public(&self) -> &Jwk {
        &self.public
    }

    /// Signs claims of this `typ`.
    pub(crate) fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, Problem> {
        let header = Header {
            typ: Some(typ.to_owned()),
            kid: self.public.common.key_id.clone(),
            ..Header::new(Algorithm::ES256)
        };
        encode(&header, claims, &self.key).map_err(|_| {
            Problem::new(ProblemCode::InternalError, "a token of the ledger could not be signed")
        })
    }
}

/// The receipt was not signed by the key, or is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a receipt signed by this key")]
pub struct InvalidReceipt;

/// Checks a receipt (compact JWS) with the public key of the platform.
pub fn verify_receipt(jws: &str, key: &Jwk) -> Result<Receipt, InvalidReceipt> {
    let key = DecodingKey::from_jwk(key).map_err(|_| InvalidReceipt)?;
    let mut validation = Validation::new(Algorithm::ES256);
    // A receipt proves what was agreed; it does not expire.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    let token = decode::<Receipt>(jws, &key, &validation).map_err(|_| InvalidReceipt)?;
    if token.header.typ.as_deref() == Some(TYPE) { Ok(token.claims) } else { Err(InvalidReceipt) }
}

impl Ledger {
    /// The public key of the receipts.
    pub fn receipt_key(&self) -> &Jwk {
        self.signer.public()
    }

    /// The signed receipt of a consent, with its history so far, for this reader.
    pub async fn receipt(
        &self,
        tenant: &TenantId,
        id: &str,
        reader: Reader,
    ) -> Result<String, Problem> {
        let consent = self.get(tenant, id).await?.ok_or_else(Problem::not_found)?;
        let mut events = self.events(tenant, id).await?;
        // An event after the consent was read belongs to the next receipt.
        events.retain(|event| event.seq <= consent.version);
        self.signer.sign(TYPE, &self.describe(&consent, &events, reader))
    }

    /// The signed event of a deletion order, for a client that knows the person as `principal`.
    pub(crate) fn order_event(
        &self,
        order: &DeletionOrder,
        principal: TsunoId,
    ) -> Result<String, Problem> {
        let claims = order.claims(&self.platform.issuer, principal, self.clock.seconds());
        self.signer.sign(EVENT_TYPE, &claims)
    }

    /// Holds a receipt against the platform's key and the consent as it is now.
    pub async fn judge_receipt(&self, tenant: &TenantId, jws: &str) -> Result<Verdict, Problem> {
        let Ok(receipt) = verify_receipt(jws, self.receipt_key()) else {
            return Ok(Verdict::Forged);
        };
        let consent = self.get(tenant, &receipt.record_id).await?;
        let ours = consent.filter(|consent| {
            consent.receipt_id == receipt.receipt_id && receipt.iss == self.platform.issuer
        });
        let Some(consent) = ours else { return Ok(Verdict::Forged) };
        let receipt = Box::new(receipt);
        // Over by time is over before its event is written.
        let over = consent.state_at(self.clock.micros()) != consent.state;
        if consent.version == receipt.record_version && !over {
            return Ok(Verdict::Current(receipt));
        }
        Ok(Verdict::Superseded { receipt, version: consent.version })
    }

    fn describe(&self, consent: &Consent, events: &[Event], reader: Reader) -> Receipt {
        let platform = &self.platform;
        let information = consent.data.iter().flat_map(|data| {
            data.attributes.iter().map(|attribute| PiiInformation {
                pii_type: data.class.clone(),
                pii_attribute_id: attribute.iri.clone(),
                pii_label: attribute.label.clone(),
                entity_type: data.entity_type.clone(),
                processing: data.actions.clone(),
                sensitive_pii_category: data.sensitivity == Sensitivity::Sensitive,
                pii_optional: data.optional,
                necessity: if data.optional { "dpv:Optional" } else { "dpv:Required" }.to_owned(),
            })
        });
        let client = consent.client.to_string();
        let recipient = Party {
            party_id: client.clone(),
            party_name: consent.client_name.clone(),
            party_type: "recipient".to_owned(),
            party_address: None,
            party_contact: None,
        };
        let validity = format!("{}/{}", to_iso(consent.valid_from), to_iso(consent.valid_until));
        let events = events.iter().map(|event| ReceiptEvent {
            event_time: to_iso(event.at),
            validity_duration: validity.clone(),
            entity_id: match reader {
                Reader::Resident => event.by.as_str(),
                Reader::Other(_) => event.kind_of_actor(),
            }
            .to_owned(),
            event_type: "dpv:ExplicitlyExpressedConsent".to_owned(),
            event_state: event.state,
            consent_status: status(event.state),
            event_reason: event.reason,
            privacy_notice: event.notice.clone(),
        });
        Receipt {
            iss: platform.issuer.clone(),
            iat: self.clock.seconds(),
            schema_version: SCHEMA.to_owned(),
            vocabulary: DPV.to_owned(),
            record_id: consent.id.clone(),
            record_version: consent.version,
            receipt_id: consent.receipt_id.clone(),
            pii_principal_id: match reader {
                Reader::Resident => consent.subject,
                Reader::Other(principal) => principal,
            },
            party_identification: vec![platform.controller.clone(), recipient],
            pii_processing: PiiProcessing {
                privacy_notice: consent.notice.clone(),
                purpose: consent.purpose.clone(),
                lawful_basis: consent.legal_basis.clone(),
                pii_information: information.collect(),
                collection_method: consent.method.clone(),
                processing_method: processing(consent),
                rights: RIGHTS.map(str::to_owned).to_vec(),
                storage_locations: vec![platform.storage_location.clone()],
                retention_period: format!("P{}D", consent.data_life_days),
                frequency: consent.frequency,
                delete_on_withdrawal: true,
                onward_transfer: false,
                jurisdiction: platform.jurisdiction.clone(),
                recipient_third_parties: vec![client],
                withdrawal_method: platform.withdrawal.clone(),
            },
            events: events.collect(),
        }
    }
}
