//! The guard against the individual number at the door: addresses and headers are written down on the way, by proxies too.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError as _};
use tsunagu_domain::{Problem, ProblemCode, individual_number};

use crate::Failure;

/// Headers that hold what is random or signed, and those by which proxies follow a request: any digits may stand in them.
const OPAQUE: [&str; 13] = [
    "authorization",
    "client-cert",
    "client-cert-chain",
    "cookie",
    "dpop",
    "proxy-authorization",
    "signature",
    "traceparent",
    "tracestate",
    "x-amzn-trace-id",
    "x-correlation-id",
    "x-csrf-token",
    "x-request-id",
];

/// Refuses requests with an individual number in a header. The value is not repeated.
pub async fn refuse_individual_numbers<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let found = request.headers().iter().find(|(name, value)| {
        !OPAQUE.contains(&name.as_str())
            && (is_in(name.as_str()) || is_in(&String::from_utf8_lossy(value.as_bytes())))
    });
    let Some((name, _)) = found else {
        return Ok(next.call(request).await?.map_into_left_body());
    };
    // A name can be the number itself.
    let name = if is_in(name.as_str()) { "a header" } else { name.as_str() };
    let answer = refused(name).error_response();
    Ok(request.into_response(answer).map_into_right_body())
}

/// Whether a text that came beside the body holds one, as it is or with an exponent.
pub(crate) fn is_in(text: &str) -> bool {
    individual_number::is_in(text) || individual_number::is_in_power(text)
}

pub(crate) fn refused(pointer: &str) -> Failure {
    let detail = "an individual number (個人番号) may not be sent to this platform; remove the twelve-digit number";
    Problem::new(ProblemCode::IndividualNumber, detail).at(pointer).into()
}

#[cfg(test)]
mod tests {
    use actix_web::http::{StatusCode, header};
    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    use actix_web::{App, web};

    use super::*;

    async fn answer(name: &str, value: &str) -> (StatusCode, String) {
        let app = App::new()
            .wrap(from_fn(refuse_individual_numbers))
            .default_service(web::to(|| async { "welcome" }));
        let app = init_service(app).await;
        let request = TestRequest::get().insert_header((name, value)).to_request();
        let answer = call_service(&app, request).await;
        let status = answer.status();
        (status, String::from_utf8_lossy(&read_body(answer).await).into_owned())
    }

    #[actix_web::test]
    async fn t76_individual_numbers_are_in_no_header() {
        for (name, value) in [
            ("x-note", "123456789018"),
            ("x-note", "my number is 1234-5678-9018, thanks"),
            ("x-note", "１２３４５６７８９０１８"),
            ("ngsild-tenant", "123456789018"),
            ("content-disposition", "attachment; filename=\"1234 5678 9018.csv\""),
            (header::USER_AGENT.as_str(), "agent/1 123456789018"),
            ("x-123456789018", "yes"),
        ] {
            let (status, text) = answer(name, value).await;
            assert_eq!(status, 400, "{name}: {value}");
            assert!(text.contains("individual-number") && !text.contains("9018"), "{text}");
        }
        for (name, value) in [
            ("x-note", "123456789012"),
            ("x-note", "1234567890180"),
            ("authorization", "Bearer a.123456789018.b"),
            ("x-request-id", "123456789018"),
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-123456789018-01"),
        ] {
            assert_eq!(answer(name, value).await.0, 200, "{name}: {value}");
        }
    }
}
