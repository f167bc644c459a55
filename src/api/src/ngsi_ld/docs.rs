//! Shapes and parameters of the binding for the OpenAPI document.

use utoipa::{IntoParams, IntoResponses, ToSchema};

use crate::openapi::ProblemBody;

/// An NGSI-LD entity: `id`, `type`, and attributes by name.
#[derive(ToSchema)]
#[schema(
    value_type = Object,
    example = json!({
        "id": "urn:ngsi-ld:Building:001",
        "type": "Building",
        "name": { "type": "Property", "value": "都農町役場" },
        "location": { "type": "GeoProperty", "value": { "type": "Point", "coordinates": [131.56, 32.26] } }
    })
)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct EntityBody(serde_json::Value);

/// A part of an entity: attributes by name.
#[derive(ToSchema)]
#[schema(value_type = Object, example = json!({ "temperature": { "type": "Property", "value": 21.5, "observedAt": "2026-11-23T09:00:00Z" } }))]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct FragmentBody(serde_json::Value);

/// How entities are shown.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct RepresentationParams {
    /// `normalized`, `concise`, `keyValues`, `sysAttrs`, comma-separated.
    options: Option<String>,
    /// `normalized`, `concise` or `simplified`.
    format: Option<String>,
    /// Attributes to show; entities with none of them are left out.
    attrs: Option<String>,
    /// Members to show.
    pick: Option<String>,
    /// Members to leave out.
    omit: Option<String>,
    /// Natural languages wanted, as in `Accept-Language`.
    lang: Option<String>,
    /// Instances to show; `@none` is the default one.
    #[param(rename = "datasetId")]
    dataset_id: Option<String>,
}

/// Which linked entities are shown as well (clause 4.5.23).
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct JoinParams {
    /// `inline`, `flat` or `@none`. `pick` and `omit` can then name members of linked entities: `pick=owner{name}`.
    join: Option<String>,
    /// How many relationships away they may be, 1 to 10; 1 when left out.
    #[param(rename = "joinLevel")]
    join_level: Option<u32>,
    /// Ids of entities that are there already and not shown again, comma-separated.
    #[param(rename = "containedBy")]
    contained_by: Option<String>,
}

/// Which entities.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct QueryParams {
    /// Ids, comma-separated.
    id: Option<String>,
    /// Type selection (clause 4.17), e.g. `Building|House`.
    r#type: Option<String>,
    /// A regular expression for ids.
    #[param(rename = "idPattern")]
    id_pattern: Option<String>,
    /// Query language (clause 4.9), e.g. `temperature>20;name~=^都農`.
    q: Option<String>,
    /// Page size, 0 to 1000; 0 only with `count=true`.
    limit: Option<u32>,
    /// Entities to leave out first.
    offset: Option<u32>,
    /// Whether to count all that match, in `NGSILD-Results-Count`.
    count: Option<bool>,
}

/// What can go wrong everywhere.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) enum Problems {
    /// The request or its data is wrong; `detail` and `pointer` say what and where.
    #[response(status = 400, content_type = "application/problem+json")]
    Bad(#[to_schema] ProblemBody),
    /// No valid access token.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(#[to_schema] ProblemBody),
    /// The caller may not do this, or the consent behind its token is not live.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(#[to_schema] ProblemBody),
    /// The store or the access log does not answer; nothing was done.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(#[to_schema] ProblemBody),
}
