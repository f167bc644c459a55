//! Media types and @contexts of requests and answers (clauses 6.3.3, 6.3.4, 6.3.5).

use std::sync::{Arc, LazyLock};

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponseBuilder};
use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::parse::split_context;
use tsunagu_ngsi_ld::{CORE_CONTEXT_URL, Context};

use crate::body::Capped;
use crate::caller::decided_tenant;
use crate::{Failure, Gateway};

const JSON: &str = "application/json";
const LD_JSON: &str = "application/ld+json";
const GEO_JSON: &str = "application/geo+json";
const MERGE_PATCH: &str = "application/merge-patch+json";
const CONTEXT_REL: &str = "http://www.w3.org/ns/json-ld#context";

/// The representation of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    /// `application/json`, the @context in a `Link` header.
    Json,
    /// `application/ld+json`, the @context in the body.
    LdJson,
    /// `application/geo+json`, the @context in a `Link` header, and in the body unless `Prefer: body=json` asks for it without.
    GeoJson,
}

impl Media {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Json => JSON,
            Self::LdJson => LD_JSON,
            Self::GeoJson => GEO_JSON,
        }
    }
}

/// The media type that the client accepts best (RFC 9110 12.5.1): the most specific range decides about a type, JSON comes first
/// among equals (clause 6.3.4).
pub(crate) fn accepted(request: &HttpRequest) -> Result<Media, Failure> {
    best(request, &[Media::Json, Media::LdJson])
}

/// The same where entities can be shown as `GeoJSON` (clause 6.3.15).
pub(crate) fn accepted_for_entities(request: &HttpRequest) -> Result<Media, Failure> {
    best(request, &[Media::Json, Media::LdJson, Media::GeoJson])
}

fn best(request: &HttpRequest, offered: &[Media]) -> Result<Media, Failure> {
    let ranges: Vec<&str> = request
        .headers()
        .get_all(header::ACCEPT)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    if ranges.is_empty() {
        return Ok(Media::Json);
    }
    let weighed = offered.iter().map(|media| (quality(&ranges, media.name()), *media));
    // Of equals the first.
    let best = weighed.filter(|(weight, _)| *weight > 0).rev().max_by_key(|(weight, _)| *weight);
    best.map(|(_, media)| media).ok_or_else(|| {
        let names: Vec<&str> = offered.iter().map(|media| media.name()).collect();
        let detail = format!("answers here are {}; accept one of them", names.join(" or "));
        Problem::new(ProblemCode::NotAcceptable, detail).at("Accept").into()
    })
}

/// What the client would rather have (RFC 7240); what is not known here is ignored.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Preferences {
    /// `body=json` or `body=ld+json`: whether `GeoJSON` comes without an @context (clause 6.3.6).
    pub(crate) plain_body: Option<bool>,
    /// `ngsi-ld=1.5`: an answer in the words of that version, major and minor (clause 4.3.6.8).
    pub(crate) version: Option<(u8, u8)>,
}

/// The version of the specification that answers follow unless an earlier one is preferred.
const VERSION: (u8, u8) = (1, 9);

impl Preferences {
    /// Those of a request.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let mut preferences = Self::default();
        let values = request.headers().get_all("prefer").filter_map(|value| value.to_str().ok());
        for item in values.flat_map(|value| value.split([',', ';'])) {
            let (name, value) = item.trim().split_once('=').unwrap_or_default();
            // Names are the same in any case (RFC 7240 section 2).
            match (name.to_ascii_lowercase().as_str(), value) {
                ("body", "json") => preferences.plain_body = Some(true),
                ("body", "ld+json") => preferences.plain_body = Some(false),
                ("ngsi-ld", version) => {
                    let parts = version.trim_matches('"').split_once('.');
                    let numbers = parts.and_then(|(major, minor)| {
                        Some((major.parse().ok()?, minor.parse().ok()?))
                    });
                    preferences.version = numbers.filter(|version| *version <= VERSION);
                }
                _ => {}
            }
        }
        preferences
    }

    /// Says which of them the answer follows.
    pub(crate) fn applied(self, response: &mut HttpResponseBuilder, media: Media) {
        let mut applied = Vec::new();
        if let (Some(plain), Media::GeoJson) = (self.plain_body, media) {
            applied.push(if plain { "body=json".to_owned() } else { "body=ld+json".to_owned() });
        }
        applied.extend(self.version.map(|(major, minor)| format!("ngsi-ld={major}.{minor}")));
        if !applied.is_empty() {
            response.insert_header(("Preference-Applied", applied.join(", ")));
        }
    }
}

