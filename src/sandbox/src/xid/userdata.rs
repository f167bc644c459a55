//! `/userinfo` and `/v4/verification/userdata`.
//!
//! The field names of the user data are xID's. How xID writes the values is not public; here all
//! are strings: `year` four digits, `month` and `date` two, `gender` 1 (male) or 2 (female) as in
//! JPKI certificates, `verified_at` RFC 3339, and each `sub_char_…` one digit per character of the
//! text it is about, 1 where the certificate has a substitute character.

use actix_web::http::header;
use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{Datelike as _, SecondsFormat};
use serde_json::{Value, json};

use super::state::State;
use crate::http::{Refusal, credentials};
use crate::idp::{Fault, Login};
use crate::jose;
use crate::town::{Person, Sex};

/// The identifier of a person at this provider: stable, and not to be guessed from the name.
pub(super) fn subject(key: &str) -> String {
    let digest = jose::sha256(format!("xid simulator, subject of {key}").as_bytes());
    let mut bytes = [0; 16];
    for (byte, from) in bytes.iter_mut().zip(digest.as_ref()) {
        *byte = *from;
    }
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// The claims about a person that the ID token and `/userinfo` share.
pub(super) fn profile(person: &Person) -> Value {
    json!({
        "sub": subject(&person.key),
        "email": format!("{}@tsuno.example", person.key),
        "email_verified": true,
        "userdataid": subject(&format!("user data of {}", person.key)),
        "XID_verified": true,
    })
}

/// `GET /userinfo`
pub(super) async fn userinfo(
    request: HttpRequest,
    state: Data<State>,
) -> Result<Json<Value>, Refusal> {
    let (login, person) = authorized(&request, &state)?;
    let mut claims = profile(person);
    if login.fault == Some(Fault::UserinfoSub)
        && let Some(claims) = claims.as_object_mut()
    {
        claims.insert("sub".to_owned(), json!(subject("somebody else")));
    }
    Ok(Json(claims))
}

/// `GET /v4/verification/userdata`: a compact JWE for the client that the token was issued to.
pub(super) async fn userdata(
    request: HttpRequest,
    state: Data<State>,
) -> Result<HttpResponse, Refusal> {
    let (login, person) = authorized(&request, &state)?;
    if !login.has_scope("verification") {
        return Err(Refusal::new(
            actix_web::http::StatusCode::FORBIDDEN,
            "insufficient_scope",
            "the scope verification is needed",
        ));
    }
    let client = state
        .client(&login.client_id)
        .ok_or_else(|| Refusal::not_found("the client is no longer registered"))?;
    let (name, address) = (&person.certificate_name, &person.certificate_address);
    let data = json!({
        "last_name": name.family,
        "first_name": name.given,
        "previous_name": "",
        "year": format!("{:04}", person.birth_date.year()),
        "month": format!("{:02}", person.birth_date.month()),
        "date": format!("{:02}", person.birth_date.day()),
        "prefecture": address.prefecture,
        "city": address.city,
        "address": address.street,
        "sub_char_common_name": substitutes(person),
        "sub_char_previous_name": "",
        "sub_char_address": "0".repeat(address.full().chars().count()),
        "gender": match person.sex {
            Sex::Male => "1",
            Sex::Female => "2",
        },
        "verified_at": login.at.to_rfc3339_opts(SecondsFormat::Secs, true),
    });
    let jwe = jose::encrypt(&client.user_data_key, data.to_string().as_bytes())?;
    Ok(HttpResponse::Ok()
        .content_type("application/jose")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(jwe))
}

/// One digit per character of family and given name: 1 where the register has another character
/// or a variant of it.
fn substitutes(person: &Person) -> String {
    let both = |name: &crate::town::Name| format!("{}{}", name.family, name.given);
    let (register, certificate) = (both(&person.name), both(&person.certificate_name));
    let mut written = register.chars().peekable();
    let mut flags = String::new();
    for shown in certificate.chars() {
        let original = written.next();
        let variant = written.next_if(|c| ('\u{E0100}'..='\u{E01EF}').contains(c)).is_some();
        flags.push(if original != Some(shown) || variant { '1' } else { '0' });
    }
    flags
}

fn authorized<'a>(request: &HttpRequest, state: &'a State) -> Result<(Login, &'a Person), Refusal> {
    let token = credentials(request, "Bearer").ok_or_else(|| {
        Refusal::unauthorized("Bearer", "unauthorized", "an access token is needed")
    })?;
    state.token(token).ok_or_else(|| {
        Refusal::unauthorized(
            r#"Bearer error="invalid_token""#,
            "invalid_token",
            "the access token is unknown or has expired",
        )
    })
}
