//! Who calls: from headers to a view. Steps 3 to 6 of the request path: authenticate → tenant → view.

use actix_web::http::header::HeaderName;
use actix_web::{HttpMessage as _, HttpRequest};
use tsunagu_broker::{Asking, Owner, Request};
use tsunagu_domain::{Problem, ProblemCode, TenantId};
use tsunagu_identity::AccessToken;
use tsunagu_policy::{Asked, Denied, Grant, Principal, View};
use tsunagu_store::access::{Access, AccessLog as _, Action, Decision};

use crate::presented::{self, unauthorized};
use crate::{Failure, Gateway, request_id};

/// The header in which a consumer may state the purpose of a request; it must be the consented one.
pub const PURPOSE_HEADER: HeaderName = HeaderName::from_static("tsunagu-purpose");
/// The scope of a client's own token for data.
const DATA_SCOPE: &str = "ngsi-ld";
/// The NGSI-LD tenant header (clause 4.14).
pub const TENANT_HEADER: HeaderName = HeaderName::from_static("ngsild-tenant");

/// A decided request.
#[derive(Debug)]
pub(crate) struct Caller {
    /// What it may see and do.
    pub(crate) view: View,
    /// Its id.
    pub(crate) request_id: String,
    /// The tenant header as it came, to be echoed.
    pub(crate) tenant_header: Option<String>,
    /// For whom the token acts; nobody without one.
    owner: Option<Owner>,
}

impl Caller {
    /// The request, for the broker.
    pub(crate) fn request(&self) -> Request<'_> {
        Request { view: &self.view, id: &self.request_id }
    }

    /// The request, for subscriptions: they belong to somebody, so nobody in particular has none.
    pub(crate) fn asking(&self, gateway: &Gateway) -> Result<Asking<'_>, Failure> {
        let owner = self.owner.as_ref().ok_or_else(|| {
            unauthorized(gateway, "", "subscriptions need an access token; get one at /oauth/token")
        })?;
        Ok(Asking { view: &self.view, owner, tenant_header: self.tenant_header.as_deref() })
    }

    /// Decides what an HTTP request may see and do.
    pub(crate) async fn of(gateway: &Gateway, request: &HttpRequest) -> Result<Self, Failure> {
        let tenant_header = header_text(request, &TENANT_HEADER)?;
        let purpose = header_text(request, &PURPOSE_HEADER)?;
        let named = tenant_header.as_deref().map(|name| tenant(gateway, name)).transpose()?;
        let (view, owner) = match presented::token(gateway, request).await? {
            None => (anonymous(gateway, request, named)?, None),
            Some(token) => {
                let view = view_of(gateway, request, &token, named, purpose.as_deref()).await?;
                (view, Some(owner_of(&token)))
            }
        };
        request.extensions_mut().insert(DecidedTenant(view.tenant().clone()));
        Ok(Self { view, request_id: request_id::of(request), tenant_header, owner })
    }
}

/// For whom a token acts.
fn owner_of(token: &AccessToken) -> Owner {
    Owner {
        tenant: token.tenant.clone(),
        client: token.client.clone(),
        subject: token.subject,
        grant: token.grant_id.clone(),
        assurance: token.assurance.clone(),
    }
}

struct DecidedTenant(TenantId);

/// The tenant of a request whose caller was decided: what its @context refers to is looked for there.
pub(crate) fn decided_tenant(request: &HttpRequest) -> Result<TenantId, Failure> {
    let decided = request.extensions().get::<DecidedTenant>().map(|tenant| tenant.0.clone());
    decided.ok_or_else(|| {
        let detail = "the @context of a request was read before its caller was decided";
        Failure::new(ProblemCode::InternalError, detail)
    })
}

/// A header at most once, as text.
pub(crate) fn header_text(
    request: &HttpRequest,
    name: &HeaderName,
) -> Result<Option<String>, Failure> {
    let mut values = request.headers().get_all(name);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value.to_str().ok().filter(|_| values.next().is_none());
    text.map(|text| Some(text.to_owned())).ok_or_else(|| {
        let detail = "this header must come once and be plain text";
        Problem::new(ProblemCode::InvalidRequest, detail).at(name.as_str()).into()
    })
}

/// The tenant of this name, if it is served here.
pub(crate) fn tenant(gateway: &Gateway, name: &str) -> Result<TenantId, Failure> {
    let known = name.parse().ok().filter(|tenant| gateway.tenants.contains(tenant));
    known.ok_or_else(|| {
        let detail = "there is no such tenant here; leave the header out to use the token's";
        Problem::new(ProblemCode::NonexistentTenant, detail).at(TENANT_HEADER.as_str()).into()
    })
}