/// The weight of a media type in thousandths; 0 when it is not accepted.
fn quality(ranges: &[&str], media: &str) -> u32 {
    let mut best = (0, 0);
    for range in ranges {
        let mut parts = range.split(';').map(str::trim);
        let specific = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            name if name == media => 3,
            "application/*" => 2,
            "*/*" => 1,
            _ => continue,
        };
        // What is no weight is as if it were not there.
        let weight = parts.find_map(|part| part.strip_prefix("q=")).and_then(|q| q.parse().ok());
        let weight: f64 = weight.unwrap_or(1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped first"
        )]
        let weight = (weight.clamp(0.0, 1.0) * 1000.0) as u32;
        best = best.max((specific, weight));
    }
    best.1
}

/// The @context that the `Link` header names, or the core one.
pub(crate) async fn linked(
    gateway: &Gateway,
    request: &HttpRequest,
) -> Result<Arc<Context>, Failure> {
    match link(request)? {
        None => Ok(Context::core()),
        Some(url) => Ok(gateway.broker.contexts().at(&decided_tenant(request)?, &url).await?),
    }
}

/// The body as strict JSON, whose @context is nothing to expand it with.
pub(crate) fn plain<'b>(
    gateway: &Gateway,
    request: &HttpRequest,
    body: &'b Capped,
) -> Result<&'b str, Failure> {
    match content_type(request).as_deref() {
        Some(JSON | LD_JSON) => body.json(gateway.limits.max_depth),
        _ => Err(Problem::new(
            ProblemCode::UnsupportedMediaType,
            "send application/json or application/ld+json",
        )
        .at("Content-Type")
        .into()),
    }
}

/// The body as strict JSON, with the @context that it is written in.
pub(crate) async fn document<'b>(
    gateway: &Gateway,
    request: &HttpRequest,
    body: &'b Capped,
) -> Result<(&'b str, Arc<Context>), Failure> {
    let ld = is_ld(request)?;
    let text = body.json(gateway.limits.max_depth)?;
    if !text.trim_start().starts_with('{') && split_context(text)?.is_none() {
        let detail = "the body is not a JSON object";
        // Fragments of one attribute may be arrays and plain values, in application/json.
        if ld {
            return Err(Problem::new(ProblemCode::InvalidRequest, detail).into());
        }
    }
    let in_body = split_context(text)?;
    let wrong = |detail: &str, at: &str| {
        Err(Problem::new(ProblemCode::BadRequestData, detail).at(at).into())
    };
    let contexts = gateway.broker.contexts();
    let context = match (ld, in_body, link(request)?) {
        (true, Some(local), None) => contexts.of(&decided_tenant(request)?, &local).await?,
        (true, None, None) => {
            return wrong(
                "application/ld+json needs an @context member; add one, or send application/json",
                "/@context",
            );
        }
        (true, _, Some(_)) => {
            return wrong(
                "application/ld+json carries its @context in the body; leave the Link header out",
                "Link",
            );
        }
        (false, Some(_), _) => {
            return wrong(
                "application/json may not carry an @context member; send application/ld+json, or a Link header",
                "/@context",
            );
        }
        (false, None, Some(url)) => contexts.at(&decided_tenant(request)?, &url).await?,
        (false, None, None) => Context::core(),
    };
    Ok((text, context))
}

/// Whether the body is `application/ld+json`, which brings its @context along; another media type than JSON is refused.
pub(crate) fn is_ld(request: &HttpRequest) -> Result<bool, Failure> {
    match content_type(request).as_deref() {
        Some(JSON | MERGE_PATCH) => Ok(false),
        Some(LD_JSON) => Ok(true),
        _ => Err(Problem::new(
            ProblemCode::UnsupportedMediaType,
            "send application/json (with the @context in a Link header) or application/ld+json (with the @context in the body)",
        )
        .at("Content-Type")
        .into()),
    }
}

