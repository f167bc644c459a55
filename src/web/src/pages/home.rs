//! `/`: what this is and the way in, or the resident's three tiles.

use actix_web::HttpResponse;
use serde::Serialize;
use tsunagu_ngsi_ld::Context;

use crate::pages::login::ProviderView;
use crate::pages::own;
use crate::render::Page;
use crate::visit::{Shown, Visit};

/// The model of the home page.
#[derive(Debug, Serialize)]
pub(crate) struct HomePage {
    /// Who is signed in.
    pub(crate) resident: Option<ResidentView>,
    /// Ways to log in, when nobody is.
    pub(crate) providers: Vec<ProviderView>,
}

/// The resident, to themselves.
#[derive(Debug, Serialize)]
pub(crate) struct ResidentView {
    /// Full name; `None` when it is not on record.
    pub(crate) name: Option<String>,
    /// The Tsuno ID in groups of four with hyphens.
    pub(crate) tsuno_id: String,
}

impl Page for HomePage {
    const TEMPLATE: &'static str = "home.html";
}

/// `GET /`.
pub(crate) async fn show(visit: Visit) -> HttpResponse {
    let shown = home(&visit).await;
    visit.answer(shown)
}

async fn home(visit: &Visit) -> Shown {
    if visit.session()?.is_none() {
        let providers = visit.ways_in("/", false);
        return visit.page(&HomePage { resident: None, providers });
    }
    if visit.delegation().is_some() {
        return Ok(Visit::see_other("/consents").finish());
    }
    let session = visit.resident().await?;
    let name = Context::core().expand("name").into_owned();
    let person = own::person(visit, session, vec![name]).await?;
    let resident = ResidentView {
        name: person.get("name").and_then(own::words),
        tsuno_id: session.tsuno_id.grouped(),
    };
    visit.page(&HomePage { resident: Some(resident), providers: Vec::new() })
}

#[cfg(test)]
impl HomePage {
    pub(crate) fn samples() -> Vec<(&'static str, Self)> {
        let provider = ProviderView::sample();
        let resident = |name: Option<&str>| ResidentView {
            name: name.map(str::to_owned),
            tsuno_id: "7K3M-9PQX-0A1B-2C3D-4E5F-6G7H-8J9".to_owned(),
        };
        vec![
            ("home-signed-out", Self { resident: None, providers: vec![provider] }),
            ("home", Self { resident: Some(resident(Some("都農 花子"))), providers: vec![] }),
            ("home-unnamed", Self { resident: Some(resident(None)), providers: vec![] }),
        ]
    }
}
