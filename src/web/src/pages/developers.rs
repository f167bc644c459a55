//! `/developers` and `/docs`: for those who build on the platform. No login needed.

use actix_web::HttpResponse;
use serde::Serialize;

use crate::render::Page;
use crate::visit::Visit;

/// The model of the one-screen introduction.
#[derive(Debug, Serialize)]
pub(crate) struct DevelopersPage {
    /// First calls.
    pub(crate) calls: Vec<Call>,
}

/// A call to copy.
#[derive(Debug, Serialize)]
pub(crate) struct Call {
    /// The key of what it does.
    text: &'static str,
    /// The command.
    command: String,
}

/// The model of the API viewer.
#[derive(Debug, Serialize)]
pub(crate) struct DocsPage {}

impl Page for DevelopersPage {
    const TEMPLATE: &'static str = "developers.html";
}

impl Page for DocsPage {
    const TEMPLATE: &'static str = "docs.html";
}

/// `GET /developers`.
pub(crate) async fn show(visit: Visit) -> HttpResponse {
    let page = DevelopersPage::of(&visit.site.parts.config.base_url);
    visit.answer(visit.page(&page))
}

/// `GET /docs`.
pub(crate) async fn docs(visit: Visit) -> HttpResponse {
    visit.answer(visit.page(&DocsPage {}))
}

impl DevelopersPage {
    /// The calls of a gateway at this address.
    pub(crate) fn of(base: &str) -> Self {
        let call = |text, command| Call { text, command };
        let calls = vec![
            call("dev-call-discovery", format!("curl {base}/.well-known/openid-configuration")),
            call(
                "dev-call-par",
                format!(
                    "curl {base}/oauth/par \\\n  \
                     -d client_id=your-app -d response_type=code -d scope=openid \\\n  \
                     -d redirect_uri=https://your-app.example/callback \\\n  \
                     -d code_challenge=$CHALLENGE -d code_challenge_method=S256 -d state=$STATE -d nonce=$NONCE \\\n  \
                     -d client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer \\\n  \
                     -d client_assertion=$ASSERTION \\\n  \
                     --data-urlencode 'authorization_details=[{{\"type\":\"resident_data\",\"purpose\":\"health-coaching\",\
                     \"data_classes\":[\"contact\",\"health-activity\"],\"actions\":[\"read\",\"write\"]}}]'"
                ),
            ),
            call(
                "dev-call-read",
                format!(
                    "curl -H \"Authorization: Bearer $TOKEN\" \\\n  \
                     {base}/ngsi-ld/v1/entities/urn:ngsi-ld:Person:$SUB"
                ),
            ),
            call(
                "dev-call-write",
                format!(
                    "curl -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\\n  \
                     {base}/ngsi-ld/v1/entities -d '{{\"id\":\"urn:ngsi-ld:HealthActivity:1\",\"type\":\"HealthActivity\",\n  \
                     \"person\":{{\"type\":\"Relationship\",\"object\":\"urn:ngsi-ld:Person:'$SUB'\"}},\n  \
                     \"steps\":{{\"type\":\"Property\",\"value\":6200}}}}'"
                ),
            ),
        ];
        Self { calls }
    }
}

#[cfg(test)]
mod samples {
    use super::*;

    impl DevelopersPage {
        pub(crate) fn samples() -> Vec<(&'static str, Self)> {
            vec![("developers", Self::of("https://tsuno.example"))]
        }
    }

    impl DocsPage {
        pub(crate) fn samples() -> Vec<(&'static str, Self)> {
            vec![("docs", Self {})]
        }
    }
}
