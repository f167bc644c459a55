//! `POST /connectors/v1/{name}/messages`

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_connect::{Incoming, NotAccepted, NotReceived};
use tsunagu_domain::{Problem, ProblemCode};

use super::failure;
use crate::body::Capped;
use crate::{Failure, Gateway};

/// Send records to a connector
///
/// For the other side of a connector that is called. Who sends proves it by the signature that the connector asks for (Standard Webhooks or RFC 9421),
/// not by a token. `202`: it is on disk and will be taken over; a repetition under the same name is answered the same and kept once.
#[utoipa::path(post, path = "/connectors/v1/{name}/messages", tag = "Connectors",
    params(("name" = String, Path, description = "Name of the connector", example = "clinic")),
    request_body(content = serde_json::Value, description = "Records, in the form that the connector's mapping expects", content_type = "application/json"),
    responses(
        (status = 202, description = "Kept"),
        (status = 400, description = "Signed, but not the body that was agreed", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 401, description = "Not signed as agreed, not in time, or for no connector that takes messages", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 413, description = "More than is ever kept at once; send it in smaller parts", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 503, description = "It cannot be kept now; send it again later", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ),
    security(())
)]
pub(crate) async fn messages(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    name: web::Path<String>,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = request.headers().iter();
    let headers: Vec<(String, String)> =
        headers.map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect();
    let uri = format!("{}{}", gateway.base_url, request.uri());
    let incoming = Incoming {
        method: request.method().as_str(),
        uri: &uri,
        headers: &headers,
        body: &body.0,
        now: gateway.clock.micros(),
    };
    match gateway.connectors.receive(&name, &incoming).await {
        Ok(()) => Ok(HttpResponse::Accepted().finish()),
        // Nobody who cannot sign for one is told which connectors there are.
        Err(NotReceived::NoSuch | NotReceived::NotAccepted(NotAccepted::Unproven)) => {
            let detail =
                "the message is not signed as agreed, or not in time; docs/connectors.md tells how";
            Err(Problem::new(ProblemCode::Unauthorized, detail).into())
        }
        Err(NotReceived::NotAccepted(NotAccepted::Malformed)) => {
            let detail = "the message is signed, but its body is not what was agreed";
            Err(Problem::new(ProblemCode::InvalidRequest, detail).into())
        }
        Err(error @ NotReceived::TooLarge(_)) => {
            Err(Problem::new(ProblemCode::PayloadTooLarge, error.to_string()).into())
        }
        Err(NotReceived::Unavailable(error)) => Err(failure(&error)),
    }
}
