//! The meaning of write sets, the same for every backend.
//!
//! A backend's committer drains waiting write sets into a group, calls [`resolve`], stores the [`Resolution`] in one atomic, synced batch, and
//! answers every set with its outcome. Sets of a group take effect in order; one that conflicts leaves no trace and does not disturb the others.
//! A backend for which every look is a round trip loads the [`footprint`] of the group first; another one looks when it is asked.

use foldhash::{HashMap, HashSet};
use tsunagu_domain::TenantId;
use tsunagu_ngsi_ld::{EntityDoc, PastDoc};

use crate::temporal::InstanceKey;
use crate::{Collection, Conflict, Expect, Guard, Log, Op, Receipt, StoreError, WriteSet};

/// Longest id of an entity, bytes.
pub const MAX_ID: usize = 1024;
/// Longest key of a record, bytes.
pub const MAX_KEY: usize = 1024;
/// Longest entity, record or log entry, bytes.
pub const MAX_VALUE: usize = 16 << 20;

/// Name of an entity.
pub type EntityKey = (TenantId, String);
/// Name of a record.
pub type RecordKey = (TenantId, Collection, Vec<u8>);
/// A record after a group, with its version; `None` when it is deleted.
pub type RecordAfter = Option<(u64, Vec<u8>)>;
/// Name of a log.
pub type LogKey = (TenantId, Log);

/// What there is before a group.
pub trait Present {
    /// An entity with its version. An error is the outcome of the set that needs it.
    fn entity(&self, key: &EntityKey) -> Result<Option<(u64, EntityDoc)>, StoreError>;
    /// A record with its version. An error is the outcome of the set that needs it.
    fn record(&self, key: &RecordKey) -> Result<Option<(u64, Vec<u8>)>, StoreError>;
    /// The size of a log. An error is the outcome of the set that needs it.
    fn log_size(&self, key: &LogKey) -> Result<u64, StoreError>;
    /// The version of the last transaction.
    fn version(&self) -> u64;
}

/// Everything that a group touches and whose present state may decide it.
#[derive(Debug, Default)]
pub struct Footprint {
    /// Entities written or deleted.
    pub entities: HashSet<EntityKey>,
    /// Records written, deleted, counted or guarded.
    pub records: HashSet<RecordKey>,
    /// Logs appended to or redacted.
    pub logs: HashSet<LogKey>,
}

/// The present state of a footprint, in memory. What is missing from a map is taken as absent (or size 0).
#[derive(Debug, Default)]
pub struct State {
    /// Entities that are there, with their versions.
    pub entities: HashMap<EntityKey, (u64, EntityDoc)>,
    /// Records that are there, with their versions.
    pub records: HashMap<RecordKey, (u64, Vec<u8>)>,
    /// Sizes of the logs.
    pub logs: HashMap<LogKey, u64>,
    /// The version of the last transaction.
    pub version: u64,
}

impl Present for State {
    fn entity(&self, key: &EntityKey) -> Result<Option<(u64, EntityDoc)>, StoreError> {
        Ok(self.entities.get(key).cloned())
    }

