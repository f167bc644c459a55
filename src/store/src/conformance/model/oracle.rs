//! The state as sorted maps.

use std::collections::BTreeMap;

use super::steps::{Act, Check, Hope, MAX, MIN, Spot};
use crate::Conflict;

/// An entity as the oracle knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Thing {
    pub(super) kind: usize,
    pub(super) level: i8,
    pub(super) subject: Option<u8>,
    pub(super) version: u64,
}

/// All tenants.
#[derive(Debug, Clone, Default)]
pub(super) struct Oracle {
    pub(super) things: BTreeMap<(usize, usize), Thing>,
    pub(super) pasts: BTreeMap<(usize, usize), Thing>,
    pub(super) instances: BTreeMap<(usize, Spot), (i8, Option<u8>)>,
    pub(super) records: BTreeMap<(usize, usize, usize), (u64, Vec<u8>)>,
    pub(super) counters: BTreeMap<(usize, usize), (u64, i64)>,
    pub(super) logs: BTreeMap<(usize, usize), Vec<Vec<u8>>>,
}

/// What a set should answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) appended: Vec<u64>,
    pub(super) branches: Vec<bool>,
}

/// A version that a store never gives.
pub(super) const WRONG: u64 = u64::MAX;

impl Oracle {
    /// The state after these acts, whose writes get `version`, or the first conflict.
    pub(super) fn apply(
        &self,
        tenant: usize,
        acts: &[Act],
        version: u64,
    ) -> Result<(Self, Answer), Conflict> {
        let (mut next, mut answer) = (self.clone(), Answer::default());
        next.all(self, tenant, acts, version, &mut answer)?;
        Ok((next, answer))
    }

    fn all(
        &mut self,
        base: &Self,
        t: usize,
        acts: &[Act],
        version: u64,
        answer: &mut Answer,
    ) -> Result<(), Conflict> {
        for act in acts {
            match act {
                Act::PutEntity { id, kind, level, subject, hope } => {
                    meets(*hope, self.thing_version(t, *id), base.thing_version(t, *id))?;
                    let thing = Thing { kind: *kind, level: *level, subject: *subject, version };
                    self.things.insert((t, *id), thing);
                }
                Act::DeleteEntity { id, hope } => {
                    meets(*hope, self.thing_version(t, *id), base.thing_version(t, *id))?;
                    self.things.remove(&(t, *id));
                }
                Act::PutPast { id, kind, level, subject, hope } => {
                    let version_of = |o: &Self| o.pasts.get(&(t, *id)).map(|past| past.version);
                    meets(*hope, version_of(self), version_of(base))?;
                    let past = Thing { kind: *kind, level: *level, subject: *subject, version };
                    self.pasts.insert((t, *id), past);
                }
                Act::DeletePast { id, hope } => {
                    let version_of = |o: &Self| o.pasts.get(&(t, *id)).map(|past| past.version);
                    meets(*hope, version_of(self), version_of(base))?;
                    self.pasts.remove(&(t, *id));
                }
                Act::Remember { at, value, subject } => {
                    self.instances.insert((t, *at), (*value, *subject));
                }
                Act::Forget { at } => {
                    self.instances.remove(&(t, *at));
                }
                Act::PutRecord { collection, key, value, hope } => {
                    let at = (t, *collection, *key);
                    meets(*hope, self.record_version(at), base.record_version(at))?;
                    self.records.insert(at, (version, value.clone()));
                }
                Act::DeleteRecord { collection, key, hope } => {
                    let at = (t, *collection, *key);
                    meets(*hope, self.record_version(at), base.record_version(at))?;
                    self.records.remove(&at);
                }
                Act::Append { log, entry } => {
                    let log = self.logs.entry((t, *log)).or_default();
                    answer.appended.push(log.len() as u64);
                    log.push(entry.clone());
                }
                Act::PutIndex { collection, key } => {
                    let index = answer.appended.last().ok_or(Conflict::Missing)?;
                    let value = index.to_be_bytes().to_vec();
                    self.records.insert((t, *collection, *key), (version, value));
                }
                Act::Redact { log, index, entry } => {
                    let log = self.logs.entry((t, *log)).or_default();
                    let at = usize::try_from(*index).ok().and_then(|index| log.get_mut(index));
                    at.ok_or(Conflict::Missing)?.clone_from(entry);
                }
                Act::Add { key, delta } => {
                    let sum = self.counter(t, *key) + delta;
                    if !(MIN..=MAX).contains(&sum) {
                        return Err(Conflict::OutOfBounds);
                    }
                    self.counters.insert((t, *key), (version, sum));
                }
                Act::When { guards, then, otherwise } => {
                    let mut holds = true;
                    for guard in guards {
                        holds &= match guard {
                            Check::Absent { collection, key } => {
                                !self.records.contains_key(&(t, *collection, *key))
                            }
                            Check::Room { key, delta } => {
                                (MIN..=MAX).contains(&(self.counter(t, *key) + delta))
                            }
                        };
                    }
                    answer.branches.push(holds);
                    self.all(base, t, if holds { then } else { otherwise }, version, answer)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn counter(&self, tenant: usize, key: usize) -> i64 {
        self.counters.get(&(tenant, key)).map_or(0, |(_, sum)| *sum)
    }

    pub(super) fn thing_version(&self, tenant: usize, id: usize) -> Option<u64> {
        self.things.get(&(tenant, id)).map(|thing| thing.version)
    }

    pub(super) fn record_version(&self, at: (usize, usize, usize)) -> Option<u64> {
        self.records.get(&at).map(|(version, _)| *version)
    }
}

/// `base` is the version before the set, which is what its sender knew.
fn meets(hope: Hope, now: Option<u64>, base: Option<u64>) -> Result<(), Conflict> {
    let expected = match hope {
        Hope::Any => return Ok(()),
        Hope::Absent => {
            return if now.is_none() { Ok(()) } else { Err(Conflict::Exists) };
        }
        Hope::Present => {
            return if now.is_some() { Ok(()) } else { Err(Conflict::Missing) };
        }
        Hope::Current => base.unwrap_or(WRONG),
        Hope::Wrong => WRONG,
    };
    match now {
        None => Err(Conflict::Missing),
        Some(version) if version == expected => Ok(()),
        Some(_) => Err(Conflict::Changed),
    }
}
