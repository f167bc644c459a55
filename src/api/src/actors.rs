//! Who acts on paths that no view decides: the resident of a session, the client of a token, an auditor.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName};
use tsunagu_audit::Reader;
use tsunagu_consent::{Capacity, Delegation, Resident, Wish};
use tsunagu_domain::{Level, Problem, ProblemCode, StepUp, TenantId, TsunoId};
use tsunagu_identity::{AccessToken, Session, session_cookie_name};
use tsunagu_policy::Client;
use tsunagu_staff::{Acting, Object, Role, Via, staff_cookie_name};
use tsunagu_store::access::{Access, AccessLog as _, Action, Decision};

use crate::caller::{TENANT_HEADER, header_text, tenant};
use crate::presented::{self, unauthorized};
use crate::{Failure, Gateway, request_id};

/// The scope of a token that may read the entries of the audit log.
pub(crate) const AUDIT_SCOPE: &str = "audit";
/// The scope of a token of the town hall.
pub(crate) const STAFF_SCOPE: &str = "staff";
/// The header by which somebody says that they act for another: the id of the delegation.
pub(crate) const ACTING_HEADER: HeaderName = HeaderName::from_static("tsunagu-acting-for");
/// The header that repeats the secret of a session's forms.
const CSRF_HEADER: HeaderName = HeaderName::from_static("x-csrf-token");

/// Where a browser says that a request comes from (Fetch Metadata).
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What is told to a page of another site.
const NOT_MEANT: &str = "a change in a session needs this site's Origin header, or the session's secret in X-CSRF-Token";

/// How old a login may be for what cannot be taken back.
const FRESH_SECONDS: i64 = 300;

/// The tenant that a request without a token means: the header's, or the first.
pub(crate) fn named_tenant(gateway: &Gateway, request: &HttpRequest) -> Result<TenantId, Failure> {
    let named = header_text(request, &TENANT_HEADER)?;
    match named.as_deref() {
        Some(name) => tenant(gateway, name),
        None => {
            gateway.tenants.first().cloned().ok_or_else(|| {
                Failure::new(ProblemCode::NonexistentTenant, "no tenant is configured")
            })
        }
    }
}

/// A resident in a session of their own, for themselves or for another.
pub(crate) struct SessionCaller {
    pub(crate) tenant: TenantId,
    pub(crate) session: Session,
    pub(crate) request_id: String,
    /// Under what they act for another.
    pub(crate) delegation: Option<Box<Delegation>>,
}

impl SessionCaller {
    /// The resident whose session cookie came, at level 2 or higher: this is their own data, and nobody does this for another.
    pub(crate) async fn of(gateway: &Gateway, request: &HttpRequest) -> Result<Self, Failure> {
        if !request.headers().contains_key(ACTING_HEADER) {
            return Self::of_session(gateway, request).await;
        }
        let id = header_text(request, &ACTING_HEADER)?.unwrap_or_default();
        let caller = Self::of_session(gateway, request).await?;
        if let Some(delegation) = gateway.ledger.delegation(&caller.tenant, &id).await? {
            caller.tried(gateway, &delegation, "not-for-delegates").await?;
        }
        let detail = "this can be done by the resident alone, not by somebody for them";
        Err(Problem::new(ProblemCode::Forbidden, detail).at(ACTING_HEADER.as_str()).into())
    }

    /// The same, or somebody who may do this for another and says so in [`ACTING_HEADER`].
    pub(crate) async fn acting(
        gateway: &Gateway,
        request: &HttpRequest,
        wish: Wish,
    ) -> Result<Self, Failure> {
        let id = header_text(request, &ACTING_HEADER)?;
        let mut caller = Self::of_session(gateway, request).await?;
        let Some(id) = id else { return Ok(caller) };
        let found = gateway.ledger.delegation(&caller.tenant, &id).await?;
        let now = gateway.clock.micros();
        let refused = || {
            let detail = "this delegation is over, is not yours, or does not let you do this";
            Problem::new(ProblemCode::Forbidden, detail).at(ACTING_HEADER.as_str())
        };
        let Some(delegation) = found else { return Err(refused().into()) };
        let in_force = delegation.delegate == caller.session.tsuno_id && delegation.live_at(now);
        if in_force && delegation.allows(wish) {
            caller.delegation = Some(Box::new(delegation));
            return Ok(caller);
        }
        let why = if in_force { "not-for-delegates" } else { "no-delegation" };
        caller.tried(gateway, &delegation, why).await?;
        Err(refused().into())
    }

