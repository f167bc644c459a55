//! What members of staff do with loads.

use tsunagu_connector_csv_drop::{CsvReport, Finding, Sighted, ndjson};
use tsunagu_domain::{Problem, ProblemCode, individual_number};
use tsunagu_staff::{Acting, Object, Role};
use tsunagu_store::access::{Access, Action, Decision};
use tsunagu_store::{Expect, Op, Scan};

use crate::imports::Imports;
use crate::load::{Load, LoadId, LoadState};
use crate::records::{self, ATTEMPTS, FINDINGS, HEADS, Kept, LOADS, Noted, busy};
use crate::staging::keep;

/// What loads are called in records of access.
const LOAD_TYPE: &str = "urn:tsunagu:type:Import";
/// Who may look at loads.
pub(crate) const LOOK: [Role; 4] = [Role::Counter, Role::Operator, Role::Approver, Role::Auditor];
/// So many loads of a layout are listed, the latest.
const LISTED: usize = 50;
/// Longest note.
const LONGEST: usize = 500;

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// In the encoding of the file.
    Csv,
    /// In UTF-8, one finding a line.
    Ndjson,
}

pub(crate) fn object<'a>(act: &'static str, id: &'a str) -> Object<'a> {
    Object::new(LOAD_TYPE, act, id)
}

fn conflict(detail: &str) -> Problem {
    Problem::new(ProblemCode::Conflict, detail)
}

/// A note that somebody gave; some acts need one.
fn noted(text: &str, needed: bool) -> Result<String, Problem> {
    let text = text.trim();
    let count = text.chars().count();
    if count > LONGEST || (needed && count == 0) {
        let detail = format!("a note of {} to {LONGEST} characters is needed", u8::from(needed));
        return Err(Problem::new(ProblemCode::BadRequestData, detail).at("/note"));
    }
    if individual_number::is_in(text) {
        let detail = "an individual number (個人番号) may not be sent to this platform";
        return Err(Problem::new(ProblemCode::IndividualNumber, detail).at("/note"));
    }
    Ok(text.to_owned())
}

/// A way to propose a load.
struct Way {
    act: &'static str,
    from: LoadState,
    step: &'static str,
    otherwise: &'static str,
}

const WAITS: Way = Way {
    act: "import-propose",
    from: LoadState::Waiting,
    step: "proposed",
    otherwise: "only a load that waits can be proposed",
};
const HELD: Way = Way {
    act: "import-force",
    from: LoadState::Held,
    step: "forced",
    otherwise: "only a load that is held can be forced",
};

impl Imports {
    pub(crate) fn access(&self, by: &Acting, what: Object<'_>, why: &str) -> Access {
        let words = [what.act, what.id, why];
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        Access {
            at: self.services.clock.micros(),
            request: by.request.clone(),
            actor: by.actor(),
            subjects: Vec::new(),
            purpose: None,
            grant: None,
            grant_version: None,
            action: if what.act.ends_with("-read") { Action::Read } else { Action::Write },
            types: vec![what.kind.to_owned()],
            attributes: Vec::new(),
            decision: Decision::Allowed,
            reason: words.join(" "),
            count: 1,
        }
    }

    pub(crate) async fn wrong_state(&self, by: &Acting, what: Object<'_>, detail: &str) -> Problem {
        let (actor, problem) = (by.actor(), conflict(detail));
        self.desk.refused(&self.tenant, (&actor, &by.request), what, "wrong-state", problem).await
    }

    /// The loads of every layout, the latest first. For counter, operators, approvers and auditors.
    pub async fn list(&self, by: &Acting) -> Result<Vec<Load>, Problem> {
        self.desk.demand(&self.tenant, by, &LOOK, object("imports-look", "")).await?;
        let mut all = Vec::new();
        for layout in &self.layouts {
            let prefix = records::of_layout(&layout.name);
            let page = Scan { prefix, limit: LISTED, reverse: true, ..Scan::default() };
            let store = &*self.services.store;
            let found = records::scan::<Load>(store, &self.tenant, LOADS, &page).await?;
            all.extend(found.into_iter().map(|(_, kept)| kept.data));
        }
        Ok(all)
    }

