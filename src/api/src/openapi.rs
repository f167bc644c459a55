//! The OpenAPI 3.1 document, written from the handlers.

mod binding;
mod examples;

use actix_web::{HttpResponse, web};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

/// A problem detail (RFC 9457).
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct ProblemBody {
    /// A URI that names the problem.
    #[schema(example = "https://uri.etsi.org/ngsi-ld/errors/BadRequestData")]
    r#type: String,
    /// Its name.
    #[schema(example = "Bad request data")]
    title: String,
    /// The HTTP status.
    #[schema(example = 400)]
    status: u16,
    /// What is wrong and how to mend it.
    #[schema(example = "the entity has no type; add a type, for example Building")]
    detail: String,
    /// Where: a JSON pointer into the body, or the name of a parameter or header.
    #[schema(example = "/type")]
    pointer: Option<String>,
    /// Its name in Japanese.
    #[serde(rename = "titleJa")]
    title_ja: String,
    /// Where consent can be asked for, when saying so reveals nothing.
    #[serde(rename = "consentRequestUrl")]
    consent_request_url: Option<String>,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "tsunagu",
        description = "データ連携基盤のゲートウェイ。住民の同意のもとで NGSI-LD のデータを連携します。\n\nThe data-linkage gateway of a town: NGSI-LD entities keyed by one resident id, consent and token scopes on every path, coins for health activity.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        crate::ngsi_ld::entities::create,
        crate::ngsi_ld::entities::query,
        crate::ngsi_ld::entities::purge,
        crate::ngsi_ld::entities::query_by_post,
        crate::ngsi_ld::entities::retrieve,
        crate::ngsi_ld::entities::replace,
        crate::ngsi_ld::entities::merge,
        crate::ngsi_ld::entities::delete,
        crate::ngsi_ld::batch::create,
        crate::ngsi_ld::batch::upsert,
        crate::ngsi_ld::batch::update,
        crate::ngsi_ld::batch::merge,
        crate::ngsi_ld::batch::delete,
        crate::ngsi_ld::types::list,
        crate::ngsi_ld::types::retrieve,
        crate::ngsi_ld::attributes::list,
        crate::ngsi_ld::attributes::retrieve,
        crate::ngsi_ld::info::source_identity,
        crate::ngsi_ld::contexts::add,
        crate::ngsi_ld::contexts::list,
        crate::ngsi_ld::contexts::serve,
        crate::ngsi_ld::contexts::delete,
        crate::ngsi_ld::sources::register,
        crate::ngsi_ld::sources::query,
        crate::ngsi_ld::sources::retrieve,
        crate::ngsi_ld::sources::update,
        crate::ngsi_ld::sources::delete,
        crate::ngsi_ld::source_subscriptions::create,
        crate::ngsi_ld::source_subscriptions::query,
        crate::ngsi_ld::source_subscriptions::retrieve,
        crate::ngsi_ld::source_subscriptions::update,
        crate::ngsi_ld::source_subscriptions::delete,
        crate::ngsi_ld::attrs::append,
        crate::ngsi_ld::attrs::update,
        crate::ngsi_ld::attrs::partial_update,
        crate::ngsi_ld::attrs::replace,
        crate::ngsi_ld::attrs::delete,
        crate::ngsi_ld::temporal::provide,
        crate::ngsi_ld::temporal::query,
        crate::ngsi_ld::temporal::query_by_post,
        crate::ngsi_ld::temporal::retrieve,
        crate::ngsi_ld::temporal::delete,
        crate::ngsi_ld::temporal::append,
        crate::ngsi_ld::temporal::delete_attribute,
        crate::ngsi_ld::temporal::modify_instance,
        crate::ngsi_ld::temporal::delete_instance,
        crate::ngsi_ld::subscriptions::create,
        crate::ngsi_ld::subscriptions::query,
        crate::ngsi_ld::subscriptions::retrieve,
        crate::ngsi_ld::subscriptions::update,
        crate::ngsi_ld::subscriptions::delete,
        crate::oauth::endpoints::par,
        crate::oauth::endpoints::token,
        crate::oauth::endpoints::introspect,
        crate::oauth::pairwise::names,
        crate::oauth::endpoints::revoke,
        crate::oauth::endpoints::userinfo,
        crate::oauth::metadata::jwks,
        crate::oauth::metadata::server,
        crate::oauth::metadata::resource_server,
        crate::consents::list,
        crate::consents::retrieve,
        crate::consents::withdraw,
        crate::consents::pause,
        crate::consents::notice,
        crate::consents::verify,
        crate::consents::deletion,
        crate::consents::deleted,
        crate::consents::deletions,
        crate::consents::keys,
        crate::consents::resume,
        crate::consents::confirm,
        crate::counter::notice,
        crate::counter::consent,
        crate::counter::withdraw,
        crate::counter::guardian,
        crate::counter::end,
        crate::consents::receipt,
        crate::me::access_log,
        crate::me::proof,
        crate::me::consents,
        crate::me::unused,
        crate::me::export,
        crate::me::close,
        crate::me::delegations::list,
        crate::me::delegations::make,
        crate::me::delegations::end,
        crate::me::shares::list,
        crate::me::shares::notice,
        crate::me::shares::make,
        crate::me::shares::cancel,
        crate::me::find_usage,
        crate::me::usage_period,
        crate::me::heartbeat,
        crate::audit::checkpoint,
        crate::audit::tile,
        crate::audit::entries,
        crate::audit::payload,
        crate::audit::proof,
        crate::rewards::rules,
        crate::rewards::grants,
        crate::rewards::decide,
        crate::rewards::simulate,
        crate::rewards::reconciliations,
        crate::rewards::coins,
        crate::rewards::appeal,
        crate::rewards::appeals,
        crate::rewards::answer,
        crate::residents::identity_reviews,
        crate::residents::decide_identity,
        crate::residents::link_reviews,
        crate::residents::decide_link,
        crate::connectors::list,
        crate::connectors::runs,
        crate::connectors::reload,
        crate::connectors::run,
        crate::connectors::probe,
        crate::connectors::dead,
        crate::connectors::replay,
        crate::connectors::dismiss,
        crate::connectors::messages,
        crate::connectors::metrics,
        crate::staff::me,
        crate::staff::cases::list,
        crate::staff::cases::open,
        crate::staff::cases::retrieve,
        crate::staff::cases::read,
        crate::staff::cases::approve,
        crate::staff::cases::deny,
        crate::staff::cases::close,
        crate::staff::clients::list,
        crate::staff::clients::apply,
        crate::staff::clients::retrieve,
        crate::staff::clients::approve,
        crate::staff::clients::deny,
        crate::staff::clients::suspend,
        crate::staff::clients::resume,
        crate::staff::clients::end,
        crate::imports::list,
        crate::imports::retrieve,
        crate::imports::report,
        crate::imports::queue,
        crate::imports::decide,
        crate::imports::propose,
        crate::imports::force,
        crate::imports::publish,
        crate::imports::discard,
        crate::imports::rollback,
        crate::imports::hand_over,
        crate::imports::check,
        crate::imports::decisions,
        crate::imports::withdraw,
        crate::records::link_key,
        crate::operations::livez,
        crate::operations::readyz,
        crate::operations::version,
    ),
    modifiers(&Security, &OperationIds)
)]
struct Document;

