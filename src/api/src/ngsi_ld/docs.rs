//! Shapes and parameters of the binding for the OpenAPI document.

use utoipa::{IntoParams, IntoResponses, ToSchema};

use crate::openapi::ProblemBody;

/// An NGSI-LD entity: `id`, `type`, and attributes by name.
#[derive(ToSchema)]
#[schema(value_type = Object)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct EntityBody(serde_json::Value);

/// An entity as a `GeoJSON` Feature.
#[derive(ToSchema)]
#[schema(value_type = Object)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct FeatureBody(serde_json::Value);

/// Entities as a `GeoJSON` `FeatureCollection`.
#[derive(ToSchema)]
#[schema(value_type = Object)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct FeatureCollectionBody(serde_json::Value);

/// A query (clause 5.2.23): what is asked for.
#[derive(ToSchema)]
#[schema(value_type = Object)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct QueryBody(serde_json::Value);

/// A part of an entity: attributes by name.
#[derive(ToSchema)]
#[schema(value_type = Object)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct FragmentBody(serde_json::Value);

/// An entity over time: each attribute has an array of its instances.
#[derive(ToSchema)]
#[schema(value_type = Object)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct TemporalBody(serde_json::Value);

/// A query of the temporal evolution (clauses 5.2.23, 5.2.21).
#[derive(ToSchema)]
#[schema(value_type = Object)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct TemporalQueryBody(serde_json::Value);

/// An NGSI-LD subscription (clause 5.2.12).
#[derive(ToSchema)]
#[schema(value_type = Object)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct SubscriptionBody(serde_json::Value);

/// How subscriptions are shown.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct SubscriptionParams {
    /// `sysAttrs` shows when the subscription was made and changed.
    options: Option<String>,
}

/// Which subscriptions.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct SubscriptionsParams {
    /// Page size, 0 to 1000; 0 only with `count=true`.
    limit: Option<u32>,
    /// Subscriptions to leave out first.
    offset: Option<u32>,
    /// Whether to count all, in `NGSILD-Results-Count`.
    count: Option<bool>,
}

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
    /// With `application/geo+json`: the attribute that becomes the geometry; `location` if not said.
    #[param(rename = "geometryProperty")]
    geometry_property: Option<String>,
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
pub(crate) struct FilterParams {
    /// Ids, comma-separated.
    id: Option<String>,
    /// Type selection (clause 4.17), e.g. `Building|House`.
    r#type: Option<String>,
    /// A regular expression for ids.
    #[param(rename = "idPattern")]
    id_pattern: Option<String>,
    /// Query language (clause 4.9), e.g. `temperature>20;name~=^都農`.
    q: Option<String>,
    /// Attributes whose values in `q` are terms, to be expanded.
    #[param(rename = "expandValues")]
    expand_values: Option<String>,
    /// Geo-relation (clause 4.10): `near;maxDistance==metres`, `near;minDistance==metres`, `within`, `contains`, `intersects`, `equals`,
    /// `disjoint` or `overlaps`; with `geometry` and `coordinates`.
    georel: Option<String>,
    /// Type of the reference geometry, e.g. `Point`.
    geometry: Option<String>,
    /// Its coordinates as JSON, e.g. `[131.56,32.26]`.
    coordinates: Option<String>,
    /// The attribute that says where entities lie; `location` if not said.
    geoproperty: Option<String>,
    /// Scope query (clause 4.19), e.g. `/Tsuno/#`.
    #[param(rename = "scopeQ")]
    scope_q: Option<String>,
}

/// In which order.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct OrderParams {
    /// Order (clause 4.23), e.g. `name;desc,createdAt` or `location;dist-asc`. At most the first 10,000 entities can be paged through.
    #[param(rename = "orderBy")]
    order_by: Option<String>,
    /// Coordinates as JSON that distances are measured from.
    #[param(rename = "orderFrom")]
    order_from: Option<String>,
    /// Type of their geometry; `Point` if not said.
    #[param(rename = "orderGeometry")]
    order_geometry: Option<String>,
    /// How texts are ordered, e.g. `ja` or `de-u-co-phonebk`.
    collation: Option<String>,
}

/// Which page of them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct PageParams {
    /// Page size, 0 to 1000; 0 only with `count=true`.
    limit: Option<u32>,
    /// Entities to leave out first.
    offset: Option<u32>,
    /// Whether to count all that match, in `NGSILD-Results-Count`.
    count: Option<bool>,
}

/// How discovery answers.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct DiscoveryParams {
    /// Whether to tell more of each.
    details: Option<bool>,
    /// Whether to tell how many there are, in `NGSILD-Results-Count`.
    count: Option<bool>,
    /// This broker alone is asked in any case.
    local: Option<bool>,
}

/// An `EntityTypeList`, or with `details=true` an array of `EntityType` (clauses 5.2.24, 5.2.25).
#[derive(ToSchema)]
#[schema(value_type = Object)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct DiscoveredTypes(serde_json::Value);

/// An `EntityTypeInfo` (clause 5.2.26).
#[derive(ToSchema)]
#[schema(value_type = Object)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct DiscoveredType(serde_json::Value);

/// An `AttributeList`, or with `details=true` an array of `Attribute` (clauses 5.2.27, 5.2.28).
#[derive(ToSchema)]
#[schema(value_type = Object)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct DiscoveredAttributes(serde_json::Value);

/// An `Attribute` (clause 5.2.28).
#[derive(ToSchema)]
#[schema(value_type = Object)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct DiscoveredAttribute(serde_json::Value);

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
