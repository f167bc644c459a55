//! One request for a page: who comes, in which language, and how they are answered.

use std::future::Future;
use std::pin::Pin;

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::Payload;
use actix_web::error::ErrorInternalServerError;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{FromRequest, HttpRequest, HttpResponse, HttpResponseBuilder, web};
use tsunagu_consent::{Capacity, Delegation, Resident, Wish};
use tsunagu_domain::{Level, Problem, ProblemCode};
use tsunagu_identity::{OAuthError, Session, login_cookie_name, session_cookie_name};
use tsunagu_staff::StaffSession;

use crate::locale::Lang;
use crate::pages::error::{Action, Kind, MessagePage};
use crate::pages::login::ProviderView;
use crate::pages::own;
use crate::render::{Frame, Page};
use crate::security::{self, LANG_COOKIE, is_local};
use crate::site::Site;
use crate::staff_visit;

/// The name of the cookie that says for whom a browser acts: the id of a delegation. It is no secret; whether its resident may is looked up
/// for every request.
fn acting_cookie_name(https: bool) -> &'static str {
    if https { "__Host-tsunagu-acting" } else { "tsunagu-acting" }
}

/// Between the secret in a form and the id of the delegation under which the form was shown; it is in neither.
const FOR: char = '~';

/// The secret in a form, for whomever the form was shown, and under which delegation that was; empty for the visitor themselves.
pub(crate) fn secret_and_for(csrf: &str) -> (&str, &str) {
    csrf.split_once(FOR).unwrap_or((csrf, ""))
}

/// For whom a visitor acts.
struct For {
    delegation: Delegation,
    /// The visitor's session with the other in their place.
    session: Session,
}

/// A visit.
pub(crate) struct Visit {
    pub(crate) site: web::Data<Site>,
    pub(crate) lang: Lang,
    /// The language was chosen by this very request and is to be remembered.
    chosen: bool,
    /// Whether the address can be asked for again, in another language or after a login.
    repeatable: bool,
    path: String,
    query: String,
    session: Result<Option<Session>, Problem>,
    acting: Option<For>,
    acting_cookie: Option<String>,
    session_cookie: Option<String>,
    pub(crate) login_cookie: Option<String>,
    /// Whether it is a page of staff. Then there is no resident's session here.
    at_desk: bool,
    /// The member of staff who is logged in.
    member: Option<StaffSession>,
    /// Id of the request.
    pub(crate) id: String,
}

/// Why a page is not shown.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Something is wrong.
    Problem(Problem),
    /// The visitor must log in, and comes back here.
    Login,
    /// The visitor must log in again before deciding, and then goes there.
    LoginAgain(String),
    /// A person at the counter decides, who is to be told this.
    Counter(String),
    /// Something else is to be said.
    Message(StatusCode, Kind),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<OAuthError> for Stop {
    fn from(error: OAuthError) -> Self {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
        if status.is_server_error() {
            Self::Problem(Problem::new(ProblemCode::Unavailable, error.error_description))
        } else {
            Self::Message(StatusCode::BAD_REQUEST, Kind::AuthorizeError)
        }
    }
}

/// Says that who is logged in shall authenticate anew.
const ANEW: (&str, &str) = ("anew", "true");

/// A page of logging in, with where to go afterwards.
fn to_login(page: &str, return_to: &str, anew: bool) -> String {
    let return_to = Some(("return_to", return_to)).filter(|(_, to)| *to != "/");
    let parameters: Vec<_> = return_to.into_iter().chain(anew.then_some(ANEW)).collect();
    match parameters.as_slice() {
        [] => page.to_owned(),
        parameters => format!("{page}?{}", security::query(parameters)),
    }
}

impl Stop {
    /// A form that no page of ours sends.
    pub(crate) fn bad_form() -> Self {
        Self::Message(StatusCode::BAD_REQUEST, Kind::BadRequest)
    }
}

fn form_expired() -> Stop {
    Stop::Message(StatusCode::FORBIDDEN, Kind::FormExpired)
}

