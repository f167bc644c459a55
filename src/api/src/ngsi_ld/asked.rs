//! What the operations have in common: who asks, in which words, about what; and the answers that say no more than that it is done.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use tsunagu_broker::Target;
use tsunagu_ngsi_ld::{Context, TypeSelection};

use super::entities::{echo_tenant, entity_id, selection};
use super::{BASE, negotiate, segment};
use crate::body::Capped;
use crate::caller::Caller;
use crate::params::Params;
use crate::{Failure, Gateway};

/// The parameters of operations on one entity that have no others.
pub(crate) const OF_ONE: [&str; 2] = ["type", "local"];

/// An operation on the entity in the path, which is there for it only if the types of the query select it.
pub(crate) struct OnOne {
    pub(crate) caller: Caller,
    pub(crate) params: Params,
    pub(crate) context: Arc<Context>,
    id: String,
    types: Option<TypeSelection>,
}

impl OnOne {
    /// One without a body.
    pub(crate) async fn of(
        gateway: &Gateway,
        request: &HttpRequest,
        known: &[&str],
    ) -> Result<Self, Failure> {
        let caller = Caller::of(gateway, request).await?;
        let params = Params::read(request, known)?;
        let context = negotiate::linked(gateway, request).await?;
        Self::about(caller, params, context, request)
    }

    /// One with a body, which is given beside.
    pub(crate) async fn with_body<'b>(
        gateway: &Gateway,
        request: &HttpRequest,
        body: &'b Capped,
    ) -> Result<(Self, &'b str), Failure> {
        let caller = Caller::of(gateway, request).await?;
        let params = Params::read(request, &OF_ONE)?;
        let (text, context) = negotiate::document(gateway, request, body).await?;
        Ok((Self::about(caller, params, context, request)?, text))
    }

    fn about(
        caller: Caller,
        params: Params,
        context: Arc<Context>,
        request: &HttpRequest,
    ) -> Result<Self, Failure> {
        let id = entity_id(request)?;
        let types = selection(&params, &context)?;
        Ok(Self { caller, params, context, id, types })
    }

    /// The entity.
    pub(crate) fn target(&self) -> Target<'_> {
        Target { id: &self.id, types: self.types.as_ref() }
    }
}

/// Done, and nothing more to say.
pub(crate) fn done(caller: &Caller) -> HttpResponse {
    let mut response = HttpResponse::NoContent();
    echo_tenant(&mut response, caller);
    response.finish()
}

/// Created, and where it is: under a path of the binding.
pub(crate) fn created(caller: &Caller, under: &str, id: &str) -> HttpResponseBuilder {
    let mut response = HttpResponse::Created();
    echo_tenant(&mut response, caller);
    let id = segment(id);
    response.insert_header((header::LOCATION, format!("{BASE}/{under}/{id}")));
    response
}