    fn record(&self, key: &RecordKey) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        Ok(self.records.get(key).cloned())
    }

    fn log_size(&self, key: &LogKey) -> Result<u64, StoreError> {
        Ok(self.logs.get(key).copied().unwrap_or(0))
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// An entity before and after the group.
#[derive(Debug)]
pub struct EntityChange {
    /// Which.
    pub key: EntityKey,
    /// As it was before the group.
    pub before: Option<EntityDoc>,
    /// As it is after the group, with its version.
    pub after: Option<(u64, EntityDoc)>,
}

/// What to store for a group, and what to answer.
#[derive(Debug, Default)]
pub struct Resolution {
    /// One outcome per set, in order.
    pub outcomes: Vec<Result<Receipt, StoreError>>,
    /// Entities to store or delete, each once.
    pub entities: Vec<EntityChange>,
    /// Records to store (with version) or delete (`None`), each once.
    pub records: Vec<(RecordKey, RecordAfter)>,
    /// Instances of the past to keep or forget (`None`), each once.
    pub instances: Vec<((TenantId, InstanceKey), Option<PastDoc>)>,
    /// Log entries to append, with their indexes.
    pub appends: Vec<(LogKey, u64, Vec<u8>)>,
    /// What to put in the place of entries, each once; some may be appended by the same group, so these come after.
    pub redactions: Vec<((LogKey, u64), Vec<u8>)>,
    /// The version of the last transaction after the group.
    pub version: u64,
}

/// Refuses what no backend takes: ids that are empty, too long or hold a zero byte, long keys, big values.
pub fn admit(set: &WriteSet) -> Result<(), StoreError> {
    set.ops.iter().try_for_each(check_op)
}

fn check_op(op: &Op) -> Result<(), StoreError> {
    match op {
        Op::PutEntity { doc, .. } | Op::PutPast { doc, .. } => {
            check_id(doc.id()).and_then(|()| check_value(doc.bytes()))
        }
        Op::DeleteEntity { id, .. } | Op::DeletePast { id, .. } => check_id(id),
        Op::PutInstance { key, doc } => {
            check_id(&key.entity).and_then(|()| check_value(doc.bytes()))
        }
        Op::DeleteInstance { key } => check_id(&key.entity),
        Op::PutRecord { key, value, .. } => check_key(key).and_then(|()| check_value(value)),
        Op::DeleteRecord { key, .. } | Op::Add { key, .. } | Op::PutIndex { key, .. } => {
            check_key(key)
        }
        Op::Mark { key, bits, .. } => check_key(key).and_then(|()| check_value(bits)),
        Op::Append { entry, .. } | Op::Redact { entry, .. } => check_value(entry),
        Op::When { guards, then, otherwise } => {
            for guard in guards {
                check_key(guard.record().1)?;
            }
            then.iter().chain(otherwise).try_for_each(check_op)
        }
    }
}

fn check_id(id: &str) -> Result<(), StoreError> {
    if id.is_empty() || id.len() > MAX_ID || id.bytes().any(|b| b == 0) {
        return Err(StoreError::Refused(
            "an entity id is empty, longer than 1,024 bytes or holds a zero byte",
        ));
    }
    Ok(())
}

fn check_key(key: &[u8]) -> Result<(), StoreError> {
    if key.len() > MAX_KEY {
        return Err(StoreError::Refused("a record key is longer than 1,024 bytes"));
    }
    Ok(())
}

fn check_value(value: &[u8]) -> Result<(), StoreError> {
    if value.len() > MAX_VALUE {
        return Err(StoreError::Refused("an entity, record or log entry is larger than 16 MiB"));
    }
    Ok(())
}

/// Roughly how many bytes a set brings, for bounding groups.
pub fn weight(set: &WriteSet) -> usize {
    set.ops.iter().map(weight_op).sum()
}

fn weight_op(op: &Op) -> usize {
    64 + match op {
        Op::PutEntity { doc, .. } | Op::PutPast { doc, .. } => 2 * doc.bytes().len(),
        Op::PutInstance { doc, .. } => doc.bytes().len(),
        Op::PutRecord { key, value, .. } => key.len() + value.len(),
        Op::Append { entry, .. } | Op::Redact { entry, .. } => entry.len(),
        Op::PutIndex { key, .. } => key.len(),
        Op::Mark { key, bits, .. } => key.len() + bits.len(),
        Op::When { then, otherwise, .. } => then.iter().chain(otherwise).map(weight_op).sum(),
        Op::DeleteEntity { .. }
        | Op::DeleteInstance { .. }
        | Op::DeletePast { .. }
        | Op::DeleteRecord { .. }
        | Op::Add { .. } => 0,
    }
}

/// What [`resolve`] needs to know before it can decide `sets`.
pub fn footprint(sets: &[WriteSet]) -> Footprint {
    let mut footprint = Footprint::default();
    for set in sets {
        visit(&set.tenant, &set.ops, &mut footprint);
    }
    footprint
}

fn visit(tenant: &TenantId, ops: &[Op], footprint: &mut Footprint) {
    for op in ops {
        match op {
            Op::PutEntity { doc, .. } => {
                footprint.entities.insert((tenant.clone(), doc.id().to_owned()));
            }
            Op::DeleteEntity { id, .. } => {
                footprint.entities.insert((tenant.clone(), id.clone()));
            }
            Op::PutPast { doc, .. } => {
                footprint.entities.insert((tenant.past(), doc.id().to_owned()));
            }
            Op::DeletePast { id, .. } => {
                footprint.entities.insert((tenant.past(), id.clone()));
            }
            // Their present state decides nothing.
            Op::PutInstance { .. }
            | Op::DeleteInstance { .. }
            | Op::PutIndex { .. }
            | Op::PutRecord { expect: Expect::Any, .. }
            | Op::DeleteRecord { expect: Expect::Any, .. } => {}
            Op::PutRecord { collection, key, .. }
            | Op::DeleteRecord { collection, key, .. }
            | Op::Add { collection, key, .. }
            | Op::Mark { collection, key, .. } => {
                footprint.records.insert((tenant.clone(), *collection, key.clone()));
            }
            Op::Append { log, .. } | Op::Redact { log, .. } => {
                footprint.logs.insert((tenant.clone(), *log));
            }
            Op::When { guards, then, otherwise } => {
                for guard in guards {
                    let (collection, key) = guard.record();
                    footprint.records.insert((tenant.clone(), collection, key.clone()));
                }
                visit(tenant, then, footprint);
                visit(tenant, otherwise, footprint);
            }
        }
    }
}

/// Decides a group against the present state, of which it looks only at what decides.
pub fn resolve(sets: Vec<WriteSet>, present: &impl Present) -> Resolution {
    let mut before = Seen::default();
    let mut done = Overlay::of(sets.iter().map(|set| size(&set.ops)).sum());
    let mut outcomes = Vec::with_capacity(sets.len());
    let mut appends = Vec::new();
    let mut version = present.version();
    for set in sets {
        let mut trial = Trial {
            tenant: set.tenant,
            present,
            before: &mut before,
            done: &done,
            mine: Overlay::of(size(&set.ops)),
            appends: Vec::new(),
            receipt: Receipt { version: version + 1, ..Receipt::default() },
            op: 0,
        };
        match trial.run(set.ops) {
            Ok(()) => {
                version += 1;
                let Trial { mine, appends: new, receipt, .. } = trial;
                done.entities.extend(mine.entities);
                done.records.extend(mine.records);
                done.logs.extend(mine.logs);
                done.instances.extend(mine.instances);
                done.redactions.extend(mine.redactions);
                appends.extend(new);
                outcomes.push(Ok(receipt));
            }
            Err(error) => outcomes.push(Err(error)),
        }
    }
    let entities = done
        .entities
        .into_iter()
        .map(|(key, after)| {
            let before = before.entities.remove(&key).flatten().map(|(_, doc)| doc);
            EntityChange { key, before, after }
        })
        .collect();
    let records = done.records.into_iter().collect();
    let instances = done.instances.into_iter().collect();
    let redactions = done.redactions.into_iter().collect();
    Resolution { outcomes, entities, records, instances, appends, redactions, version }
}

#[derive(Default)]
struct Overlay {
    entities: HashMap<EntityKey, Option<(u64, EntityDoc)>>,
    records: HashMap<RecordKey, RecordAfter>,
    logs: HashMap<LogKey, u64>,
    instances: HashMap<(TenantId, InstanceKey), Option<PastDoc>>,
    redactions: HashMap<(LogKey, u64), Vec<u8>>,
}

impl Overlay {
    /// With room for so many records.
    fn of(records: usize) -> Self {
        let records =
            HashMap::with_capacity_and_hasher(records, foldhash::fast::RandomState::default());
        Self { records, ..Self::default() }
    }
}

/// How many operations at most take effect.
fn size(ops: &[Op]) -> usize {
    let size_of = |op: &Op| match op {
        Op::When { then, otherwise, .. } => size(then).max(size(otherwise)),
        _ => 1,
    };
    ops.iter().map(size_of).sum()
}

/// What was looked at, as it was before the group.
#[derive(Default)]
struct Seen {
    entities: HashMap<EntityKey, Option<(u64, EntityDoc)>>,
    records: HashMap<RecordKey, RecordAfter>,
}

struct Trial<'a, P> {
    tenant: TenantId,
    present: &'a P,
    before: &'a mut Seen,
    done: &'a Overlay,
    mine: Overlay,
    appends: Vec<(LogKey, u64, Vec<u8>)>,
    receipt: Receipt,
    op: usize,
}

