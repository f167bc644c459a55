//! What the app does with the resident's data, through NGSI-LD.

use actix_web::http::header;
use actix_web::web::{self, Bytes, Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime, SecondsFormat, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::form_urlencoded;
use uuid::Uuid;

use super::session::Login;
use super::{State, gateway};
use crate::http::{Refusal, mime, wants_page};
use crate::jose;

const ENTITIES: &str = "/ngsi-ld/v1/entities";

/// The body of `POST /activities`, as JSON or from the page's form.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Activity {
    /// The day in Japan on which the steps were walked.
    date: NaiveDate,
    steps: u32,
    /// `walking` unless said.
    #[serde(default, rename = "activity_type")]
    kind: Option<String>,
    /// The beginning of `date` unless said.
    #[serde(default)]
    started_at: Option<DateTime<Utc>>,
    /// The end of `date`, or now if that is earlier, unless said.
    #[serde(default)]
    ended_at: Option<DateTime<Utc>>,
    /// `sensed` unless said.
    #[serde(default)]
    recording_method: Option<String>,
    /// The UUID in the entity's id; random unless said. Say it to send the same activity again.
    #[serde(default)]
    id: Option<String>,
}

impl Activity {
    fn read(request: &HttpRequest, body: &[u8]) -> Result<Self, Refusal> {
        let read = if mime(request.headers()) == Some("application/x-www-form-urlencoded") {
            web::Query::from_query(&String::from_utf8_lossy(body))
                .map(web::Query::into_inner)
                .map_err(|error| error.to_string())
        } else {
            serde_json::from_slice(body).map_err(|error| error.to_string())
        };
        read.map_err(|error| Refusal::bad_request("invalid_request", error))
    }

    /// The `HealthActivity` entity, or why there can be none.
    fn entity(self, login: &Login, now: DateTime<Utc>) -> Result<(String, Value), Refusal> {
        let refuse = |text: &str| Refusal::bad_request("invalid_request", text);
        let midnight = FixedOffset::east_opt(9 * 3600)
            .and_then(|japan| self.date.and_time(NaiveTime::MIN).and_local_timezone(japan).single())
            .ok_or_else(|| refuse("date is out of range"))?
            .to_utc();
        let started_at = self.started_at.unwrap_or(midnight);
        let ended_at = self.ended_at.unwrap_or_else(|| now.min(midnight + TimeDelta::days(1)));
        if started_at >= ended_at || ended_at > now {
            return Err(refuse("the activity must have ended by now, after it started"));
        }
        let uuid = match self.id {
            Some(id) => Uuid::try_parse(&id).map_err(|_| refuse("id must be a UUID"))?.to_string(),
            None => jose::random_uuid()?,
        };
        let id = format!("urn:ngsi-ld:HealthActivity:{uuid}");
        let utc = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let property = |value: Value| json!({"type": "Property", "value": value});
        let date_time = |at| property(json!({"@type": "DateTime", "@value": utc(at)}));
        let text = |given: Option<String>, usual: &str| {
            property(json!(given.unwrap_or_else(|| usual.to_owned())))
        };
        let entity = json!({
            "id": id,
            "type": "HealthActivity",
            "person": {"type": "Relationship", "object": login.person()},
            // H87: piece (UN/CEFACT)
            "steps": {"type": "Property", "value": self.steps, "unitCode": "H87",
                      "observedAt": utc(ended_at)},
            "activityType": text(self.kind, "walking"),
            "startedAt": date_time(started_at),
            "endedAt": date_time(ended_at),
            "recordingMethod": text(self.recording_method, "sensed"),
        });
        Ok((id, entity))
    }
}

/// `GET /me`
pub(super) async fn me(request: HttpRequest, state: Data<State>) -> Result<Json<Value>, Refusal> {
    let login = state.sessions.require_login(&request)?;
    let path = format!("{ENTITIES}/{}", login.person());
    let ask = Ask::get(&path);
    let answer = ask.answered(&state, Some(&login)).await?;
    state.kept.keep(&login.sub, &answer);
    Ok(Json(answer))
}

