//! Taking items over: map them, leave out what is unchanged, hand the rest to the platform, note what was refused.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio_util::task::AbortOnDropHandle;
use tsunagu_domain::{Problem, ProblemCode, Text, Timestamp};
use tsunagu_ngsi_ld::Entity;
use tsunagu_store::{Op, WriteSet};

use super::dead::Dead;
use super::kept::{DEAD, TAKEN, delete, key, put, read, unavailable};
use super::lease::Lease;
use super::run::RunReport;
use super::runner::Ground;
use super::{dead, digest};
use crate::{ConnectError, Fault, Item, Mapped, Mapper, Payload, Refusal, UpsertOutcome, guard};

/// The rule that refuses a record for the individual number in it.
const INDIVIDUAL_NUMBER: &str = "individual-number";

/// What the runtime remembers of an entity that was taken over.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Taken {
    v: u32,
    digest: String,
    /// In which batch it came; records of before this was noted have none.
    #[serde(default)]
    batch: u64,
    /// Its place in that.
    #[serde(default)]
    order: u64,
}

impl Taken {
    /// When it came, comparable with others of its connector.
    pub(super) fn came(&self) -> Came {
        (self.batch, self.order)
    }
}

/// When something came: the number of its batch, and its place in it. Clocks can be set; this only grows.
pub(super) type Came = (u64, u64);

/// So many entities are handed over at once.
const WAVE: usize = 512;
/// So many waves are with the platform while the next one is made ready.
const UNDER_WAY: usize = 2;

/// Entities that the platform was given and has not answered for. Dropping it takes back what has not begun.
struct UnderWay {
    /// The item, digest and id of each.
    handed: Vec<(usize, String, String)>,
    outcomes: AbortOnDropHandle<Vec<Result<UpsertOutcome, Problem>>>,
}

/// The work on one batch. Its operations are committed by the caller, with the cursor.
pub(super) struct Taking<'a> {
    pub(super) ground: &'a Ground,
    pub(super) name: &'a str,
    pub(super) mapper: Option<&'a dyn Mapper>,
    pub(super) report: &'a mut RunReport,
    lease: &'a mut Lease,
    /// When each item came.
    came: Vec<Came>,
    /// Entities of items that something later has overtaken.
    stale: HashSet<(usize, String)>,
    /// Whether to remember also that something came again: it overtakes what waits among the dead letters.
    refresh: bool,
    /// What to remember.
    pub(super) ops: Vec<Op>,
    /// Digests of what this batch brought, and of what was remembered.
    known: HashMap<String, Option<String>>,
    /// Waiting to be handed over: no two of one entity, and none that is under way.
    wave: Vec<Waiting>,
    /// With the platform.
    under_way: VecDeque<UnderWay>,
}

/// An entity that waits to be handed over.
struct Waiting {
    /// The item it comes from.
    at: usize,
    digest: String,
    entity: Entity,
}

impl<'a> Taking<'a> {
    pub(super) fn new(
        ground: &'a Ground,
        lease: &'a mut Lease,
        name: &'a str,
        mapper: Option<&'a dyn Mapper>,
        report: &'a mut RunReport,
    ) -> Self {
        let (ops, known, wave) = (Vec::new(), HashMap::new(), Vec::new());
        let (came, stale, refresh) = (Vec::new(), HashSet::new(), false);
        let under_way = VecDeque::new();
        Self {
            ground,
            name,
            mapper,
            report,
            lease,
            came,
            stale,
            refresh,
            ops,
            known,
            wave,
            under_way,
        }
    }

    /// Items of a batch that comes now; `refresh` when there are dead letters that they may overtake.
    pub(super) fn coming(mut self, batch: u64, items: usize, refresh: bool) -> Self {
        self.came = (0u64..).take(items).map(|order| (batch, order)).collect();
        self.refresh = refresh;
        self
    }

    /// Items that came before, and what of them was overtaken.
    pub(super) fn again(mut self, came: Vec<Came>, stale: HashSet<(usize, String)>) -> Self {
        (self.came, self.stale) = (came, stale);
        self
    }

    fn taken(&self, at: usize, digest: String) -> Taken {
        let (batch, order) = self.came.get(at).copied().unwrap_or_default();
        Taken { v: 1, digest, batch, order }
    }

