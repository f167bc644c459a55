//! `/staff`: the way in, and what the member who is logged in may do.

use actix_web::HttpResponse;
use serde::Serialize;

use crate::pages::login::ProviderView;
use crate::render::Page;
use crate::staff_visit::StaffVisit;
use crate::visit::Shown;

/// The model of the page.
#[derive(Debug, Serialize)]
pub(crate) struct StaffHomePage {
    /// Who is logged in.
    pub(crate) name: Option<String>,
    /// What they may do: ends of keys `staff-role-…`.
    roles: Vec<&'static str>,
    /// Ways to log in, for who is not.
    providers: Vec<ProviderView>,
}

impl Page for StaffHomePage {
    const TEMPLATE: &'static str = "staff_home.html";
}

/// `GET /staff`.
pub(crate) async fn show(visit: StaffVisit) -> HttpResponse {
    let shown = page(&visit);
    visit.answer(shown)
}

fn page(visit: &StaffVisit) -> Shown {
    let member = visit.member().map(|session| &session.member);
    visit.page(&StaffHomePage {
        name: member.map(|member| member.name.clone()),
        roles: member.into_iter().flat_map(|m| &m.roles).map(|role| role.as_str()).collect(),
        providers: if member.is_some() { Vec::new() } else { visit.ways_in("/staff", false) },
    })
}

#[cfg(test)]
impl StaffHomePage {
    pub(crate) fn samples() -> Vec<(&'static str, Self)> {
        let roles = tsunagu_staff::Role::ALL.map(tsunagu_staff::Role::as_str).to_vec();
        let inside = Self { name: Some("kato".to_owned()), roles, providers: Vec::new() };
        let providers = vec![ProviderView::sample()];
        let outside = Self { name: None, roles: Vec::new(), providers };
        let none = Self { name: None, roles: Vec::new(), providers: Vec::new() };
        vec![("staff", inside), ("staff-login", outside), ("staff-nobody", none)]
    }
}
