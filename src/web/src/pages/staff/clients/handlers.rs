//! The handlers: which clients are shown, and what is done to them.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use tsunagu_domain::{ClientId, Problem, ProblemCode};
use tsunagu_identity::Client;
use tsunagu_staff::{
    By, Change, Decision, Life, LifeState, Member, Object, Origin, Registered, Role, Step, Via,
};

use super::{
    ApplicationView, ClientLine, StaffApplyPage, StaffClientPage, StaffClientsPage, StepView,
};
use crate::dates;
use crate::locale::Lang;
use crate::staff_visit::StaffVisit;
use crate::visit::{Posted, Shown, Stop, Visit};

const CLIENT_TYPE: &str = "urn:tsunagu:type:Client";
/// Who may look at clients.
const LOOK: [Role; 3] = [Role::Operator, Role::Approver, Role::Auditor];

fn object<'a>(act: &'static str, id: &'a str) -> Object<'a> {
    Object::new(CLIENT_TYPE, act, id)
}

fn id(text: &str) -> Result<ClientId, Problem> {
    text.parse().map_err(|_| Problem::not_found())
}

fn pretty(client: &Client) -> String {
    serde_json::to_string_pretty(client).unwrap_or_default()
}

/// `GET /staff/clients`.
pub(crate) async fn list(visit: StaffVisit) -> HttpResponse {
    let shown = all(&visit).await;
    visit.answer(shown)
}

async fn all(visit: &StaffVisit) -> Shown {
    let acting = visit.as_one_of(&LOOK, object("clients-look", "")).await?;
    let parts = &visit.site.parts;
    let line = |Registered { life, client }: Registered| ClientLine {
        href: format!("/staff/clients/{}", life.id),
        name: named(visit.lang, &life, client.as_ref()),
        state: life.state.as_str(),
        waits: life.application.is_some(),
        id: life.id.to_string(),
    };
    let found = parts.staff.clients.list(&parts.tenant).await?;
    visit.page(&StaffClientsPage {
        clients: found.into_iter().map(line).collect(),
        may_apply: acting.member.has(&[Role::Operator]),
    })
}

/// The name of its registration, or of what would be.
fn named(lang: Lang, life: &Life, client: Option<&Client>) -> String {
    let applied = life.application.as_ref().map(|application| &application.client);
    client.or(applied).map(|client| lang.pick(&client.name).to_owned()).unwrap_or_default()
}

/// `GET /staff/clients/{id}`.
pub(crate) async fn show(visit: StaffVisit, id: web::Path<String>) -> HttpResponse {
    let shown = one(&visit, &id).await;
    visit.answer(shown)
}

async fn one(visit: &StaffVisit, name: &str) -> Shown {
    let acting = visit.as_one_of(&LOOK, object("clients-look", name)).await?;
    let parts = &visit.site.parts;
    let found = parts.staff.clients.get(&parts.tenant, &id(name)?).await?;
    let Registered { life, client } = found.ok_or_else(Problem::not_found)?;
    let application = life.application.as_ref().map(|application| {
        let own = application.by.iter().any(|who| acting.is(who));
        ApplicationView {
            revision: application.revision,
            by: application.by.iter().map(|who| who.name.clone()).collect(),
            note: application.note.clone(),
            registration: pretty(&application.client),
            may_decide: !own && acting.member.has(&[Role::Approver]),
            own,
        }
    });
    visit.page(&StaffClientPage {
        href: format!("/staff/clients/{}", life.id),
        name: named(visit.lang, &life, client.as_ref()),
        state: life.state.as_str(),
        configured: life.origin == Origin::Configuration,
        registration: client.as_ref().map(pretty),
        application,
        steps: life.steps.iter().map(|step| of_step(visit.lang, step)).collect(),
        may: may(&life, &acting.member),
        may_apply: life.origin == Origin::Application
            && life.state != LifeState::Ended
            && acting.member.has(&[Role::Operator]),
        id: life.id.to_string(),
    })
}

fn of_step(lang: Lang, step: &Step) -> StepView {
    StepView {
        day: dates::day(lang, step.at),
        time: dates::time(step.at),
        act: step.act.as_str(),
        by: step.by.name().to_owned(),
        note: step.note.clone(),
        shell: matches!(step.by, By::Member { via: Via::Shell, .. }),
    }
}

