//! From what a client asks to the notice, and to what the ledger records.

use tsunagu_consent::{DataAction, NewConsent, Notice as Shown, RESIDENT_DATA, Requested};
use tsunagu_domain::{Catalogue, DataClass, Problem, ProblemCode, Purpose, Sensitivity, Timestamp};
use tsunagu_identity::{AuthorizationRequest, DataAction as Asked, ResidentData};

use super::{ClassView, Notice};
use crate::dates;
use crate::locale::Lang;
use crate::visit::Visit;

/// Changes with every change of the notice's words or form.
pub(crate) const NOTICE_VERSION: &str = "2";
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
        optional_data_classes: details.optional_data_classes.iter().cloned().collect(),
        actions: actions.collect(),
        frequency: details.frequency,
    }
}

/// A data class in words.
pub(super) fn class_view(lang: Lang, class: &DataClass) -> ClassView {
    let attributes = class.covers.iter().flat_map(|covered| &covered.attributes);
    ClassView {
        label: lang.pick(&class.label).to_owned(),
        sensitive: class.sensitivity == Sensitivity::Sensitive,
        attributes: attributes.map(|attribute| lang.pick(&attribute.label).to_owned()).collect(),
    }
}

/// What is asked for and may be left out, or may not, in the order of the purpose.
pub(super) fn asked<'a>(
    catalogue: &'a Catalogue,
    details: &'a ResidentData,
    optional: bool,
) -> impl Iterator<Item = &'a DataClass> {
    let requested = requested(details);
    let purpose = catalogue.purpose(&details.purpose);
    let codes = purpose.into_iter().flat_map(|purpose| &purpose.data_classes);
    let asked = codes.filter(move |code| {
        requested.classes().any(|class| class == *code)
            && requested.is_optional(code, catalogue) == optional
    });
    asked.filter_map(|code| catalogue.data_class(code))
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
    let classes = |optional| {
        asked(catalogue, details, optional).map(|class| class_view(lang, class)).collect()
    };
    let until = at.saturating_add(i64::from(purpose.max_days) * DAY).saturating_sub(1);
    let notice = Notice {
        client: lang.pick(&request.client.name).to_owned(),
        contact: request.client.contact.clone(),
        classes: classes(false),
        optional: classes(true),
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
        frequency: details.frequency.map(Into::into),
        retention_days: purpose.retention_days,
    };
    let html = visit.site.renderer.fragment(lang, &notice).map_err(|error| {
        tracing::error!(request = visit.id, %error, "the notice cannot be shown");
        Problem::new(ProblemCode::InternalError, "the notice cannot be shown")
    })?;
    Ok(Wording { html, days: purpose.max_days })
}

/// What the ledger records of the resident's answer: all that is needed, and what they chose.
pub(super) fn answered(
    chosen: Vec<String>,
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
        chosen,
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
