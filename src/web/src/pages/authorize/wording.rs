//! From what a client asks to the notice, and to what the ledger records.

use tsunagu_consent::{DataAction, NewConsent, Notice as Shown, RESIDENT_DATA, Requested};
use tsunagu_domain::{Problem, ProblemCode, Purpose, Sensitivity, Timestamp};
use tsunagu_identity::{AuthorizationRequest, DataAction as Asked, ResidentData};

use super::{ClassView, Notice};
use crate::dates;
use crate::locale::Lang;
use crate::visit::Visit;

/// Changes with every change of the notice's words or form.
const NOTICE_VERSION: &str = "1";
/// How consent is expressed here.
const METHOD: &str = "consent-page/button";
const DAY: i64 = 86_400_000_000;

/// A notice in one language, ready to be shown.
pub(super) struct Wording {
    /// Its exact bytes.
    pub(super) html: String,
    /// For how many days consent is asked.
    pub(super) days: u32,
}

/// What is asked, as the ledger says it.
pub(super) fn requested(details: &ResidentData) -> Requested {
    let actions = details.actions.iter().map(|action| match action {
        Asked::Read => DataAction::Read,
        Asked::Write => DataAction::Write,
    });
    Requested {
        r#type: RESIDENT_DATA.to_owned(),
        purpose: details.purpose.clone(),
        data_classes: details.data_classes.iter().cloned().collect(),
        actions: actions.collect(),
        frequency: None,
    }
}

/// The notice for this request, shown at `at`. The same request, language and time give the same bytes.
pub(super) fn of(
    visit: &Visit,
    lang: Lang,
    request: &AuthorizationRequest,
    details: &ResidentData,
    at: Timestamp,
) -> Result<Wording, Problem> {
    let catalogue = &visit.site.parts.catalogue;
    let gone = || Problem::new(ProblemCode::BadRequestData, "the purpose is not in the catalogue");
    let purpose: &Purpose = catalogue.purpose(&details.purpose).ok_or_else(gone)?;
    let asked = purpose.data_classes.iter().filter(|code| details.data_classes.contains(*code));
    let classes = asked.filter_map(|code| catalogue.data_class(code)).map(|class| ClassView {
        label: lang.pick(&class.label).to_owned(),
        sensitive: class.sensitivity == Sensitivity::Sensitive,
        attributes: class
            .covers
            .iter()
            .flat_map(|covered| &covered.attributes)
            .map(|attribute| lang.pick(&attribute.label).to_owned())
            .collect(),
    });
    let until = at.saturating_add(i64::from(purpose.max_days) * DAY).saturating_sub(1);
    let notice = Notice {
        client: lang.pick(&request.client.name).to_owned(),
        contact: request.client.contact.clone(),
        classes: classes.collect(),
        actions: details
            .actions
            .iter()
            .map(|action| match action {
                Asked::Read => "read",
                Asked::Write => "write",
            })
            .collect(),
        purpose: lang.pick(&purpose.text).to_owned(),
        until: dates::day(lang, until),
        retention_days: purpose.retention_days,
    };
    let html = visit.site.renderer.fragment(lang, &notice).map_err(|error| {
        tracing::error!(request = visit.id, %error, "the notice cannot be shown");
        Problem::new(ProblemCode::InternalError, "the notice cannot be shown")
    })?;
    Ok(Wording { html, days: purpose.max_days })
}

/// What the ledger records of the resident's answer.
pub(super) fn answered(
    lang: Lang,
    request: &AuthorizationRequest,
    details: &ResidentData,
    wording: Wording,
    shown_at: Timestamp,
) -> NewConsent {
    let requested = requested(details);
    NewConsent {
        client: request.client.id.clone(),
        client_name: request.client.name.clone(),
        chosen: requested.data_classes.clone(),
        requested,
        days: wording.days,
        notice: Shown {
            version: NOTICE_VERSION.to_owned(),
            lang: lang.code().to_owned(),
            bytes: wording.html.into_bytes(),
            shown_at,
        },
        method: METHOD.to_owned(),
    }
}
