//! Writing down accesses to personal data.

use std::collections::BTreeSet;

use tsunagu_domain::{Problem, Timestamp, TsunoId};
use tsunagu_ngsi_ld::{EntityDoc, Projection};
use tsunagu_policy::{Actor, View};
use tsunagu_store::access::{Access, Action, Decision};

use crate::Request;

/// Collects what one answer shows of persons.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    subjects: BTreeSet<TsunoId>,
    types: BTreeSet<String>,
    attributes: BTreeSet<String>,
    pub(crate) count: u64,
}

impl Shown {
    /// Adds a personal entity as far as `selected` attributes of it are shown.
    pub(crate) fn add(
        &mut self,
        doc: &EntityDoc,
        cut: &dyn Projection,
        selected: &dyn Fn(&str) -> bool,
    ) {
        self.count += 1;
        self.subjects.extend(doc.subject().and_then(|s| s.parse::<TsunoId>().ok()));
        self.types.extend(doc.types().filter(|t| cut.entity_type(t)).map(str::to_owned));
        self.attributes.extend(
            doc.attributes()
                .filter(|a| cut.attribute(a.name(), a.publisher()) && selected(a.name()))
                .map(|a| a.name().to_owned()),
        );
    }

    /// Adds attributes by name.
    pub(crate) fn name(&mut self, attributes: impl IntoIterator<Item = String>) {
        self.attributes.extend(attributes);
    }
}

/// The name of an actor in the record.
pub(crate) fn actor_name(actor: &Actor) -> String {
    match actor {
        Actor::Anonymous => "anonymous".to_owned(),
        Actor::Client(client) => format!("client:{client}"),
        Actor::Resident(_) => "resident".to_owned(),
        Actor::Staff { name, .. } => format!("staff:{name}"),
        Actor::Platform(task) => format!("platform:{task}"),
    }
}

/// The policies that let the view do this, or that there is none.
fn reason(view: &View, action: Action) -> String {
    let policies: Vec<&str> = view.allowed_by(action == Action::Write).collect();
    if policies.is_empty() { "no-policy".to_owned() } else { in_case(view, policies.join(" ")) }
}

/// The reason, and behind it the case of a member of staff.
fn in_case(view: &View, reason: String) -> String {
    match view.actor() {
        Actor::Staff { case, .. } => format!("{reason} {case}"),
        _ => reason,
    }
}

fn blank(request: &Request<'_>, at: Timestamp, action: Action) -> Access {
    let grant = request.view.grant();
    Access {
        at,
        request: request.id.to_owned(),
        actor: actor_name(request.view.actor()),
        subjects: Vec::new(),
        purpose: grant.map(|g| g.purpose.clone()),
        grant: grant.map(|g| g.id.clone()),
        grant_version: grant.map(|g| g.version),
        action,
        types: Vec::new(),
        attributes: Vec::new(),
        decision: Decision::Allowed,
        reason: reason(request.view, action),
        count: 0,
    }
}

/// An access that was allowed and shows this.
pub(crate) fn allowed(
    request: &Request<'_>,
    at: Timestamp,
    action: Action,
    shown: Shown,
) -> Access {
    Access {
        subjects: shown.subjects.into_iter().collect(),
        types: shown.types.into_iter().collect(),
        attributes: shown.attributes.into_iter().collect(),
        count: shown.count,
        ..blank(request, at, action)
    }
}

/// A write that is about to be done.
pub(crate) fn written(
    request: &Request<'_>,
    at: Timestamp,
    subject: Option<TsunoId>,
    types: &[String],
    attributes: Vec<String>,
) -> Access {
    Access {
        subjects: subject.into_iter().collect(),
        types: types.to_vec(),
        attributes,
        count: 1,
        ..blank(request, at, Action::Write)
    }
}

/// An attempt that was refused or found nothing.
pub(crate) fn denied(
    request: &Request<'_>,
    at: Timestamp,
    action: Action,
    subject: Option<TsunoId>,
    types: Vec<String>,
    problem: &Problem,
) -> Access {
    Access {
        subjects: subject.into_iter().collect(),
        types,
        decision: Decision::Denied,
        reason: in_case(request.view, format!("{:?}", problem.code)),
        ..blank(request, at, action)
    }
}