fn anonymous(
    gateway: &Gateway,
    request: &HttpRequest,
    named: Option<TenantId>,
) -> Result<View, Failure> {
    if !gateway.open_data_for_all || !request.method().is_safe() {
        return Err(unauthorized(
            gateway,
            "",
            "this needs an access token; get one at /oauth/token",
        ));
    }
    let tenant = named.or_else(|| gateway.tenants.first().cloned());
    let Some(tenant) = tenant else {
        return Err(Failure::new(ProblemCode::NonexistentTenant, "no tenant is configured"));
    };
    let principal = Principal::Anonymous { reads_open_data: true };
    Ok(decided(gateway, &tenant, principal).map_err(Problem::from)?)
}

async fn view_of(
    gateway: &Gateway,
    request: &HttpRequest,
    token: &AccessToken,
    named: Option<TenantId>,
    purpose: Option<&str>,
) -> Result<View, Failure> {
    let client = gateway.clients.policy(&token.tenant, &token.client).await?.ok_or_else(|| {
        unauthorized(gateway, "invalid_token", "the client of this token is suspended or gone")
    })?;
    let tenant = match named {
        Some(named) if named != token.tenant => {
            other_tenant(gateway, token, &named).await?;
            named
        }
        _ => token.tenant.clone(),
    };
    let Some(subject) = token.subject else {
        // An operator's token for something else is no token for data.
        if !token.has_scope(DATA_SCOPE) {
            let detail = format!("this needs a token with the scope '{DATA_SCOPE}'");
            return Err(Failure::new(ProblemCode::Forbidden, detail));
        }
        let principal = Principal::Machine { client: &client };
        return Ok(decided(gateway, &tenant, principal).map_err(Problem::from)?);
    };
    // Loaded anew for every request: a withdrawal counts from the next one on.
    let grant = match &token.grant_id {
        Some(id) => gateway.ledger.live_grant(&token.tenant, id, gateway.clock.micros()).await?,
        None => None,
    };
    let principal = Principal::Consumer {
        client: &client,
        subject,
        grant: grant.as_ref(),
        purpose,
        assurance: &token.assurance,
    };
    let denied = match decided(gateway, &token.tenant, principal) {
        Ok(view) => return Ok(view),
        Err(denied) => denied,
    };
    // The resident sees who was refused, and why.
    let access = refused(gateway, request, token, grant.as_deref(), &denied);
    gateway.audit.record(&token.tenant, &access).await?;
    let mut problem = Problem::from(denied);
    if problem.code == ProblemCode::ConsentRequired {
        // The token is this client's own, so saying where to ask again reveals nothing.
        problem.consent_request_url = Some(format!("{}/oauth/par", gateway.base_url));
    }
    if problem.code == ProblemCode::StepUpRequired {
        return Err(presented::step_up(gateway, token, problem));
    }
    Err(problem.into())
}

/// The record of an attempt that the policies refused as a whole.
fn refused(
    gateway: &Gateway,
    request: &HttpRequest,
    token: &AccessToken,
    grant: Option<&Grant>,
    denied: &Denied,
) -> Access {
    Access {
        at: gateway.clock.micros(),
        request: request_id::of(request),
        actor: format!("client:{}", token.client),
        subjects: token.subject.into_iter().collect(),
        purpose: grant.map(|grant| grant.purpose.clone()),
        grant: token.grant_id.clone(),
        grant_version: grant.map(|grant| grant.version),
        action: if request.method().is_safe() { Action::Read } else { Action::Write },
        types: Vec::new(),
        attributes: Vec::new(),
        decision: Decision::Denied,
        reason: denied.policy().to_owned(),
        count: 0,
    }
}

/// Refuses a tenant that is not the token's, unless the client is registered for it and acts on its own behalf.
async fn other_tenant(
    gateway: &Gateway,
    token: &AccessToken,
    named: &TenantId,
) -> Result<(), Failure> {
    let client = gateway.clients.get(&token.tenant, &token.client).await?;
    let registered = client.is_some_and(|client| client.tenants.contains(named));
    if registered && token.subject.is_none() {
        return Ok(());
    }
    let detail = "the token belongs to another tenant than the header names";
    Err(Problem::new(ProblemCode::Forbidden, detail).at(TENANT_HEADER.as_str()).into())
}

fn decided(gateway: &Gateway, tenant: &TenantId, principal: Principal<'_>) -> Result<View, Denied> {
    let asked =
        Asked { tenant, catalogue: &gateway.catalogue, now: gateway.clock.micros(), principal };
    gateway.policies.decide(&asked)
}
