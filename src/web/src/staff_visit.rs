//! One request for a page of staff: who comes, and what they may do.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::error::ErrorInternalServerError;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, web};
use tsunagu_domain::Problem;
use tsunagu_staff::{Acting, Object, Role, StaffSession, Via, staff_cookie_name};

use crate::pages::error::Kind;
use crate::render::StaffFrame;
use crate::site::Site;
use crate::visit::{Stop, Visit};

/// A visit to a page of staff. A resident's session of the same browser counts for nothing here.
pub(crate) struct StaffVisit {
    visit: Visit,
    /// Why it is not known who comes.
    failed: Option<Problem>,
    cookie: Option<String>,
}

impl Deref for StaffVisit {
    type Target = Visit;

    fn deref(&self) -> &Visit {
        &self.visit
    }
}

impl FromRequest for StaffVisit {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let site = request.app_data::<web::Data<Site>>().cloned();
        let request = request.clone();
        Box::pin(async move {
            let site = site.ok_or_else(|| ErrorInternalServerError("the site is not wired"))?;
            let cookie = request.cookie(staff_cookie_name(site.https()));
            let cookie = cookie.map(|cookie| cookie.value().to_owned());
            let found = match &cookie {
                Some(value) => site.parts.staff.sessions.find(&site.parts.tenant, value).await,
                None => Ok(None),
            };
            let (member, failed) = match found {
                Ok(member) => (member, None),
                Err(problem) => (None, Some(problem)),
            };
            let visit = Visit::of_stranger(site, &request).at_the_desk(member);
            Ok(Self { visit, failed, cookie })
        })
    }
}

impl StaffVisit {
    /// Who is logged in; otherwise they log in and come back.
    pub(crate) fn session(&self) -> Result<&StaffSession, Stop> {
        match &self.failed {
            Some(problem) => Err(problem.clone().into()),
            None => self.visit.member().ok_or(Stop::Login),
        }
    }

    /// The member who is logged in, acting.
    pub(crate) fn acting(&self) -> Result<Acting, Stop> {
        let member = self.session()?.member.clone();
        Ok(Acting { member, via: Via::Session, request: self.id.clone() })
    }

    /// The member who is logged in and has one of these roles; who has none is written down.
    pub(crate) async fn as_one_of(
        &self,
        roles: &[Role],
        object: Object<'_>,
    ) -> Result<Acting, Stop> {
        let acting = self.acting()?;
        let parts = &self.site.parts;
        parts.staff.desk.demand(&parts.tenant, &acting, roles, object).await?;
        Ok(acting)
    }

    /// The member who posted a form from one of their own pages.
    pub(crate) fn posted(&self, csrf: &str) -> Result<&StaffSession, Stop> {
        let session = self.session()?;
        if session.csrf_matches(csrf) {
            Ok(session)
        } else {
            Err(Stop::Message(StatusCode::FORBIDDEN, Kind::FormExpired))
        }
    }

    /// Ends the session of this browser.
    pub(crate) async fn end_session(&self) -> Result<(), Problem> {
        match &self.cookie {
            Some(cookie) => {
                self.site.parts.staff.sessions.end(&self.site.parts.tenant, cookie).await
            }
            None => Ok(()),
        }
    }
}

/// What surrounds a page for this member: only what they may use is shown.
pub(crate) fn frame(member: Option<&StaffSession>) -> StaffFrame {
    let Some(session) = member else {
        return StaffFrame { name: String::new(), ways: Vec::new() };
    };
    let ways = WAYS.iter().filter(|(_, _, roles)| session.member.has(roles));
    StaffFrame {
        name: session.member.name.clone(),
        ways: ways.map(|(path, key, _)| (*path, *key)).collect(),
    }
}

/// The pages of staff: path, key of its name, and who may use it.
pub(crate) const WAYS: [(&str, &str, &[Role]); 6] = [
    ("/staff", "staff-home", &Role::ALL),
    ("/staff/queue", "staff-queue", &[Role::Counter]),
    ("/staff/cases", "staff-cases", &[Role::Counter, Role::Auditor, Role::Approver]),
    ("/staff/imports", "staff-imports", &Role::ALL),
    ("/staff/appeals", "staff-appeals", &[Role::Operator]),
    ("/staff/clients", "staff-clients", &[Role::Operator, Role::Approver, Role::Auditor]),
];

#[cfg(test)]
impl StaffFrame {
    pub(crate) fn sample(signed_in: bool) -> Self {
        let ways = if signed_in { WAYS.map(|(path, key, _)| (path, key)).to_vec() } else { vec![] };
        let name = if signed_in { "kato".to_owned() } else { String::new() };
        Self { name, ways }
    }
}