fn content_type(request: &HttpRequest) -> Option<String> {
    let value = request.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// The target of the one `Link` header with the relation of JSON-LD contexts (RFC 8288).
pub(crate) fn link(request: &HttpRequest) -> Result<Option<String>, Failure> {
    let mut found = None;
    let values = request.headers().get_all(header::LINK).filter_map(|value| value.to_str().ok());
    for link in values.flat_map(|value| value.split(',').filter(|part| part.contains('<'))) {
        let Some((target, attributes)) =
            link.trim().strip_prefix('<').and_then(|l| l.split_once('>'))
        else {
            let detail = "the Link header is not of the form <url>; rel=\"…\"";
            return Err(Problem::new(ProblemCode::InvalidRequest, detail).at("Link").into());
        };
        let is_context = attributes.split(';').map(str::trim).any(|attribute| {
            attribute.strip_prefix("rel=").is_some_and(|rel| rel.trim_matches('"') == CONTEXT_REL)
        });
        if is_context && found.replace(target.to_owned()).is_some() {
            let detail = "there is more than one @context in the Link headers; name one that includes the others";
            return Err(Problem::new(ProblemCode::InvalidRequest, detail).at("Link").into());
        }
    }
    Ok(found)
}

/// Sets media type and `Link` of an answer with a body.
pub(crate) fn describe(response: &mut HttpResponseBuilder, media: Media, context: &Context) {
    match media {
        Media::LdJson => {
            response.insert_header((header::CONTENT_TYPE, HeaderValue::from_static(LD_JSON)));
        }
        Media::Json | Media::GeoJson => {
            response.insert_header((header::CONTENT_TYPE, HeaderValue::from_static(media.name())));
            match context.url() {
                None | Some(CORE_CONTEXT_URL) => {
                    response.insert_header((header::LINK, CORE_LINK.clone()));
                }
                Some(url) => {
                    if let Some(link) = context_link(url) {
                        response.insert_header((header::LINK, link));
                    }
                }
            }
        }
    }
}

/// The link of nearly every answer.
static CORE_LINK: LazyLock<HeaderValue> = LazyLock::new(|| {
    context_link(CORE_CONTEXT_URL).unwrap_or_else(|| HeaderValue::from_static(""))
});

fn context_link(url: &str) -> Option<HeaderValue> {
    let link = format!("<{url}>; rel=\"{CONTEXT_REL}\"; type=\"{LD_JSON}\"");
    HeaderValue::try_from(link).ok()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::{Media, Preferences, accepted, accepted_for_entities};

    fn chosen(accept: &str) -> Option<Media> {
        let request = TestRequest::get().insert_header(("Accept", accept)).to_http_request();
        accepted(&request).ok()
    }

    #[test]
    fn features_are_for_entities_only() {
        for (accept, media) in [
            ("application/geo+json", Some(Media::GeoJson)),
            ("application/geo+json, application/json", Some(Media::Json)),
            ("application/json;q=0.5, application/geo+json", Some(Media::GeoJson)),
            ("application/ld+json;q=0.5, application/geo+json;q=0.5", Some(Media::LdJson)),
            ("*/*", Some(Media::Json)),
            ("text/html", None),
        ] {
            let request = TestRequest::get().insert_header(("Accept", accept)).to_http_request();
            assert_eq!(accepted_for_entities(&request).ok(), media, "{accept}");
        }
        assert_eq!(chosen("application/geo+json"), None);
    }

    #[test]
    fn preferences_are_read_and_others_ignored() {
        let read = |prefer: &str| {
            let request = TestRequest::get().insert_header(("Prefer", prefer)).to_http_request();
            let Preferences { plain_body, version } = Preferences::of(&request);
            (plain_body, version)
        };
        assert_eq!(read("body=json"), (Some(true), None));
        assert_eq!(read("respond-async, body=ld+json; ngsi-ld=1.5"), (Some(false), Some((1, 5))));
        assert_eq!(read("ngsi-ld=1.9.1"), (None, None));
        assert_eq!(read("ngsi-ld=2.0, ngsi-ld=x, body=xml"), (None, None));
    }

    #[test]
    fn the_most_specific_range_decides() {
        for (accept, media) in [
            ("*/*", Some(Media::Json)),
            ("application/ld+json", Some(Media::LdJson)),
            ("application/ld+json, application/json", Some(Media::Json)),
            ("application/json;q=0.1, application/ld+json;q=0.9", Some(Media::LdJson)),
            ("application/json;q=0, */*", Some(Media::LdJson)),
            ("*/*;q=0.9, application/ld+json;q=0.8", Some(Media::Json)),
            ("application/ld+json;q=notanumber", Some(Media::LdJson)),
            ("application/*;q=0, text/html", None),
            ("text/html", None),
        ] {
            assert_eq!(chosen(accept), media, "{accept}");
        }
    }
}