/// A posted form, or that it was none.
pub(crate) type Posted<T> = Result<web::Form<T>, actix_web::Error>;

/// What a handler makes.
pub(crate) type Shown = Result<HttpResponse, Stop>;

impl FromRequest for Visit {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let site = request.app_data::<web::Data<Site>>().cloned();
        let request = request.clone();
        Box::pin(async move {
            let site = site.ok_or_else(|| ErrorInternalServerError("the site is not wired"))?;
            Ok(Self::of(site, &request).await)
        })
    }
}

impl Visit {
    async fn of(site: web::Data<Site>, request: &HttpRequest) -> Self {
        let mut visit = Self::of_stranger(site, request);
        if let Some(value) = &visit.session_cookie {
            let parts = &visit.site.parts;
            visit.session = parts.sessions.find(&parts.tenant, value).await;
        }
        if let (Some(id), Ok(Some(session))) = (&visit.acting_cookie, &visit.session) {
            let parts = &visit.site.parts;
            match parts.ledger.acting(&parts.tenant, session.tsuno_id, id).await {
                Ok(found) => {
                    visit.acting = found.map(|delegation| For {
                        session: Session {
                            tsuno_id: delegation.principal,
                            acting: Some(delegation.id.clone()),
                            ..session.clone()
                        },
                        delegation,
                    });
                }
                Err(problem) => visit.session = Err(problem),
            }
        }
        visit
    }

    /// A visit of whom nothing is looked up.
    pub(crate) fn of_stranger(site: web::Data<Site>, request: &HttpRequest) -> Self {
        let cookie = |name: &str| request.cookie(name).map(|c| c.value().to_owned());
        let session_cookie = cookie(session_cookie_name(site.https()));
        let asked =
            security::parameter(request.query_string(), "lang").and_then(|code| Lang::of(&code));
        let remembered = || cookie(LANG_COOKIE).and_then(|code| Lang::of(&code));
        let accepted = || {
            let header = request.headers().get(header::ACCEPT_LANGUAGE)?;
            Lang::accepted(header.to_str().ok()?)
        };
        Self {
            lang: asked.or_else(remembered).or_else(accepted).unwrap_or_default(),
            chosen: asked.is_some(),
            // A form's address is for posting, and what a provider sent back is good for once.
            repeatable: request.method() == Method::GET && !request.path().ends_with("/callback"),
            path: request.path().to_owned(),
            query: request.query_string().to_owned(),
            session: Ok(None),
            acting: None,
            acting_cookie: cookie(acting_cookie_name(site.https())),
            session_cookie,
            login_cookie: cookie(login_cookie_name(site.https())),
            at_desk: false,
            member: None,
            id: (site.parts.config.request_id)(request),
            site,
        }
    }

    /// The same as a page of staff.
    pub(crate) fn at_the_desk(self, member: Option<StaffSession>) -> Self {
        Self { at_desk: true, member, ..self }
    }

    /// The member of staff who is logged in, if one is.
    pub(crate) fn member(&self) -> Option<&StaffSession> {
        self.member.as_ref()
    }

    /// Who is logged in, if anyone is.
    pub(crate) fn session(&self) -> Result<Option<&Session>, Stop> {
        self.session.as_ref().map(Option::as_ref).map_err(|problem| problem.clone().into())
    }

    /// The resident who is logged in, surely enough for personal data, for what nobody does for another.
    pub(crate) async fn resident(&self) -> Result<&Session, Stop> {
        self.alone(false).await
    }

    async fn alone(&self, changes: bool) -> Result<&Session, Stop> {
        let session = self.visitor()?;
        match &self.acting {
            None => Ok(session),
            Some(acting) => Err(own::not_for_delegates(self, &acting.delegation, changes).await),
        }
    }

    /// The session of the resident who is meant: the visitor's own, or with the one for whom they act in their place, as far as they may.
    pub(crate) async fn meant(&self, wish: Wish) -> Result<&Session, Stop> {
        let session = self.visitor()?;
        let Some(acting) = &self.acting else { return Ok(session) };
        if acting.delegation.allows(wish) {
            Ok(&acting.session)
        } else {
            let changes = wish == Wish::Change;
            Err(own::not_for_delegates(self, &acting.delegation, changes).await)
        }
    }

