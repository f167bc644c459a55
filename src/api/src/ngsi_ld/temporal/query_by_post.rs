//! Query Temporal Evolution of Entities by POST (clause 5.7.4, binding 6.24.3.1).

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::value::RawValue;
use tsunagu_domain::{Problem, ProblemCode};

use super::query::{Asked, answer};
use crate::body::Capped;
use crate::caller::Caller;
use crate::ngsi_ld::docs::{PageParams, Problems, TemporalBody, TemporalQueryBody};
use crate::ngsi_ld::entities::read_query;
use crate::ngsi_ld::negotiate;
use crate::params::Params;
use crate::{Failure, Gateway};

/// Clauses 5.2.21 and 5.2.44.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Interval {
    timerel: Option<String>,
    time_at: Option<String>,
    end_time_at: Option<String>,
    timeproperty: Option<String>,
    last_n: Option<serde_json::Number>,
    aggr_methods: Option<OneOrMany>,
    aggr_period_duration: Option<String>,
}

/// A text, or an array of texts, as one list.
#[derive(Debug)]
struct OneOrMany(String);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Ok(Self(text)),
            serde_json::Value::Array(texts) => {
                let texts = texts.iter().map(serde_json::Value::as_str);
                let texts: Option<Vec<&str>> = texts.collect();
                texts
                    .map(|texts| Self(texts.join(",")))
                    .ok_or_else(|| serde::de::Error::custom("expected an array of texts"))
            }
            _ => Err(serde::de::Error::custom("expected a text or an array of texts")),
        }
    }
}

/// Query the temporal evolution of entities by POST
///
/// As the query by GET, with the conditions in the body; `limit`, `offset`, `count`, `options` and `format` are parameters.
#[utoipa::path(
    post,
    path = "/ngsi-ld/v1/temporal/entityOperations/query",
    tag = "NGSI-LD temporal evolution",
    params(
        PageParams,
        ("options" = Option<String>, Query, description = "`normalized`, `concise`, `temporalValues`, `aggregatedValues`, `sysAttrs`, comma-separated"),
        ("format" = Option<String>, Query, description = "`normalized`, `concise`, `temporalValues` or `aggregatedValues`"),
    ),
    request_body(content((TemporalQueryBody = "application/json"), (TemporalQueryBody = "application/ld+json"))),
    responses(
        (status = 200, description = "The entities of the page over time", content((Vec<TemporalBody> = "application/json"), (Vec<TemporalBody> = "application/ld+json"))),
        (status = 206, description = "There was too much: the part of the time that `Content-Range` names"),
        Problems,
    ),
    security((), ("bearer" = []))
)]
pub(crate) async fn query_by_post(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    let known = ["limit", "offset", "count", "options", "format", "local"];
    let links = Params::read(&request, &known)?;
    let (text, context) = negotiate::document(&gateway, &request, &body).await?;
    let (rest, interval) = divide(text)?;
    let (mut params, selectors) = read_query(&rest, &context)?;
    params.extend(links.iter().cloned());
    // Methods in the body ask for the aggregated representation (clause 5.2.44).
    let aggregates = interval.iter().any(|(name, _)| *name == "aggrMethods");
    if aggregates && links.get("format").is_none() && links.get("options").is_none() {
        params.push(("format".to_owned(), "aggregatedValues".to_owned()));
    }
    params.extend(interval.into_iter().map(|(name, value)| (name.to_owned(), value)));
    let params = Params::of(params)?;
    let asked = Asked { params: &params, selectors, links: &links };
    let path = "/temporal/entityOperations/query";
    answer(&gateway, &request, &caller, asked, &context, path).await
}

/// Parameters about the past, with their values.
type Said = Vec<(&'static str, String)>;

/// The document without what is about the past, and that as the parameters that say the same.
fn divide(text: &str) -> Result<(String, Said), Failure> {
    let bad = |detail: &str, at: &str| -> Failure {
        Problem::new(ProblemCode::BadRequestData, detail).at(at).into()
    };
    let mut members: BTreeMap<String, &RawValue> = serde_json::from_str(text)
        .map_err(|_| bad("the body is a JSON object of the type Query", ""))?;
    let mut part = |name: &str| match members.remove(name) {
        None => Ok(Interval::default()),
        Some(value) => serde_json::from_str(value.get()).map_err(|_| {
            let detail = "a member is not known, or not of the form that it has";
            bad(detail, &format!("/{name}"))
        }),
    };
    let (interval, aggregates): (Interval, Interval) = (part("temporalQ")?, part("aggrParams")?);
    let rest = serde_json::to_string(&members).map_err(|_| bad("the body is not JSON", ""))?;
    let mut params = Vec::new();
    let mut add = |name, value: Option<String>| params.extend(value.map(|value| (name, value)));
    add("timerel", interval.timerel);
    add("timeAt", interval.time_at);
    add("endTimeAt", interval.end_time_at);
    add("timeproperty", interval.timeproperty);
    add("lastN", interval.last_n.map(|n| n.to_string()));
    add("aggrMethods", aggregates.aggr_methods.or(interval.aggr_methods).map(|m| m.0));
    let every = aggregates.aggr_period_duration.or(interval.aggr_period_duration);
    add("aggrPeriodDuration", every);
    Ok((rest, params))
}

#[cfg(test)]
mod tests {
    use super::divide;

    #[test]
    fn a_document_says_what_parameters_say() {
        let text = r#"{"type":"Query","entities":[{"type":"Vehicle"}],
            "temporalQ":{"timerel":"after","timeAt":"2020-08-01T12:00:00Z","lastN":2.5,"aggrMethods":["avg","max"]},
            "aggrParams":{"aggrPeriodDuration":"PT1H"}}"#;
        let (rest, params) = divide(text).ok().unwrap();
        assert_eq!(rest, r#"{"entities":[{"type":"Vehicle"}],"type":"Query"}"#);
        let expected = [
            ("timerel", "after"),
            ("timeAt", "2020-08-01T12:00:00Z"),
            ("lastN", "2.5"),
            ("aggrMethods", "avg,max"),
            ("aggrPeriodDuration", "PT1H"),
        ];
        assert_eq!(params, expected.map(|(name, value)| (name, value.to_owned())));
        for wrong in [
            r#"{"temporalQ":[]}"#,
            r#"{"temporalQ":{"timerel":1}}"#,
            r#"{"temporalQ":{"more":1}}"#,
            "[]",
        ] {
            assert!(divide(wrong).is_err(), "{wrong}");
        }
    }
}
