//! What subscriptions to entities and those to registrations have in common: how they are sent and shown.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use tsunagu_broker::SubscriptionPage;
use tsunagu_ngsi_ld::Context;

use super::sys_attrs;
use crate::body::Capped;
use crate::caller::Caller;
use crate::ngsi_ld::BASE;
use crate::ngsi_ld::entities::{DEFAULT_PAGE, echo_tenant};
use crate::ngsi_ld::negotiate::{self, Media};
use crate::params::{Params, wrong};
use crate::{Failure, Gateway};

/// A subscription or a fragment of one, as it came.
pub(crate) struct Sent<'b> {
    pub(crate) caller: Caller,
    pub(crate) text: &'b str,
    pub(crate) context: Arc<Context>,
}

impl<'b> Sent<'b> {
    pub(crate) async fn of(
        gateway: &Gateway,
        request: &HttpRequest,
        body: &'b Capped,
    ) -> Result<Self, Failure> {
        let caller = Caller::of(gateway, request).await?;
        caller.asking(gateway)?;
        Params::read(request, &["local"])?;
        let (text, context) = negotiate::document(gateway, request, body).await?;
        Ok(Self { caller, text, context })
    }
}

/// How subscriptions are to be shown, and to whom.
pub(crate) struct Shown {
    pub(crate) caller: Caller,
    pub(crate) media: Media,
    pub(crate) context: Arc<Context>,
    params: Params,
}

/// Which of many.
pub(crate) struct Page {
    pub(crate) limit: usize,
    pub(crate) offset: usize,
    count: bool,
}

impl Shown {
    pub(crate) async fn of(
        gateway: &Gateway,
        request: &HttpRequest,
        known: &[&str],
    ) -> Result<Self, Failure> {
        let caller = Caller::of(gateway, request).await?;
        caller.asking(gateway)?;
        let media = negotiate::accepted(request)?;
        let params = Params::read(request, known)?;
        let context = negotiate::linked(gateway, request).await?;
        Ok(Self { caller, media, context, params })
    }

    /// Whether the @context is part of the body.
    pub(crate) fn ld(&self) -> bool {
        self.media == Media::LdJson
    }

    pub(crate) fn sys_attrs(&self) -> Result<bool, Failure> {
        sys_attrs(&self.params)
    }

    /// The page that is asked for (clause 5.5.9); `refused` is what becomes of one that cannot be.
    pub(crate) fn page(
        &self,
        gateway: &Gateway,
        refused: fn(Failure) -> Failure,
    ) -> Result<Page, Failure> {
        let params = &self.params;
        let count = params.flag("count")? || params.list("options")?.contains(&"count");
        let most = gateway.limits.max_page;
        let limit = params.number("limit", DEFAULT_PAGE, most).map_err(refused)?;
        let offset = params.number("offset", 0, usize::MAX >> 8).map_err(refused)?;
        if limit == 0 && !count {
            return Err(refused(wrong("limit", "may be 0 only with count=true")));
        }
        Ok(Page { limit, offset, count })
    }

    pub(crate) fn response(&self) -> HttpResponseBuilder {
        let mut response = HttpResponse::Ok();
        negotiate::describe(&mut response, self.media, &self.context);
        echo_tenant(&mut response, &self.caller);
        response
    }

    /// The answer with a page, and links to those beside it (clause 6.3.10).
    pub(crate) fn with_page(
        &self,
        path: &str,
        page: &Page,
        found: SubscriptionPage,
    ) -> HttpResponse {
        let mut response = self.response();
        if page.count {
            response.insert_header(("NGSILD-Results-Count", found.count.to_string()));
        }
        let mut link = |rel: &str, offset: usize| {
            let (query, media) = (self.params.with("offset", offset), self.media.name());
            let link = format!("<{BASE}/{path}?{query}>; rel=\"{rel}\"; type=\"{media}\"");
            response.append_header((header::LINK, link));
        };
        if page.offset > 0 && page.limit > 0 {
            link("prev", page.offset.saturating_sub(page.limit));
        }
        if found.more && page.limit > 0 {
            link("next", page.offset + page.limit);
        }
        response.body(found.body)
    }
}