    /// One of them.
    pub async fn get(&self, by: &Acting, id: &LoadId) -> Result<Load, Problem> {
        let named = id.to_string();
        self.desk.demand(&self.tenant, by, &LOOK, object("import-look", &named)).await?;
        Ok(self.kept(id).await?.data)
    }

    /// What was found in its file, without values: at most 10,000 findings. Records that the platform did not take are named by the ids of their
    /// entities.
    pub async fn report(
        &self,
        by: &Acting,
        id: &LoadId,
        format: Format,
    ) -> Result<Vec<u8>, Problem> {
        let load = self.get(by, id).await?;
        let failed = |_| Problem::new(ProblemCode::InternalError, "the report cannot be written");
        let sighted = Sighted {
            encoding: load.encoding,
            marked: load.marked,
            digest: String::new(),
            bytes: 0,
        };
        let mut csv = CsvReport::begin(Vec::new(), &sighted).map_err(failed)?;
        let mut lines = Vec::new();
        let prefix = records::of_load(&id.layout, id.number);
        let mut page = Scan { prefix, limit: 500, ..Scan::default() };
        loop {
            let store = &*self.services.store;
            let found = records::scan::<Noted>(store, &self.tenant, FINDINGS, &page).await?;
            let Some((last, _)) = found.last() else { break };
            page.after = Some(last.clone());
            for (_, Kept { data, .. }) in found {
                let mut finding =
                    Finding::kept(data.line, data.column.as_deref(), &data.rule, data.weight);
                finding.value = data.record.unwrap_or_default();
                match format {
                    Format::Csv => csv.add(&finding).map_err(failed)?,
                    Format::Ndjson => ndjson(&mut lines, &finding).map_err(failed)?,
                }
            }
        }
        match format {
            Format::Csv => csv.end().map_err(failed),
            Format::Ndjson => Ok(lines),
        }
    }

    /// Proposes a load for publication. For operators; one that is held needs [`Self::force`].
    pub async fn propose(&self, by: &Acting, id: &LoadId, note: &str) -> Result<(), Problem> {
        self.put_forward(by, id, note, &WAITS).await
    }

    /// Proposes a load that is held, with the reason why so much may end. For operators.
    pub async fn force(&self, by: &Acting, id: &LoadId, note: &str) -> Result<(), Problem> {
        self.put_forward(by, id, note, &HELD).await
    }

    async fn put_forward(
        &self,
        by: &Acting,
        id: &LoadId,
        note: &str,
        way: &Way,
    ) -> Result<(), Problem> {
        let forced = way.from == LoadState::Held;
        let note = noted(note, forced)?;
        self.act(by, id, way.act, Role::Operator, async |load: &mut Load, _: &mut Vec<Op>| {
            if load.state != way.from {
                return Err(way.otherwise);
            }
            load.state = LoadState::Proposed;
            (load.proposed, load.forced) = (true, load.forced || forced);
            load.step(self.services.clock.micros(), way.step, Some(by.who()), note.clone());
            Ok(())
        })
        .await
    }

    /// Publishes a proposed load as it was seen. For approvers who had no hand in it.
    pub async fn publish(&self, by: &Acting, id: &LoadId, revision: u32) -> Result<(), Problem> {
        let named = id.to_string();
        let what = object("import-publish", &named);
        self.desk.demand(&self.tenant, by, &[Role::Approver], what).await?;
        let load = self.kept(id).await?.data;
        if load.hands.iter().any(|who| by.is(who)) {
            let detail = "who proposed a load or decided about its rows cannot publish it; another member does";
            return Err(self.desk.refuse(&self.tenant, by, what, "own-request", detail).await);
        }
        self.act(
            by,
            id,
            "import-publish",
            Role::Approver,
            async |load: &mut Load, _: &mut Vec<Op>| {
                if load.state != LoadState::Proposed {
                    return Err("nothing waits for a second person here");
                }
                if load.revision != revision || load.hands.iter().any(|who| by.is(who)) {
                    return Err("the load was changed since; look at it and decide again");
                }
                load.state = LoadState::Publishing;
                load.cursor = None;
                load.step(self.services.clock.micros(), "approved", Some(by.who()), String::new());
                Ok(())
            },
        )
        .await
    }