    /// Takes items over. `Err`: nothing of them may be remembered, and they come again.
    pub(super) async fn items(
        &mut self,
        items: &[Item],
        now: Timestamp,
    ) -> Result<Vec<Vec<Refusal>>, ConnectError> {
        let mut refused: Vec<Vec<Refusal>> = vec![Vec::new(); items.len()];
        for (at, item) in items.iter().enumerate() {
            let meant = self.meant(item, now)?;
            self.report.skipped += meant.skipped;
            let refusal = |fault: Fault| Refusal {
                input: item.input.clone(),
                line: item.line,
                column: fault.attribute,
                rule: fault.rule,
                remedy: fault.remedy,
            };
            if let Some(slot) = refused.get_mut(at) {
                slot.extend(meant.faults.into_iter().map(refusal));
            }
            for entity in meant.entities {
                if self.stale.contains(&(at, entity.id.clone())) {
                    continue;
                }
                self.offer(at, entity, items, &mut refused).await?;
            }
        }
        self.hand_over(items, &mut refused).await?;
        self.settle(0, items, &mut refused).await?;
        for refusals in refused.iter().filter(|refusals| !refusals.is_empty()) {
            self.report.rows.refuse(refusals.iter().cloned());
        }
        Ok(refused)
    }

    /// What an item stands for.
    fn meant(&self, item: &Item, now: Timestamp) -> Result<Mapped, ConnectError> {
        let record = match &item.payload {
            Payload::Entity(entity) => {
                return Ok(Mapped { entities: vec![(**entity).clone()], ..Mapped::default() });
            }
            Payload::Record(record) => record,
        };
        if guard::holds_individual_number(record) {
            let remedy = Text {
                ja: "個人番号は受け付けません。送り元で取り除いてください".to_owned(),
                en: "an individual number is never taken over; the sender must leave it out"
                    .to_owned(),
            };
            let fault = Fault { attribute: None, rule: INDIVIDUAL_NUMBER.to_owned(), remedy };
            return Ok(Mapped { faults: vec![fault], ..Mapped::default() });
        }
        let mapper = self.mapper.ok_or_else(|| {
            ConnectError::Config("the connector gives records and has no mapping".to_owned())
        })?;
        Ok(mapper.map(record, now))
    }

    async fn offer(
        &mut self,
        at: usize,
        entity: Entity,
        items: &[Item],
        refused: &mut [Vec<Refusal>],
    ) -> Result<(), ConnectError> {
        let full = self.wave.len() >= WAVE;
        if full || self.wave.iter().any(|waiting| waiting.entity.id == entity.id) {
            self.hand_over(items, refused).await?;
        }
        let flies = |one: &UnderWay| one.handed.iter().any(|(_, _, id)| *id == entity.id);
        if let Some(last) = self.under_way.iter().rposition(flies) {
            let later = self.under_way.len() - 1 - last;
            self.settle(later, items, refused).await?;
        }
        if !self.known.contains_key(&entity.id) {
            let key = key(self.name, entity.id.as_bytes());
            let taken: Option<Taken> =
                read(&*self.ground.store, &self.ground.tenant, TAKEN, &key).await?;
            self.known.insert(entity.id.clone(), taken.map(|taken| taken.digest));
        }
        let digest = digest::of_entity(&entity);
        if self.known.get(&entity.id).is_some_and(|known| known.as_ref() == Some(&digest)) {
            self.report.unchanged += 1;
            self.report.rows.accepted += 1;
            if self.refresh {
                let key = key(self.name, entity.id.as_bytes());
                self.ops.push(put(TAKEN, key, &self.taken(at, digest))?);
            }
        } else {
            self.wave.push(Waiting { at, digest, entity });
        }
        Ok(())
    }

    async fn hand_over(
        &mut self,
        items: &[Item],
        refused: &mut [Vec<Refusal>],
    ) -> Result<(), ConnectError> {
        if self.wave.is_empty() {
            return Ok(());
        }
        let wave = std::mem::take(&mut self.wave);
        self.doubt(&wave).await?;
        let mut entities = Vec::with_capacity(wave.len());
        let mut handed = Vec::with_capacity(wave.len());
        for Waiting { at, digest, entity } in wave {
            handed.push((at, digest, entity.id.clone()));
            entities.push(entity);
        }
        let (platform, name) = (Arc::clone(&self.ground.platform), self.name.to_owned());
        let outcomes = tokio::spawn(async move { platform.upsert(&name, entities).await });
        self.under_way.push_back(UnderWay { handed, outcomes: AbortOnDropHandle::new(outcomes) });
        self.settle(UNDER_WAY, items, refused).await
    }

    /// Waits for the oldest of what is under way, until so many are left.
    async fn settle(
        &mut self,
        left: usize,
        items: &[Item],
        refused: &mut [Vec<Refusal>],
    ) -> Result<(), ConnectError> {
        while self.under_way.len() > left
            && let Some(UnderWay { handed, outcomes }) = self.under_way.pop_front()
        {
            let lost = |_| ConnectError::Unavailable("handing over was cut off".to_owned());
            let outcomes = outcomes.await.map_err(lost)?;
            self.handed_over(handed, outcomes, items, refused)?;
        }
        Ok(())
    }

