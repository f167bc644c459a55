//! Query Temporal Evolution of Entities by POST (clause 5.7.4, binding 6.24.3.1).

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use tsunagu_domain::{Problem, ProblemCode};

use super::ask;
use super::query::{KNOWN, NOT_YET, answer};
use crate::body::Capped;
use crate::caller::Caller;
use crate::ngsi_ld::docs::{Problems, TemporalBody, TemporalQueryBody};
use crate::ngsi_ld::{negotiate, representation};
use crate::params::Params;
use crate::{Failure, Gateway};

/// A query as a document (clause 5.2.23), as far as it is about the past.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    #[serde(rename = "type")]
    kind: Option<String>,
    entities: Option<Vec<Selector>>,
    attrs: Option<Vec<String>>,
    pick: Option<Vec<String>>,
    omit: Option<Vec<String>>,
    dataset_id: Option<Vec<String>>,
    q: Option<String>,
    scope_q: Option<String>,
    csf: Option<String>,
    geo_q: Option<serde::de::IgnoredAny>,
    lang: Option<String>,
    temporal_q: Option<Interval>,
    aggr_params: Option<Interval>,
}

/// Clause 5.2.33.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Selector {
    id: Option<OneOrMany>,
    #[serde(rename = "type")]
    kind: Option<String>,
    id_pattern: Option<String>,
}

/// Clauses 5.2.21 and 5.2.44.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
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
    let known = ["limit", "offset", "count", "options", "format", "local", "orderBy"];
    let params = Params::read(&request, &known)?;
    let (text, context) = negotiate::document(&gateway, &request, &body).await?;
    let params = conditions(text)?.into_iter().fold(params, |params, (name, value)| {
        debug_assert!(
            [&KNOWN[..], &NOT_YET, &ask::KNOWN, &representation::KNOWN].concat().contains(&name)
        );
        params.and(name, value)
    });
    // Methods in the body ask for the aggregated representation (clause 5.2.44).
    let params = match (params.get("aggrMethods"), params.get("format"), params.get("options")) {
        (Some(_), None, None) => params.and("format", "aggregatedValues".to_owned()),
        _ => params,
    };
    let path = "/temporal/entityOperations/query";
    answer(&gateway, &request, &caller, &params, &context, path).await
}

/// The document as the parameters that say the same.
fn conditions(text: &str) -> Result<Vec<(&'static str, String)>, Failure> {
    let bad = |detail: String, at: &str| -> Failure {
        Problem::new(ProblemCode::BadRequestData, detail).at(at).into()
    };
    let asked: Asked = serde_json::from_str(text).map_err(|error| {
        // The text of the error names what was expected, and where, but no value of the document.
        bad(
            format!(
                "the query is not of the form of a Query (line {}, column {})",
                error.line(),
                error.column()
            ),
            "",
        )
    })?;
    if asked.kind.as_deref() != Some("Query") {
        return Err(bad("the type of the document is Query".to_owned(), "/type"));
    }
    let mut params = Vec::new();
    let mut add =
        |name: &'static str, value: Option<String>| params.extend(value.map(|v| (name, v)));
    let entities = asked.entities.unwrap_or_default();
    let mixed =
        |has: &dyn Fn(&Selector) -> bool| entities.iter().any(has) && !entities.iter().all(has);
    let patterns = entities.iter().filter(|one| one.id_pattern.is_some()).count();
    let several = entities.len() > 1;
    if mixed(&|one| one.id.is_some())
        || mixed(&|one| one.kind.is_some())
        || (several && patterns > 0)
    {
        let detail = "selectors that name different things are not taken in one query; send a query for each";
        return Err(Problem::new(ProblemCode::OperationNotSupported, detail)
            .at("/entities")
            .into());
    }
    let joined = |texts: Vec<&str>| (!texts.is_empty()).then(|| texts.join(","));
    add(
        "id",
        joined(entities.iter().filter_map(|one| Some(one.id.as_ref()?.0.as_str())).collect()),
    );
    let types: Vec<&str> = entities.iter().filter_map(|one| one.kind.as_deref()).collect();
    add("type", joined(types));
    add("idPattern", entities.iter().find_map(|one| one.id_pattern.clone()));
    let list = |texts: Option<Vec<String>>| texts.filter(|t| !t.is_empty()).map(|t| t.join(","));
    add("attrs", list(asked.attrs));
    add("pick", list(asked.pick));
    add("omit", list(asked.omit));
    add("datasetId", list(asked.dataset_id));
    add("q", asked.q);
    add("scopeQ", asked.scope_q);
    add("csf", asked.csf);
    add("georel", asked.geo_q.map(|_| String::new()));
    add("lang", asked.lang);
    let interval = asked.temporal_q.unwrap_or_default();
    let aggregates = asked.aggr_params.unwrap_or_default();
    add("timerel", interval.timerel);
    add("timeAt", interval.time_at);
    add("endTimeAt", interval.end_time_at);
    add("timeproperty", interval.timeproperty);
    add("lastN", interval.last_n.map(|n| n.to_string()));
    add("aggrMethods", aggregates.aggr_methods.or(interval.aggr_methods).map(|m| m.0));
    let every = aggregates.aggr_period_duration.or(interval.aggr_period_duration);
    add("aggrPeriodDuration", every);
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::conditions;

    #[test]
    fn a_document_says_what_parameters_say() {
        let text = r#"{"type":"Query","entities":[{"type":"Vehicle"},{"type":"Bus"}],"attrs":["speed","fuel"],
            "temporalQ":{"timerel":"after","timeAt":"2020-08-01T12:00:00Z","lastN":2.5,"aggrMethods":["avg","max"]}}"#;
        let params = conditions(text).ok();
        let expected = [
            ("type", "Vehicle,Bus"),
            ("attrs", "speed,fuel"),
            ("timerel", "after"),
            ("timeAt", "2020-08-01T12:00:00Z"),
            ("lastN", "2.5"),
            ("aggrMethods", "avg,max"),
        ];
        let expected: Vec<(&str, String)> = expected.map(|(n, v)| (n, v.to_owned())).into();
        assert_eq!(params, Some(expected));
        for wrong in [
            r#"{"entities":[]}"#,
            r#"{"type":"Query","attrs":"a"}"#,
            r#"{"type":"Query","entities":[{"id":"urn:a:1"},{"type":"B"}]}"#,
        ] {
            assert!(conditions(wrong).is_err(), "{wrong}");
        }
    }
}