/// `POST /activities`
pub(super) async fn record(
    request: HttpRequest,
    state: Data<State>,
    body: Bytes,
) -> Result<HttpResponse, Refusal> {
    let login = state.sessions.require_login(&request)?;
    let (id, entity) = Activity::read(&request, &body)?.entity(&login, (state.clock)())?;
    let ask = Ask { method: "POST".to_owned(), body: Some(entity), ..Ask::get(ENTITIES) };
    let mut answer = ask.answered(&state, Some(&login)).await?;
    if wants_page(&request) {
        let home = format!("/?status={}", answer.get("status").unwrap_or(&Value::Null));
        return Ok(HttpResponse::SeeOther().insert_header((header::LOCATION, home)).finish());
    }
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("id".to_owned(), json!(id));
    }
    Ok(HttpResponse::Ok().json(answer))
}

/// `GET /activities`
pub(super) async fn list(request: HttpRequest, state: Data<State>) -> Result<Json<Value>, Refusal> {
    let login = state.sessions.require_login(&request)?;
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("type", "HealthActivity")
        .append_pair("q", &format!("person==\"{}\"", login.person()))
        .append_pair("limit", "100")
        .finish();
    Ask::get(&format!("{ENTITIES}?{query}")).answered(&state, Some(&login)).await.map(Json)
}

/// The query of `GET /probe`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Path {
    path: String,
}

/// `GET /probe?path=…`
pub(super) async fn probe(
    request: HttpRequest,
    state: Data<State>,
    query: web::Query<Path>,
) -> Result<Json<Value>, Refusal> {
    let login = state.sessions.require_login(&request)?;
    Ask::get(&query.path).answered(&state, Some(&login)).await.map(Json)
}

/// `POST /probe`
pub(super) async fn probe_with(
    request: HttpRequest,
    state: Data<State>,
    ask: Json<Ask>,
) -> Result<Json<Value>, Refusal> {
    let login = state.sessions.require_login(&request)?;
    let login = ask.token.then_some(&login);
    ask.answered(&state, login).await.map(Json)
}

/// A request to the gateway; also the body of `POST /probe`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    method: String,
    path: String,
    /// Sent as JSON.
    #[serde(default)]
    body: Option<Value>,
    /// `application/json` unless said.
    #[serde(default)]
    content_type: Option<String>,
    /// More headers.
    #[serde(default)]
    headers: Map<String, Value>,
    /// Whether the resident's token goes along.
    #[serde(default = "yes")]
    token: bool,
}

fn yes() -> bool {
    true
}

impl Ask {
    fn get(path: &str) -> Self {
        let (method, path) = ("GET".to_owned(), path.to_owned());
        Self { method, path, body: None, content_type: None, headers: Map::new(), token: true }
    }

    fn request(
        &self,
        state: &State,
        method: &reqwest::Method,
    ) -> Result<reqwest::RequestBuilder, Refusal> {
        let mut request = state.gateway.request(method.clone(), &self.path)?;
        for (name, value) in &self.headers {
            let refuse = || Refusal::bad_request("invalid_request", "headers must be texts");
            request = request.header(name, value.as_str().ok_or_else(refuse)?);
        }
        if let Some(body) = &self.body {
            let content_type = self.content_type.as_deref().unwrap_or("application/json");
            request = request.header("Content-Type", content_type).body(body.to_string());
        }
        Ok(request)
    }

    /// What the gateway says: `{"status", "headers", "body"}`; the body is JSON when it parses as
    /// such, else text, and null when empty.
    async fn answered(&self, state: &State, login: Option<&Login>) -> Result<Value, Refusal> {
        let refuse = |text: &str| Refusal::bad_request("invalid_request", text);
        let method = reqwest::Method::from_bytes(self.method.as_bytes())
            .map_err(|_| refuse("method is not an HTTP method"))?;
        let make = || self.request(state, &method);
        let token = login.map(|login| login.access_token.as_str());
        let response = state.gateway.send(make, token).await?;
        let status = response.status().as_u16();
        let headers: Map<String, Value> = response
            .headers()
            .iter()
            .map(|(name, value)| {
                (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes())))
            })
            .collect();
        let body = response.bytes().await.map_err(|error| gateway::unreachable(&error))?;
        let body = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&body)))
        };
        Ok(json!({"status": status, "headers": headers, "body": body}))
    }
}