/// The buttons; whether the step is taken is decided when one is pressed.
fn may(life: &Life, member: &Member) -> Vec<&'static str> {
    match life.state {
        LifeState::Active if member.has(&[Role::Operator, Role::Approver]) => vec!["suspend"],
        LifeState::Suspended if member.has(&[Role::Approver]) => vec!["resume", "end"],
        _ => Vec::new(),
    }
}

/// `GET /staff/clients/apply`: `id` begins with what is there.
pub(crate) async fn ask(visit: StaffVisit) -> HttpResponse {
    let shown = form(&visit).await;
    visit.answer(shown)
}

async fn form(visit: &StaffVisit) -> Shown {
    visit.as_one_of(&[Role::Operator], object("client-apply", "")).await?;
    let parts = &visit.site.parts;
    let found = match visit.parameter("id") {
        Some(name) => parts.staff.clients.get(&parts.tenant, &id(&name)?).await?,
        None => None,
    };
    let begun = found.and_then(|Registered { life, client }| {
        life.application.map(|application| application.client).or(client)
    });
    let registration = begun.as_ref().map(pretty).unwrap_or_default();
    visit.page(&StaffApplyPage { registration, note: String::new(), wrong: None })
}

/// The form of an application.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Apply {
    csrf: String,
    registration: String,
    note: String,
}

/// `POST /staff/clients/apply`.
pub(crate) async fn apply(visit: StaffVisit, form: Posted<Apply>) -> HttpResponse {
    let shown = match form {
        Ok(form) => applied(&visit, form.into_inner()).await,
        Err(_) => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

async fn applied(visit: &StaffVisit, form: Apply) -> Shown {
    visit.posted(&form.csrf)?;
    let acting = visit.as_one_of(&[Role::Operator], object("client-apply", "")).await?;
    let parts = &visit.site.parts;
    let wrong = match serde_json::from_str::<Client>(&form.registration) {
        Err(error) => error.to_string(),
        Ok(client) => {
            let lives = &parts.staff.clients;
            match lives.apply(&parts.tenant, &acting, &client, &form.note).await {
                Ok(_) => {
                    let to = format!("/staff/clients/{}", client.id);
                    return Ok(Visit::see_other(&to).finish());
                }
                Err(problem)
                    if matches!(
                        problem.code,
                        ProblemCode::BadRequestData | ProblemCode::Conflict
                    ) =>
                {
                    problem.detail
                }
                Err(problem) => return Err(problem.into()),
            }
        }
    };
    let Apply { registration, note, .. } = form;
    visit.page(&StaffApplyPage { registration, note, wrong: Some(wrong) })
}

/// The form of every other step.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decide {
    csrf: String,
    /// The revision that was on the page.
    revision: Option<u32>,
    note: String,
}

/// `POST /staff/clients/{id}/{act}`.
pub(crate) async fn decide(
    visit: StaffVisit,
    path: web::Path<(String, String)>,
    form: Posted<Decide>,
) -> HttpResponse {
    let shown = match form {
        Ok(form) => decided(&visit, &path.0, &path.1, &form).await,
        Err(_) => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

async fn decided(visit: &StaffVisit, name: &str, act: &str, form: &Decide) -> Shown {
    visit.posted(&form.csrf)?;
    let (acting, id) = (visit.acting()?, id(name)?);
    let parts = &visit.site.parts;
    let (lives, tenant) = (&parts.staff.clients, &parts.tenant);
    let change = match act {
        "suspend" => Change::Suspend,
        "resume" => Change::Resume,
        "end" => Change::End,
        "approve" | "deny" => {
            let revision = form.revision.ok_or_else(Stop::bad_form)?;
            let decision = if act == "approve" { Decision::Approve } else { Decision::Deny };
            lives.decide(tenant, &acting, &id, revision, decision, &form.note).await?;
            return Ok(Visit::see_other(&format!("/staff/clients/{id}")).finish());
        }
        _ => return Err(Problem::not_found().into()),
    };
    lives.change(tenant, &acting, &id, change, &form.note).await?;
    Ok(Visit::see_other(&format!("/staff/clients/{id}")).finish())
}
