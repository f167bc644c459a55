//! `/imports/v1`: loads of municipal records, for members of staff in sessions of their own. Tokens are refused here: each of these acts needs a
//! person.

mod act;
mod decide;
mod decisions;
mod files;
mod look;
mod queue;
mod report;

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use serde::Serialize;
use tsunagu_domain::{Problem, to_iso};
use tsunagu_imports::{Load, LoadId};
use tsunagu_staff::Object;
use utoipa::ToSchema;

use crate::actors::StaffCaller;
use crate::resource::resource;
use crate::{Failure, Gateway};

pub(crate) use act::{
    __path_discard, __path_force, __path_propose, __path_publish, __path_rollback, discard, force,
    propose, publish, rollback,
};
pub(crate) use decide::{__path_decide, decide};
pub(crate) use decisions::{__path_decisions, __path_withdraw, decisions, withdraw};
pub(crate) use files::{__path_check, __path_hand_over, check, hand_over};
pub(crate) use look::{__path_list, __path_retrieve, list, retrieve};
pub(crate) use queue::{__path_queue, queue};
pub(crate) use report::{__path_report, report};

/// What loads are called in records of access.
const LOAD_TYPE: &str = "urn:tsunagu:type:Import";

pub(crate) fn configure(cfg: &mut ServiceConfig) {
    let posts = |path: &str, route| resource(path, [(Method::POST, route)]);
    let gets = |path: &str, route| resource(path, [(Method::GET, route)]);
    cfg.service(
        web::scope("/imports/v1")
            .service(gets("/loads", web::get().to(list)))
            .service(gets("/loads/{id}", web::get().to(retrieve)))
            .service(gets("/loads/{id}/report", web::get().to(report)))
            .service(gets("/loads/{id}/queue", web::get().to(queue)))
            .service(posts("/loads/{id}/decisions", web::post().to(decide)))
            .service(posts("/loads/{id}/propose", web::post().to(propose)))
            .service(posts("/loads/{id}/force", web::post().to(force)))
            .service(posts("/loads/{id}/publish", web::post().to(publish)))
            .service(posts("/loads/{id}/discard", web::post().to(discard)))
            .service(posts("/loads/{id}/rollback", web::post().to(rollback)))
            .service(posts("/layouts/{layout}/files", web::post().to(hand_over)))
            .service(posts("/layouts/{layout}/checks", web::post().to(check)))
            .service(gets("/layouts/{layout}/decisions", web::get().to(decisions)))
            .service(posts("/layouts/{layout}/decisions/{id}/withdraw", web::post().to(withdraw))),
    );
}

fn object<'a>(act: &'static str, id: &'a str) -> Object<'a> {
    Object::new(LOAD_TYPE, act, id)
}

/// Loads are of one municipality; for a caller of another there is nothing here.
fn of_the_town(gateway: &Gateway, caller: &StaffCaller) -> Result<(), Failure> {
    if caller.tenant == *gateway.imports.tenant() {
        return Ok(());
    }
    Err(Problem::not_found().into())
}

/// The load in the path, of the caller's municipality.
fn load_of(gateway: &Gateway, caller: &StaffCaller, id: &str) -> Result<LoadId, Failure> {
    of_the_town(gateway, caller)?;
    Ok(id.parse().map_err(|()| Problem::not_found())?)
}

/// Rows by what became of them.
#[derive(Serialize, ToSchema)]
struct CountsBody {
    /// Rows of the file, read so far.
    rows: u64,
    /// Rows that will be published.
    accepted: u64,
    /// Rows that wait for a decision.
    to_decide: u64,
    /// Rows that will not be published.
    refused: u64,
    /// Remarks on accepted rows.
    warnings: u64,
    /// Rows that are not accepted and do not say whose they are.
    unidentified: u64,
}

/// What publishing would change.
#[derive(Serialize, ToSchema)]
struct DifferenceBody {
    added: u64,
    changed: u64,
    /// Records of the published load that this one has no more.
    ended: u64,
    unchanged: u64,
}

/// A step of a load.
#[derive(Serialize, ToSchema)]
struct LoadStepBody {
    /// ISO 8601.
    at: String,
    /// `uploaded`, `found`, `decided`, `withdrawn`, `held`, `proposed`, `forced`, `rolled-back`, `approved`, `published`, `superseded`, `replaced`, `discarded`,
    /// `changed-while-read`.
    act: String,
    /// The name of a member, or `platform`.
    by: String,
    note: String,
}

/// A load.
#[derive(Serialize, ToSchema)]
pub(crate) struct LoadBody {
    #[schema(example = "juki-12")]
    id: String,
    layout: String,
    /// Name of the file.
    file: String,
    /// `clearing`, `staging`, `settling`, `comparing`, `waiting`, `held`, `proposed`, `publishing`, `published`, `superseded`, `discarded`, `refused`.
    state: &'static str,
    /// What a publication has to name.
    revision: u32,
    counts: CountsBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<DifferenceBody>,
    /// The load that it is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<String>,
    /// Records that the platform did not take when it was published.
    failed: u64,
    /// Members who had a hand in it and cannot publish it.
    hands: Vec<String>,
    /// The oldest first.
    steps: Vec<LoadStepBody>,
}

impl From<Load> for LoadBody {
    fn from(load: Load) -> Self {
        let counts = load.counts;
        let steps = load.steps.iter().map(|step| LoadStepBody {
            at: to_iso(step.at),
            act: step.act.clone(),
            by: step.by.as_ref().map_or_else(|| "platform".to_owned(), |who| who.name.clone()),
            note: step.note.clone(),
        });
        Self {
            id: load.id().to_string(),
            state: load.state.as_str(),
            revision: load.revision,
            counts: CountsBody {
                rows: counts.rows,
                accepted: counts.accepted,
                to_decide: counts.to_decide,
                refused: counts.refused,
                warnings: counts.warnings,
                unidentified: counts.unidentified,
            },
            difference: load.difference.map(|found| DifferenceBody {
                added: found.added,
                changed: found.changed,
                ended: found.ended,
                unchanged: found.unchanged,
            }),
            against: load.against.map(|number| format!("{}-{number}", load.layout)),
            failed: load.failed,
            hands: load.hands.iter().map(|who| who.name.clone()).collect(),
            steps: steps.collect(),
            layout: load.layout,
            file: load.file,
        }
    }
}