struct Security;

impl Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("at+jwt")
            .description(Some("An access token from /oauth/token (RFC 9068), five minutes long"))
            .build();
        let components = openapi.components.get_or_insert_with(Default::default);
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
}

/// Operations are named by method and path: the names of handlers repeat, and no two may be the same.
struct OperationIds;

impl Modify for OperationIds {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut openapi.paths.paths {
            let operations = [
                ("get", &mut item.get),
                ("put", &mut item.put),
                ("post", &mut item.post),
                ("patch", &mut item.patch),
                ("delete", &mut item.delete),
            ];
            for (method, operation) in operations {
                if let Some(operation) = operation {
                    let words = path.split(|c: char| !c.is_ascii_alphanumeric());
                    let words = words.filter(|word| !word.is_empty());
                    let id: Vec<&str> = std::iter::once(method).chain(words).collect();
                    operation.operation_id = Some(id.join("_"));
                }
            }
        }
    }
}

/// The document as JSON.
pub fn document() -> String {
    let mut document = serde_json::to_value(Document::openapi()).unwrap_or_default();
    binding::complete(&mut document);
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

pub(crate) async fn serve() -> HttpResponse {
    static TEXT: std::sync::LazyLock<String> = std::sync::LazyLock::new(document);
    HttpResponse::Ok()
        .content_type("application/json")
        .body(web::Bytes::from_static(TEXT.as_bytes()))
}