    /// Writes down that they tried something under a delegation that does not allow it. The resident sees who tried.
    async fn tried(
        &self,
        gateway: &Gateway,
        delegation: &Delegation,
        why: &str,
    ) -> Result<(), Problem> {
        let actor = if delegation.delegate == self.session.tsuno_id {
            delegation.actor()
        } else {
            "other-resident".to_owned()
        };
        let principal = vec![delegation.principal];
        let access = read(gateway, &self.request_id, actor, principal, "Consent", why, 0);
        let access = Access { decision: Decision::Denied, ..access };
        gateway.audit.record(&self.tenant, &access).await.map(|_| ())
    }

    async fn of_session(gateway: &Gateway, request: &HttpRequest) -> Result<Self, Failure> {
        let tenant = named_tenant(gateway, request)?;
        let name = session_cookie_name(gateway.base_url.starts_with("https://"));
        let found = match request.cookie(name) {
            Some(cookie) => gateway.sessions.find(&tenant, cookie.value()).await?,
            None => None,
        };
        let session = found.ok_or_else(|| {
            Failure::new(
                ProblemCode::Unauthorized,
                "this needs a resident's session; log in at /login",
            )
        })?;
        if !session.assurance.reaches(Level::Substantial) {
            let detail = "your own data is shown at assurance level 2 or higher; log in again";
            return Err(Problem::step_up(StepUp::Level(Level::Substantial), detail).into());
        }
        Ok(Self { tenant, session, request_id: request_id::of(request), delegation: None })
    }

    /// Refuses a change that another site's page made the browser send: it needs our own `Origin`, or the session's secret.
    pub(crate) fn meant(&self, gateway: &Gateway, request: &HttpRequest) -> Result<(), Failure> {
        let own = header_text(request, &header::ORIGIN)?.is_some_and(|o| o == gateway.base_url);
        let secret = header_text(request, &CSRF_HEADER)?;
        if own || secret.is_some_and(|secret| self.session.csrf_matches(&secret)) {
            return Ok(());
        }
        Err(Failure::new(ProblemCode::Forbidden, NOT_MEANT))
    }

    /// Refuses what needs a login of the last five minutes (RFC 9470) in a session that is older.
    pub(crate) fn lately(&self, gateway: &Gateway) -> Result<(), Failure> {
        if self.session.assurance.fresh(gateway.clock.micros(), FRESH_SECONDS) {
            return Ok(());
        }
        let detail = "this needs a login of the last 5 minutes; log in again";
        Err(Problem::step_up(StepUp::MaxAge(FRESH_SECONDS), detail).into())
    }

    /// Whose data this is about.
    pub(crate) fn subject(&self) -> TsunoId {
        self.delegation.as_ref().map_or(self.session.tsuno_id, |delegation| delegation.principal)
    }

    pub(crate) fn resident(&self) -> Resident<'_> {
        Resident {
            subject: self.subject(),
            assurance: &self.session.assurance,
            request: &self.request_id,
            acting: self.delegation.as_deref().map_or(Capacity::Themselves, Capacity::For),
        }
    }

    /// The record of the resident reading their own records of this kind.
    pub(crate) fn reads_own(&self, gateway: &Gateway, what: &str, count: usize) -> Access {
        read(
            gateway,
            &self.request_id,
            self.resident().actor(),
            vec![self.subject()],
            what,
            if self.delegation.is_some() { "delegation" } else { "own-data" },
            count,
        )
    }
}

/// A client with a token.
pub(crate) struct ClientCaller {
    pub(crate) tenant: TenantId,
    pub(crate) client: Arc<Client>,
    /// The resident of the token, if it has one: then nothing about others is told.
    pub(crate) subject: Option<TsunoId>,
    pub(crate) request_id: String,
}

impl ClientCaller {
    async fn of(
        gateway: &Gateway,
        request: &HttpRequest,
        token: &AccessToken,
    ) -> Result<Self, Failure> {
        let client = gateway.clients.policy(&token.tenant, &token.client).await?;
        let client = client.ok_or_else(|| {
            unauthorized(gateway, "invalid_token", "the client of this token is suspended or gone")
        })?;
        Ok(Self {
            tenant: token.tenant.clone(),
            client,
            subject: token.subject,
            request_id: request_id::of(request),
        })
    }

    /// The person as this client knows them.
    pub(crate) fn outward(&self, subject: TsunoId) -> TsunoId {
        self.client.sector.as_ref().map_or(subject, |cipher| cipher.outward(subject))
    }

    /// The person that this client means.
    pub(crate) fn inward(&self, name: TsunoId) -> TsunoId {
        self.client.sector.as_ref().map_or(name, |cipher| cipher.inward(name))
    }

    /// The record of the client reading records about these people.
    pub(crate) fn reads(&self, gateway: &Gateway, what: &str, subjects: Vec<TsunoId>) -> Access {
        let actor = format!("client:{}", self.client.id);
        let count = subjects.len();
        read(gateway, &self.request_id, actor, subjects, what, "own-consents", count)
    }
}

