//! `UserInfo`: the basic four, as far as they were granted.

use actix_web::HttpRequest;
use actix_web::web::{Data, Json};
use serde_json::{Map, Value, json};

use super::{Birthdate, GenderForm, State};
use crate::http::{Refusal, credentials};
use crate::idp::Fault;
use crate::jose;
use crate::town::Sex;

/// The identifier of a person for one client: stable, and another for another client.
pub(super) fn subject(client_id: &str, key: &str) -> String {
    let text = format!("digital authentication simulator, {client_id}, subject of {key}");
    jose::encode(jose::sha256(text.as_bytes()))
}

/// `GET …/userinfo`
pub(super) async fn userinfo(
    request: HttpRequest,
    state: Data<State>,
) -> Result<Json<Value>, Refusal> {
    let unknown = || {
        let text = "the access token is unknown or has expired";
        Refusal::unauthorized(r#"Bearer error="invalid_token""#, "invalid_token", text)
    };
    let token = credentials(&request, "Bearer").ok_or_else(unknown)?;
    let login = state.grants.token(token, state.now()).ok_or_else(unknown)?;
    let person = state.town.person(&login.persona).ok_or_else(unknown)?;
    let about = match login.fault {
        Some(Fault::UserinfoSub) => "somebody else",
        _ => login.persona.as_str(),
    };
    let mut claims = Map::new();
    let mut tell = |scope: &str, value: Value| {
        if login.has_scope(scope) {
            claims.insert(scope.to_owned(), value);
        }
    };
    tell("name", json!(person.certificate_name.full()));
    if login.with_address {
        tell("address", json!(person.certificate_address.full()));
    }
    let format = match state.options.birthdate {
        Birthdate::Compact => "%Y%m%d",
        Birthdate::Iso => "%Y-%m-%d",
    };
    tell("birthdate", json!(person.birth_date.format(format).to_string()));
    let gender = match (state.options.gender, person.sex) {
        (GenderForm::Digit, Sex::Male) => "1",
        (GenderForm::Digit, Sex::Female) => "2",
        (GenderForm::Word, Sex::Male) => "male",
        (GenderForm::Word, Sex::Female) => "female",
    };
    tell("gender", json!(gender));
    claims.insert("sub".to_owned(), json!(subject(&login.client_id, about)));
    Ok(Json(Value::Object(claims)))
}