/// Why an operation cannot be done.
enum Refusal {
    /// What is there does not let it.
    Conflict(Conflict),
    /// What is there cannot be told.
    Unread(StoreError),
}

impl From<Conflict> for Refusal {
    fn from(conflict: Conflict) -> Self {
        Self::Conflict(conflict)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Unread(error)
    }
}

impl<P: Present> Trial<'_, P> {
    fn run(&mut self, ops: Vec<Op>) -> Result<(), StoreError> {
        for op in ops {
            self.op += 1;
            if let Op::When { guards, then, otherwise } = op {
                let holds = self.all_hold(&guards)?;
                self.receipt.branches.push(holds);
                self.run(if holds { then } else { otherwise })?;
                continue;
            }
            self.step(op).map_err(|refusal| match refusal {
                Refusal::Conflict(conflict) => StoreError::Conflict { op: self.op - 1, conflict },
                Refusal::Unread(error) => error,
            })?;
        }
        Ok(())
    }

    fn step(&mut self, op: Op) -> Result<(), Refusal> {
        match op {
            Op::PutEntity { doc, expect } => {
                self.entity((self.tenant.clone(), doc.id().to_owned()), Some(doc), expect)?;
            }
            Op::DeleteEntity { id, expect } => {
                self.entity((self.tenant.clone(), id), None, expect)?;
            }
            Op::PutPast { doc, expect } => {
                self.entity((self.tenant.past(), doc.id().to_owned()), Some(doc), expect)?;
            }
            Op::DeletePast { id, expect } => {
                self.entity((self.tenant.past(), id), None, expect)?;
            }
            Op::PutInstance { key, doc } => {
                self.mine.instances.insert((self.tenant.clone(), key), Some(doc));
            }
            Op::DeleteInstance { key } => {
                self.mine.instances.insert((self.tenant.clone(), key), None);
            }
            Op::PutRecord { collection, key, value, expect } => {
                self.put((self.tenant.clone(), collection, key), Some(value), expect)?;
            }
            Op::DeleteRecord { collection, key, expect } => {
                self.put((self.tenant.clone(), collection, key), None, expect)?;
            }
            Op::Append { log, entry } => {
                let key = (self.tenant.clone(), log);
                let index = self.log_size(&key)?;
                self.mine.logs.insert(key.clone(), index + 1);
                self.appends.push((key, index, entry));
                self.receipt.appended.push(index);
            }
            Op::PutIndex { collection, key } => {
                let index = self.receipt.appended.last().ok_or(Conflict::Missing)?;
                let value = index.to_be_bytes().to_vec();
                self.put((self.tenant.clone(), collection, key), Some(value), Expect::Any)?;
            }
            Op::Redact { log, index, entry } => {
                let key = (self.tenant.clone(), log);
                if index >= self.log_size(&key)? {
                    return Err(Conflict::Missing.into());
                }
                self.mine.redactions.insert((key, index), entry);
            }
            Op::Add { collection, key, delta, min, max } => {
                let key = (self.tenant.clone(), collection, key);
                let sum = self.sum(&key, delta, min, max)?.ok_or(Conflict::OutOfBounds)?;
                self.put(key, Some(sum.to_be_bytes().to_vec()), Expect::Any)?;
            }
            Op::Mark { collection, key, bits } => {
                let key = (self.tenant.clone(), collection, key);
                let mut all = self.record(&key, |found| {
                    found.map_or_else(Vec::new, |(_, value)| value.clone())
                })?;
                all.resize(all.len().max(bits.len()), 0);
                all.iter_mut().zip(&bits).for_each(|(byte, more)| *byte |= more);
                self.put(key, Some(all), Expect::Any)?;
            }
            // Branches are chosen and run by `run`.
            Op::When { .. } => {}
        }
        Ok(())
    }

    fn entity(
        &mut self,
        key: EntityKey,
        doc: Option<EntityDoc>,
        expect: Expect,
    ) -> Result<(), Refusal> {
        let version =
            |found: &Option<(u64, EntityDoc)>| found.as_ref().map(|(version, _)| *version);
        let written = self.mine.entities.get(&key).or_else(|| self.done.entities.get(&key));
        let found = if let Some(known) = written.or_else(|| self.before.entities.get(&key)) {
            version(known)
        } else {
            let found = self.present.entity(&key)?;
            let there = version(&found);
            self.before.entities.insert(key.clone(), found);
            there
        };
        check(expect, found)?;
        self.mine.entities.insert(key, doc.map(|doc| (self.receipt.version, doc)));
        Ok(())
    }

    fn put(
        &mut self,
        key: RecordKey,
        value: Option<Vec<u8>>,
        expect: Expect,
    ) -> Result<(), Refusal> {
        if expect != Expect::Any {
            check(expect, self.record(&key, |found| found.map(|(version, _)| *version))?)?;
        }
        self.mine.records.insert(key, value.map(|value| (self.receipt.version, value)));
        Ok(())
    }

    fn all_hold(&mut self, guards: &[Guard]) -> Result<bool, StoreError> {
        for guard in guards {
            if !self.holds(guard)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn holds(&mut self, guard: &Guard) -> Result<bool, StoreError> {
        let (collection, key) = guard.record();
        let key = (self.tenant.clone(), collection, key.clone());
        match guard {
            Guard::Absent { .. } => self.record(&key, |found| found.is_none()),
            Guard::Room { delta, min, max, .. } => {
                Ok(self.sum(&key, *delta, *min, *max)?.is_some())
            }
            Guard::Clear { bits, .. } => self.record(&key, |found| {
                let set = found.map_or(&[][..], |(_, value)| value);
                set.iter().zip(bits).all(|(set, asked)| set & asked == 0)
            }),
        }
    }

    /// The counter after adding, if it is one and stays in bounds.
    fn sum(
        &mut self,
        key: &RecordKey,
        delta: i64,
        min: i64,
        max: i64,
    ) -> Result<Option<i64>, StoreError> {
        self.record(key, |found| {
            let now = match found {
                None => 0,
                Some((_, value)) => i64::from_be_bytes(value.as_slice().try_into().ok()?),
            };
            now.checked_add(delta).filter(|sum| (min..=max).contains(sum))
        })
    }

    /// What `look` makes of the record as it stands at this point of the group.
    fn record<T>(
        &mut self,
        key: &RecordKey,
        look: impl FnOnce(Option<&(u64, Vec<u8>)>) -> T,
    ) -> Result<T, StoreError> {
        let written = self.mine.records.get(key).or_else(|| self.done.records.get(key));
        if let Some(known) = written.or_else(|| self.before.records.get(key)) {
            return Ok(look(known.as_ref()));
        }
        let found = self.present.record(key)?;
        let looked = look(found.as_ref());
        self.before.records.insert(key.clone(), found);
        Ok(looked)
    }

    fn log_size(&self, key: &LogKey) -> Result<u64, StoreError> {
        match self.mine.logs.get(key).or_else(|| self.done.logs.get(key)) {
            Some(size) => Ok(*size),
            None => self.present.log_size(key),
        }
    }
}

fn check(expect: Expect, found: Option<u64>) -> Result<(), Conflict> {
    match (expect, found) {
        (Expect::Any, _) | (Expect::Absent, None) | (Expect::Present, Some(_)) => Ok(()),
        (Expect::Absent, Some(_)) => Err(Conflict::Exists),
        (Expect::Present | Expect::Version(_), None) => Err(Conflict::Missing),
        (Expect::Version(expected), Some(version)) if expected == version => Ok(()),
        (Expect::Version(_), Some(_)) => Err(Conflict::Changed),
    }
}