/// Someone who may see consents: the resident they are from, or the client they are for.
pub(crate) enum Party {
    Resident(SessionCaller),
    Client(ClientCaller),
}

impl Party {
    /// A token decides when there is one, else the session.
    pub(crate) async fn of(gateway: &Gateway, request: &HttpRequest) -> Result<Self, Failure> {
        match presented::token(gateway, request).await? {
            Some(token) => Ok(Self::Client(ClientCaller::of(gateway, request, &token).await?)),
            None => Ok(Self::Resident(SessionCaller::acting(gateway, request, Wish::Look).await?)),
        }
    }

    pub(crate) fn tenant(&self) -> &TenantId {
        match self {
            Self::Resident(caller) => &caller.tenant,
            Self::Client(caller) => &caller.tenant,
        }
    }

    /// Whether a consent is one of theirs.
    pub(crate) fn owns(&self, consent: &tsunagu_consent::Consent) -> bool {
        match self {
            Self::Resident(caller) => consent.subject == caller.subject(),
            Self::Client(caller) => {
                consent.client == caller.client.id
                    && caller.subject.is_none_or(|subject| subject == consent.subject)
            }
        }
    }

    /// The person as they know them.
    pub(crate) fn outward(&self, subject: TsunoId) -> TsunoId {
        match self {
            Self::Resident(_) => subject,
            Self::Client(caller) => caller.outward(subject),
        }
    }

    /// The person that they mean.
    pub(crate) fn inward(&self, name: TsunoId) -> TsunoId {
        match self {
            Self::Resident(_) => name,
            Self::Client(caller) => caller.inward(name),
        }
    }

    /// The record of reading these people's consents.
    pub(crate) fn reads(&self, gateway: &Gateway, what: &str, subjects: Vec<TsunoId>) -> Access {
        match self {
            Self::Resident(caller) => caller.reads_own(gateway, what, subjects.len()),
            Self::Client(caller) => caller.reads(gateway, what, subjects),
        }
    }
}

pub(crate) fn read(
    gateway: &Gateway,
    request: &str,
    actor: String,
    subjects: Vec<TsunoId>,
    what: &str,
    reason: &str,
    count: usize,
) -> Access {
    Access {
        at: gateway.clock.micros(),
        request: request.to_owned(),
        actor,
        subjects,
        purpose: None,
        grant: None,
        grant_version: None,
        action: Action::Read,
        types: vec![format!("urn:tsunagu:type:{what}")],
        attributes: Vec::new(),
        decision: Decision::Allowed,
        reason: reason.to_owned(),
        count: count as u64,
    }
}

/// An auditor: a client whose token has the scope [`AUDIT_SCOPE`].
pub(crate) async fn auditor(
    gateway: &Gateway,
    request: &HttpRequest,
) -> Result<(TenantId, Reader), Failure> {
    let token = scoped(gateway, request, AUDIT_SCOPE).await?;
    let actor = format!("client:{}", token.client);
    let request = request_id::of(request);
    Ok((token.tenant.clone(), Reader::auditor(actor, request)))
}

/// A request of staff.
#[derive(Debug)]
pub(crate) struct Staff {
    pub(crate) tenant: TenantId,
    /// As the log names them: `client:<id>` or `staff:<name>`.
    pub(crate) actor: String,
    /// Why they look, as the log names it.
    pub(crate) reason: &'static str,
}

impl Staff {
    /// Who is at the counter: in a session the account decides, and only a tool may say a name.
    pub(crate) fn clerk(&self, said: Option<String>) -> String {
        match self.actor.strip_prefix("staff:") {
            Some(name) => name.to_owned(),
            None => said.unwrap_or_default(),
        }
    }
}

/// A tool of the town hall: a client whose token has the scope [`STAFF_SCOPE`].
pub(crate) async fn staff(gateway: &Gateway, request: &HttpRequest) -> Result<Staff, Failure> {
    let token = scoped(gateway, request, STAFF_SCOPE).await?;
    let actor = format!("client:{}", token.client);
    Ok(Staff { tenant: token.tenant.clone(), actor, reason: STAFF_SCOPE })
}

/// A member of staff with this role in a session of theirs, for whom this is a standing duty; or a [tool](staff) of the town hall. A token decides
/// when there is one.
pub(crate) async fn on_duty(
    gateway: &Gateway,
    request: &HttpRequest,
    role: Role,
    object: Object<'_>,
) -> Result<Staff, Failure> {
    if request.headers().contains_key(header::AUTHORIZATION)
        || !StaffCaller::has_cookie(gateway, request)
    {
        return staff(gateway, request).await;
    }
    let caller = StaffCaller::of(gateway, request, object).await?;
    caller.demand(gateway, &[role], object).await?;
    let reason = match role {
        Role::Counter => "counter-duty",
        Role::Operator | Role::Auditor | Role::Approver => "staff",
    };
    Ok(Staff { tenant: caller.tenant, actor: caller.acting.actor(), reason })
}