    /// Gives a load up that is not published. For operators, and for approvers in the place of publishing it.
    pub async fn discard(&self, by: &Acting, id: &LoadId, note: &str) -> Result<(), Problem> {
        let note = noted(note, true)?;
        let role = if by.member.has(&[Role::Operator]) { Role::Operator } else { Role::Approver };
        self.act(by, id, "import-discard", role, async |load: &mut Load, ops: &mut Vec<Op>| {
            if !load.state.is_open() {
                return Err("only a load that is not published can be given up");
            }
            let Ok(Some(head)) = self.head(&load.layout).await else { return Err("it is gone") };
            let mut next = head.data.clone();
            next.current = next.current.filter(|number| *number != load.number);
            // The former load stays what can be rolled back to.
            let former = next.former == Some(load.number);
            if !former {
                next.purge.push(load.number);
            }
            let expect = Expect::Version(head.version);
            let op = records::put(HEADS, load.layout.as_bytes(), None, &next, expect);
            ops.push(op.map_err(|_| "it cannot be written")?);
            load.state = if former { LoadState::Superseded } else { LoadState::Discarded };
            (load.proposed, load.forced) = (false, false);
            load.step(self.services.clock.micros(), "discarded", Some(by.who()), note.clone());
            Ok(())
        })
        .await
    }

    /// Proposes to publish again what was published before this load. For operators; a second person publishes it.
    pub async fn roll_back(&self, by: &Acting, id: &LoadId, note: &str) -> Result<LoadId, Problem> {
        let note = noted(note, true)?;
        let named = id.to_string();
        let what = object("import-rollback", &named);
        self.desk.demand(&self.tenant, by, &[Role::Operator], what).await?;
        self.kept(id).await?;
        let head = self.head(&id.layout).await?.ok_or_else(Problem::not_found)?;
        let former = match head.data.former {
            Some(former) if head.data.published == Some(id.number) => former,
            _ => {
                let detail =
                    "only the published load can be rolled back, and only to one before it";
                return Err(self.wrong_state(by, what, detail).await);
            }
        };
        if let Some(current) = head.data.current {
            let detail = format!("{}-{current} is under way; give it up first", id.layout);
            return Err(self.wrong_state(by, what, &detail).await);
        }
        let target = LoadId { layout: id.layout.clone(), number: former };
        self.act(
            by,
            &target,
            "import-rollback",
            Role::Operator,
            async |load: &mut Load, ops: &mut Vec<Op>| {
                if load.state != LoadState::Superseded {
                    return Err("the load before is not there to go back to");
                }
                let mut next = head.data.clone();
                next.current = Some(former);
                let expect = Expect::Version(head.version);
                let op = records::put(HEADS, load.layout.as_bytes(), None, &next, expect);
                ops.push(op.map_err(|_| "it cannot be written")?);
                // Going back may end what came since: that is what was asked for. Who had a hand in it then is not asked now.
                load.hands.clear();
                load.state = LoadState::Comparing;
                load.difference = None;
                (load.proposed, load.forced, load.failed) = (true, true, 0);
                load.step(
                    self.services.clock.micros(),
                    "rolled-back",
                    Some(by.who()),
                    note.clone(),
                );
                Ok(())
            },
        )
        .await?;
        Ok(target)
    }

    /// Changes a load, with the record of it, or says why not.
    async fn act(
        &self,
        by: &Acting,
        id: &LoadId,
        act: &'static str,
        role: Role,
        change: impl AsyncFn(&mut Load, &mut Vec<Op>) -> Result<(), &'static str>,
    ) -> Result<(), Problem> {
        let named = id.to_string();
        let what = object(act, &named);
        self.desk.demand(&self.tenant, by, &[role], what).await?;
        for _ in 0..ATTEMPTS {
            let Kept { version, data: mut load, .. } = self.kept(id).await?;
            let mut set = self.set();
            if let Err(detail) = change(&mut load, &mut set.ops).await {
                return Err(self.wrong_state(by, what, detail).await);
            }
            set.ops.push(keep(&load, Expect::Version(version))?);
            let revision = format!("revision-{}", load.revision);
            set.ops.extend(self.services.log.ops(&self.access(by, what, &revision))?);
            if records::try_commit(&*self.services.store, set).await? {
                return Ok(());
            }
        }
        Err(busy())
    }
}