    /// Notes what became of a wave.
    fn handed_over(
        &mut self,
        handed: Vec<(usize, String, String)>,
        outcomes: Vec<Result<UpsertOutcome, Problem>>,
        items: &[Item],
        refused: &mut [Vec<Refusal>],
    ) -> Result<(), ConnectError> {
        if outcomes.len() != handed.len() {
            let what = "the platform did not answer for every entity";
            return Err(ConnectError::Unavailable(what.to_owned()));
        }
        // Who may write nothing at all is not told so row by row: the connector's client is missing, suspended or without the type.
        let denied = |outcome: &Result<UpsertOutcome, Problem>| {
            outcome.as_ref().is_err_and(|problem| matches!(problem.code.status(), 401 | 403))
        };
        let problem = outcomes.iter().find_map(|outcome| outcome.as_ref().err());
        if let Some(problem) = problem.filter(|_| outcomes.iter().all(denied)) {
            return Err(ConnectError::Config(problem.to_string()));
        }
        for ((at, digest, id), outcome) in handed.into_iter().zip(outcomes) {
            match outcome {
                Ok(outcome) => {
                    self.report.rows.accepted += 1;
                    match outcome {
                        UpsertOutcome::Created => self.report.created += 1,
                        UpsertOutcome::Updated => self.report.updated += 1,
                        UpsertOutcome::Unchanged => self.report.unchanged += 1,
                    }
                    let key = key(self.name, id.as_bytes());
                    self.known.insert(id, Some(digest.clone()));
                    self.ops.push(put(TAKEN, key, &self.taken(at, digest))?);
                }
                // The platform cannot now: nothing of the batch is remembered, and it comes again.
                Err(problem) if problem.code.status() >= 500 || problem.code.status() == 429 => {
                    return Err(ConnectError::Unavailable(problem.to_string()));
                }
                Err(problem) => {
                    if let (Some(item), Some(slot)) = (items.get(at), refused.get_mut(at)) {
                        slot.push(refusal(item, &problem));
                    }
                }
            }
        }
        Ok(())
    }

    /// Forgets what is about to change, if the feed is still this gateway's: from here until the batch is remembered nobody knows what the platform
    /// holds, and whatever comes next must be written.
    async fn doubt(&mut self, wave: &[Waiting]) -> Result<(), ConnectError> {
        let mut set = WriteSet::new(self.ground.tenant.clone());
        for Waiting { entity, .. } in wave {
            if let Some(known) = self.known.get_mut(&entity.id)
                && known.take().is_some()
            {
                set.ops.push(delete(TAKEN, key(self.name, entity.id.as_bytes())));
            }
        }
        if set.ops.is_empty() {
            return Ok(());
        }
        self.lease.guard(&mut set, self.ground.clock.micros())?;
        let receipt = self.ground.store.commit(set).await.map_err(|error| unavailable(&error))?;
        self.lease.kept(receipt.version);
        Ok(())
    }

    /// Keeps what was refused, to be tried again when it is mended; so many as there is room for. How many that are.
    pub(super) async fn bury(
        &mut self,
        items: &[Item],
        refused: Vec<Vec<Refusal>>,
        room: usize,
        now: Timestamp,
    ) -> Result<usize, ConnectError> {
        // What holds an individual number is told and not kept.
        let kept = |refusals: &[Refusal]| {
            !refusals.is_empty() && refusals.iter().all(|one| one.rule != INDIVIDUAL_NUMBER)
        };
        let mut buried = 0;
        for (at, (item, refusals)) in items.iter().zip(refused).enumerate() {
            if !kept(&refusals) {
                continue;
            }
            let key = dead::key_of(self.name, item);
            let Ground { store, tenant, .. } = self.ground;
            let before: Option<Dead> = read(&**store, tenant, DEAD, &key).await?;
            if before.is_none() && buried == room {
                continue;
            }
            buried += usize::from(before.is_none());
            let came = self.came.get(at).copied().unwrap_or_default();
            let before = before.map_or((now, came, 0), |dead| (dead.since, came, dead.tries));
            self.ops.push(dead::keep(self.name, item, refusals, before)?);
        }
        Ok(buried)
    }
}

fn refusal(item: &Item, problem: &Problem) -> Refusal {
    let rule = match problem.code {
        ProblemCode::IndividualNumber => INDIVIDUAL_NUMBER,
        _ => "platform",
    };
    // The problem table's words only: details may name what the sender wrote.
    let remedy =
        Text { ja: problem.code.title_ja().to_owned(), en: problem.code.title().to_owned() };
    Refusal {
        input: item.input.clone(),
        line: item.line,
        column: None,
        rule: rule.to_owned(),
        remedy,
    }
}