/// A member of staff in a session of their own.
#[derive(Debug)]
pub(crate) struct StaffCaller {
    pub(crate) tenant: TenantId,
    pub(crate) acting: Acting,
}

impl StaffCaller {
    fn has_cookie(gateway: &Gateway, request: &HttpRequest) -> bool {
        request.cookie(Self::cookie(gateway)).is_some()
    }

    fn cookie(gateway: &Gateway) -> &'static str {
        staff_cookie_name(gateway.base_url.starts_with("https://"))
    }

    /// The member whose session cookie came; a change needs this site's own `Origin` or the session's secret. A token is refused and that written
    /// down: what comes here needs a person.
    pub(crate) async fn of(
        gateway: &Gateway,
        request: &HttpRequest,
        object: Object<'_>,
    ) -> Result<Self, Failure> {
        let changes = !request.method().is_safe();
        Self::who(gateway, request, object, changes).await
    }

    /// The same for a look that is an entry in the records of residents: no page of another site makes the browser of a member look. A browser says
    /// of a look from a page of ours that it is of the same origin (Fetch Metadata, `Sec-Fetch-Site`).
    pub(crate) async fn looking(
        gateway: &Gateway,
        request: &HttpRequest,
        object: Object<'_>,
    ) -> Result<Self, Failure> {
        let ours = header_text(request, &FETCH_SITE)?.is_some_and(|site| site == "same-origin");
        Self::who(gateway, request, object, !ours).await
    }

    async fn who(
        gateway: &Gateway,
        request: &HttpRequest,
        object: Object<'_>,
        to_be_meant: bool,
    ) -> Result<Self, Failure> {
        if let Some(token) = presented::token(gateway, request).await? {
            let actor = format!("client:{}", token.client);
            let detail = "this needs a person: log in at /staff, a token is not enough";
            let problem = Problem::new(ProblemCode::Forbidden, detail);
            let (desk, id) = (&gateway.staff.desk, request_id::of(request));
            let why = "needs-a-person";
            let told = desk.refused(&token.tenant, (&actor, &id), object, why, problem).await;
            return Err(told.into());
        }
        let tenant = named_tenant(gateway, request)?;
        let found = match request.cookie(Self::cookie(gateway)) {
            Some(cookie) => gateway.staff.sessions.find(&tenant, cookie.value()).await?,
            None => None,
        };
        let session = found.ok_or_else(|| {
            let detail = "this needs a session of staff; log in at /staff";
            Failure::new(ProblemCode::Unauthorized, detail)
                .challenged("Cookie realm=\"tsunagu\", form-action=\"/staff\"".to_owned())
        })?;
        if to_be_meant {
            let own = header_text(request, &header::ORIGIN)?.is_some_and(|o| o == gateway.base_url);
            let secret = header_text(request, &CSRF_HEADER)?;
            if !(own || secret.is_some_and(|secret| session.csrf_matches(&secret))) {
                return Err(Failure::new(ProblemCode::Forbidden, NOT_MEANT));
            }
        }
        let request = request_id::of(request);
        let acting = Acting { member: session.member, via: Via::Session, request };
        Ok(Self { tenant, acting })
    }

    /// Refuses, in writing, whoever has none of these roles.
    pub(crate) async fn demand(
        &self,
        gateway: &Gateway,
        roles: &[Role],
        object: Object<'_>,
    ) -> Result<(), Failure> {
        Ok(gateway.staff.desk.demand(&self.tenant, &self.acting, roles, object).await?)
    }
}

/// The record of staff reading records about these people.
pub(crate) fn staff_reads(
    gateway: &Gateway,
    request: &str,
    staff: &Staff,
    what: &str,
    subjects: Vec<TsunoId>,
) -> Access {
    let count = subjects.len();
    read(gateway, request, staff.actor.clone(), subjects, what, staff.reason, count)
}

/// A live token of an active client on its own behalf with this scope; another is a 403, none a 401.
async fn scoped(
    gateway: &Gateway,
    request: &HttpRequest,
    scope: &str,
) -> Result<Arc<AccessToken>, Failure> {
    let token = presented::token(gateway, request).await?.ok_or_else(|| {
        unauthorized(gateway, "", &format!("this needs an access token with the scope '{scope}'"))
    })?;
    // A suspended client has no policy; its token may still be alive.
    let active = gateway.clients.policy(&token.tenant, &token.client).await?.is_some();
    if !(active && token.subject.is_none() && token.has_scope(scope)) {
        let detail = format!("this needs a client's own token with the scope '{scope}'");
        return Err(Failure::new(ProblemCode::Forbidden, detail));
    }
    Ok(token)
}