    /// Under what the visitor acts for another.
    pub(crate) fn delegation(&self) -> Option<&Delegation> {
        self.acting.as_ref().map(|acting| &acting.delegation)
    }

    /// Who acts, as the ledger wants it. `session` is one that this visit gave.
    pub(crate) fn by<'a>(&'a self, session: &'a Session) -> Resident<'a> {
        Resident {
            subject: session.tsuno_id,
            assurance: &session.assurance,
            request: &self.id,
            acting: self.delegation().map_or(Capacity::Themselves, Capacity::For),
        }
    }

    fn visitor(&self) -> Result<&Session, Stop> {
        let session = self.session()?.ok_or(Stop::Login)?;
        if session.assurance.reaches(Level::Substantial) {
            Ok(session)
        } else {
            Err(Stop::Message(StatusCode::FORBIDDEN, Kind::LoginWeak))
        }
    }

    /// The resident who is logged in and posted a form from one of their own pages, shown for themselves.
    pub(crate) async fn posted(&self, csrf: &str) -> Result<&Session, Stop> {
        self.posted_by_anyone(csrf)?;
        self.shown_for(self.alone(true).await?, csrf)
    }

    /// The same for what may be done for another.
    pub(crate) async fn posted_for(&self, csrf: &str) -> Result<&Session, Stop> {
        self.posted_by_anyone(csrf)?;
        self.shown_for(self.meant(Wish::Change).await?, csrf)
    }

