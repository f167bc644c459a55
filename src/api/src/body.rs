//! Request bodies with a cap, checked before anything else looks at them.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::{Version, header};
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::StreamExt;
use tsunagu_domain::ProblemCode;
use tsunagu_ngsi_ld::{Limits, check};

use crate::{Failure, Gateway};

/// A body of at most the configured size. Reading stops at the cap, so a large one costs no memory.
#[derive(Debug)]
pub(crate) struct Capped(pub(crate) web::BytesMut);

impl FromRequest for Capped {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let limit = request
            .app_data::<web::Data<Gateway>>()
            .map_or(1 << 20, |gateway| gateway.limits.max_body_bytes);
        let declared = request
            .headers()
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok())
            .and_then(|length| length.parse::<usize>().ok());
        // HTTP/2 frames its bodies; the rule is one of HTTP/1.
        let unmeasured = declared.is_none() && request.version() <= Version::HTTP_11;
        let encoded = request.headers().contains_key(header::CONTENT_ENCODING);
        let mut payload = payload.take();
        Box::pin(async move {
            if unmeasured {
                return Err(Failure::new(ProblemCode::LengthRequired, "send Content-Length"));
            }
            if encoded {
                return Err(Failure::new(
                    ProblemCode::UnsupportedMediaType,
                    "compressed bodies are not accepted; send the body without Content-Encoding",
                ));
            }
            if declared.is_some_and(|length| length > limit) {
                return Err(too_large(limit));
            }
            let mut body = web::BytesMut::with_capacity(declared.unwrap_or(0));
            while let Some(chunk) = payload.next().await {
                let chunk = chunk.map_err(|_| {
                    Failure::new(ProblemCode::InvalidRequest, "the body ended before it was whole")
                })?;
                if body.len() + chunk.len() > limit {
                    return Err(too_large(limit));
                }
                body.extend_from_slice(&chunk);
            }
            Ok(Self(body))
        })
    }
}

fn too_large(limit: usize) -> Failure {
    Failure::new(
        ProblemCode::PayloadTooLarge,
        format!("the body is larger than {limit} bytes; split it into several requests"),
    )
}

impl Capped {
    /// The body as one strict JSON document: UTF-8, no duplicate names, bounded depth.
    pub(crate) fn json(&self, max_depth: usize) -> Result<&str, Failure> {
        let limits = Limits { max_depth, max_bytes: usize::MAX };
        Ok(check(&self.0, &limits)?)
    }
}
