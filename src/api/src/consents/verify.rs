//! `POST /consents/v1/receipts/verify`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tsunagu_consent::Verdict;
use tsunagu_store::access::{Access, AccessLog, Decision};
use utoipa::ToSchema;

use super::{CONSENT_TYPE, personal};
use crate::actors::Party;
use crate::{Failure, Gateway};

/// What a receipt is worth.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VerdictBody {
    /// Whether it is the platform's, unchanged, and says how the consent stands now.
    valid: bool,
    /// `current`; `superseded` when something has happened to the consent since; `forged` when it is not the platform's, was changed, or is of a
    /// consent that is not the asker's own.
    verdict: &'static str,
    /// The version of the consent that it tells of, and the one that there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt_version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consent_version: Option<u64>,
}

/// Holds a receipt against the platform's key and the consent as it is now
///
/// Whether the signature is right can be checked without asking, with `/consents/v1/keys`; whether the receipt is still the last word cannot.
#[utoipa::path(post, path = "/consents/v1/receipts/verify", tag = "Consents",
    request_body(content = String, description = "The compact JWS of a receipt of one's own consent", content_type = "application/jose"),
    responses(
        (status = 200, description = "The verdict", body = VerdictBody),
        (status = 401, description = "Neither token nor session", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = [])))]
pub(crate) async fn verify(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Failure> {
    let party = Party::of(&gateway, &request).await?;
    let forged = VerdictBody {
        valid: false,
        verdict: "forged",
        receipt_version: None,
        consent_version: None,
    };
    let jws = std::str::from_utf8(&body).unwrap_or_default().trim();
    let (receipt, version) = match gateway.ledger.judge_receipt(party.tenant(), jws).await? {
        Verdict::Forged => {
            refused(&gateway, &party).await?;
            return Ok(personal(&forged));
        }
        Verdict::Current(receipt) => (receipt, None),
        Verdict::Superseded { receipt, version } => (receipt, Some(version)),
    };
    // The receipt of somebody else tells its finder nothing.
    let consent = gateway.ledger.get(party.tenant(), &receipt.record_id).await?;
    let own = consent.filter(|consent| {
        party.owns(consent) && party.inward(receipt.pii_principal_id) == consent.subject
    });
    let Some(consent) = own else {
        refused(&gateway, &party).await?;
        return Ok(personal(&forged));
    };
    let access = party.reads(&gateway, CONSENT_TYPE, vec![consent.subject]);
    gateway.audit.record(party.tenant(), &access).await?;
    Ok(personal(&VerdictBody {
        valid: version.is_none(),
        verdict: if version.is_none() { "current" } else { "superseded" },
        receipt_version: Some(receipt.record_version),
        consent_version: Some(version.unwrap_or(receipt.record_version)),
    }))
}

/// The record that somebody showed what is no receipt of theirs. Whom it would be about is not known, or none of their business.
async fn refused(gateway: &Gateway, party: &Party) -> Result<(), Failure> {
    let read = party.reads(gateway, CONSENT_TYPE, Vec::new());
    let (decision, reason) = (Decision::Denied, "forged-receipt".to_owned());
    gateway.audit.record(party.tenant(), &Access { decision, reason, ..read }).await?;
    Ok(())
}