    /// A form does what it says for the one for whom it was shown, and for nobody else: the visitor may have changed for whom they act in
    /// another window, or may not act any more.
    fn shown_for<'a>(&self, session: &'a Session, csrf: &str) -> Result<&'a Session, Stop> {
        let meant = self.delegation().map_or("", |delegation| delegation.id.as_str());
        if secret_and_for(csrf).1 == meant { Ok(session) } else { Err(form_expired()) }
    }

    /// The visitor who posted a form from one of their own pages, for whomever.
    pub(crate) fn posted_by_anyone(&self, csrf: &str) -> Result<&Session, Stop> {
        let session = self.visitor()?;
        if session.csrf_matches(secret_and_for(csrf).0) { Ok(session) } else { Err(form_expired()) }
    }

    /// The value of a parameter of the address.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        security::parameter(&self.query, name)
    }

    /// All parameters of the address.
    pub(crate) fn parameters(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.query.as_bytes()).into_owned().collect()
    }

    /// Ends the session that this browser had before.
    pub(crate) async fn leave_session(&self) -> Result<(), Problem> {
        match &self.session_cookie {
            Some(cookie) => self.site.parts.sessions.end(&self.site.parts.tenant, cookie).await,
            None => Ok(()),
        }
    }

    /// Ends the session of this browser, and has it forgotten. Who came without its cookie may have been sent by another site, which must not
    /// end it: then nothing is done.
    pub(crate) async fn end_session(&self, answer: &mut HttpResponse) -> Result<(), Problem> {
        if self.session_cookie.is_none() {
            return Ok(());
        }
        self.leave_session().await?;
        let spent = self.cookie(session_cookie_name(self.site.https()), "", Some(0));
        if let Err(error) = answer.add_cookie(&spent) {
            tracing::error!(request = self.id, %error, "a cookie cannot be set");
        }
        Ok(())
    }

    /// The address of this page, for coming back.
    pub(crate) fn here(&self) -> String {
        if !self.repeatable {
            return "/".to_owned();
        }
        let here = if self.query.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, self.query)
        };
        if is_local(&here) { here } else { "/".to_owned() }
    }

    /// Where logging in begins, when it shall end at `return_to`: at the only provider, or with a choice.
    pub(crate) fn login(&self, return_to: &str) -> String {
        self.way_in(return_to, false)
    }

    /// The same for somebody who is logged in and has to authenticate anew.
    pub(crate) fn login_anew(&self, return_to: &str) -> String {
        self.way_in(return_to, true)
    }

    fn way_in(&self, return_to: &str, anew: bool) -> String {
        match self.ways_in(return_to, anew).as_slice() {
            [only] => only.href.clone(),
            // Where staff begin there is the choice.
            _ if self.at_desk => "/staff".to_owned(),
            _ => to_login("/login", return_to, anew),
        }
    }

    /// Whether the address asks to authenticate anew.
    pub(crate) fn is_anew(&self) -> bool {
        self.parameter(ANEW.0).is_some_and(|value| value == ANEW.1)
    }

    /// The providers to log in through, when it shall end at `return_to`.
    pub(crate) fn ways_in(&self, return_to: &str, anew: bool) -> Vec<ProviderView> {
        let way = |at: &str, name: &str, label| ProviderView {
            name: self.lang.pick(label).to_owned(),
            href: to_login(&format!("{at}/{name}"), return_to, anew),
        };
        let parts = &self.site.parts;
        if self.at_desk {
            let providers = parts.staff_logins.providers();
            return providers.map(|(name, label)| way("/staff/login", name, label)).collect();
        }
        parts.logins.providers().map(|(name, label)| way("/login", name, label)).collect()
    }

    fn frame(&self) -> Frame {
        let config = &self.site.parts.config;
        let session = self.session.as_ref().ok().and_then(Option::as_ref);
        let member = self.member();
        let csrf = if self.at_desk {
            member.map(|member| member.csrf.clone())
        } else {
            session.map(|session| match self.delegation() {
                Some(delegation) => format!("{}{FOR}{}", session.csrf, delegation.id),
                None => session.csrf.clone(),
            })
        };
        let in_language = |lang: Lang| {
            let (path, query) =
                if self.repeatable { (self.path.as_str(), self.query.as_str()) } else { ("/", "") };
            format!("{path}?{}", security::with_parameter(query, "lang", lang.code()))
        };
        Frame {
            lang: self.lang,
            town: self.lang.pick(&config.town).to_owned(),
            phone: config.help_desk.phone.clone(),
            hours: self.lang.pick(&config.help_desk.hours).to_owned(),
            in_ja: in_language(Lang::Ja),
            in_en: in_language(Lang::En),
            path: self.path.clone(),
            csrf,
            acting: self.delegation().map(|delegation| delegation.principal_name.clone()),
            staff: self.at_desk.then(|| staff_visit::frame(member)),
        }
    }

    /// A page.
    pub(crate) fn page<P: Page>(&self, page: &P) -> Shown {
        self.page_with(StatusCode::OK, page, &[])
    }

    /// A page whose forms may end at other origins.
    pub(crate) fn page_with<P: Page>(
        &self,
        status: StatusCode,
        page: &P,
        form_targets: &[String],
    ) -> Shown {
        self.framed(&self.frame(), status, page, form_targets)
    }

    fn framed<P: Page>(
        &self,
        frame: &Frame,
        status: StatusCode,
        page: &P,
        form_targets: &[String],
    ) -> Shown {
        let html = self.site.renderer.page(frame, page).map_err(|error| {
            tracing::error!(request = self.id, template = P::TEMPLATE, %error, "a page cannot be shown");
            Problem::new(ProblemCode::InternalError, "the page cannot be shown")
        })?;
        let mut answer = security::headers(HttpResponse::build(status), form_targets);
        if self.chosen {
            answer.cookie(security::lang_cookie(self.lang.code(), self.site.https()));
        }
        Ok(answer.content_type("text/html; charset=utf-8").body(html))
    }

    /// A page for somebody whose session has just ended.
    pub(crate) fn signed_out_page<P: Page>(&self, status: StatusCode, page: &P) -> Shown {
        let frame = Frame { csrf: None, acting: None, ..self.frame() };
        self.framed(&frame, status, page, &[])
    }

    /// Another page to go to: an address of this site, or one that a room vouches for.
    pub(crate) fn see_other(target: &str) -> HttpResponseBuilder {
        let mut answer = security::headers(HttpResponse::SeeOther(), &[]);
        answer.insert_header((header::LOCATION, target));
        answer
    }

    /// The cookie that says under which delegation this browser acts from now on; none takes it back.
    pub(crate) fn acting_cookie(&self, delegation: Option<&str>) -> Cookie<'static> {
        let spent = delegation.is_none().then_some(0);
        self.cookie(acting_cookie_name(self.site.https()), delegation.unwrap_or_default(), spent)
    }

    /// A cookie of ours: for this site and http alone.
    pub(crate) fn cookie(
        &self,
        name: &'static str,
        value: &str,
        seconds: Option<i64>,
    ) -> Cookie<'static> {
        let mut cookie = Cookie::build(name, value.to_owned())
            .path("/")
            .http_only(true)
            .secure(self.site.https())
            .same_site(SameSite::Lax)
            .finish();
        cookie.set_max_age(seconds.map(Duration::seconds));
        cookie
    }

    /// The answer to the visitor, whatever happened.
    pub(crate) fn answer(&self, shown: Shown) -> HttpResponse {
        let stop = match shown {
            Ok(answer) => return answer,
            Err(stop) => stop,
        };
        let (status, page) = self.message(stop);
        self.page_with(status, &page, &[]).unwrap_or_else(|_| {
            security::headers(HttpResponse::InternalServerError(), &[])
                .content_type("text/plain; charset=utf-8")
                .body("うまくいきませんでした。 / Something went wrong.")
        })
    }

    fn message(&self, stop: Stop) -> (StatusCode, MessagePage) {
        let request = || Some(self.id.clone()).filter(|id| !id.is_empty());
        let again = |to: &str| Some(Action { href: self.login(to), text: "action-login" });
        let anew = |to: &str| Some(Action { href: self.login_anew(to), text: "action-login" });
        let login_needed =
            (StatusCode::FORBIDDEN, MessagePage::new(Kind::LoginNeeded, again(&self.here()), None));
        match stop {
            Stop::Login => login_needed,
            Stop::LoginAgain(to) => {
                (StatusCode::FORBIDDEN, MessagePage::new(Kind::LoginAgain, anew(&to), None))
            }
            Stop::Counter(reference) => {
                let page = MessagePage::new(Kind::LoginCounter, None, request());
                (StatusCode::FORBIDDEN, MessagePage { reference: Some(reference), ..page })
            }
            Stop::Message(status, kind) => {
                let home = if self.at_desk { "/staff" } else { "/" };
                let action = if kind.asks_for_login() { again(home) } else { None };
                (status, MessagePage::new(kind, action, request()))
            }
            Stop::Problem(problem) => {
                let status = StatusCode::from_u16(problem.code.status())
                    .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                if status.is_server_error() {
                    tracing::error!(request = self.id, %problem, "a page met a problem");
                }
                let kind = match problem.code {
                    ProblemCode::Unauthorized => return login_needed,
                    ProblemCode::StepUpRequired => {
                        let action = anew(&self.here());
                        let page = MessagePage::new(Kind::LoginAgain, action, None);
                        return (StatusCode::FORBIDDEN, page);
                    }
                    ProblemCode::ResourceNotFound => Kind::NotFound,
                    ProblemCode::TooManyRequests => Kind::TooMany,
                    ProblemCode::Forbidden | ProblemCode::ConsentRequired => Kind::Forbidden,
                    ProblemCode::Conflict if self.at_desk => Kind::StaffChanged,
                    ProblemCode::Unavailable | ProblemCode::BadGateway | ProblemCode::Conflict => {
                        Kind::Unavailable
                    }
                    _ if status.is_client_error() => Kind::BadRequest,
                    _ => Kind::Failed,
                };
                (status, MessagePage::new(kind, None, request()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn over_https_no_other_host_sets_for_whom_a_browser_acts() {
        assert!(super::acting_cookie_name(true).starts_with("__Host-"));
    }
}
