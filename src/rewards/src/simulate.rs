//! Rules tried on what has happened already, before the town pays by them. Nothing is written.

use std::collections::{BTreeMap, HashMap, HashSet};

use async_trait::async_trait;
use chrono::NaiveDate;
use serde::Serialize;
use tsunagu_domain::{Level, Problem, ProblemCode, TenantId, TsunoId};
use tsunagu_ngsi_ld::EntityDoc;
use tsunagu_store::group::{self, RecordKey, State as Present};
use tsunagu_store::{Change, StoreError, WriteSet};

use crate::activity::Facts;
use crate::award::Award;
use crate::records::{BY_PERSON, TRANSITIONS, Transition, decode};
use crate::rewards::subject_of;
use crate::{AwardUid, Reason, Rewards, Rules, State};

/// Activities that one simulation takes at most.
const MOST: usize = 200_000;
const PAGE: usize = 1_000;
/// After so many, others who wait for this thread go on.
const TURN: usize = 100;

/// Where stored activities are read.
#[async_trait]
pub trait Activities: Send + Sync + 'static {
    /// Entities of this type (expanded), in an order that stays the same, leaving out `offset` and at most `limit`.
    async fn page(
        &self,
        tenant: &TenantId,
        entity_type: &str,
        offset: usize,
        limit: usize,
    ) -> Result<Vec<EntityDoc>, StoreError>;
}

/// What candidate rules would have made of the past. Nothing in it is about a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Simulation {
    /// Activities that a rule looked at, of the days asked for.
    pub activities: u64,
    /// People whose activities they are.
    pub persons: u64,
    /// Each rule, as it is in the file.
    pub rules: Vec<SimulatedRule>,
}

/// One version of a rule in a [`Simulation`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SimulatedRule {
    /// The rule.
    pub rule: String,
    /// Its version.
    pub version: u32,
    /// Activities that would have earned.
    pub grants: u64,
    /// Coins in them.
    pub coins: i64,
    /// People who would have earned.
    pub persons: u64,
    /// The most that one of them would have earned.
    pub most_of_one_person: i64,
    /// What the rule may spend, all its versions together.
    pub budget: i64,
    /// Activities that would have earned nothing, by reason.
    pub refused: BTreeMap<String, u64>,
}

/// How far a simulation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many stored activities were read.
    Read(u64),
    /// Rules were tried on so many activities, of so many.
    Decided {
        /// So many.
        done: u64,
        /// Of so many.
        of: u64,
    },
}

#[derive(Default)]
struct Tally {
    grants: u64,
    coins: i64,
    people: HashMap<TsunoId, i64>,
    refused: BTreeMap<String, u64>,
}

impl Rewards {
    /// Runs candidate rules over the stored activities of these days, in the order in which they came, as if each had been written at that
    /// time under a consent, after the surest login and by a resident. What they use of limits and budget begins at nothing. The people whose activities were read are
    /// for the record of access. One simulation runs at a time: another meanwhile is [`ProblemCode::TooManyRequests`].
    pub async fn simulate(
        &self,
        tenant: &TenantId,
        rules: &Rules,
        days: (NaiveDate, NaiveDate),
    ) -> Result<(Simulation, Vec<TsunoId>), Problem> {
        self.simulate_telling(tenant, rules, days, &|_| {}).await
    }

    /// The same; `tell` is told how far it is.
    pub async fn simulate_telling(
        &self,
        tenant: &TenantId,
        rules: &Rules,
        days: (NaiveDate, NaiveDate),
        tell: &(dyn Fn(Progress) + Sync),
    ) -> Result<(Simulation, Vec<TsunoId>), Problem> {
        let _alone = self.simulating.try_lock().map_err(|_| {
            let detail = "another simulation is running; try again when it is done";
            Problem::new(ProblemCode::TooManyRequests, detail)
        })?;
        let past = self.past(tenant, rules, days, tell).await?;
        let mut present = Present::default();
        let mut tallies: HashMap<(String, u32), Tally> = HashMap::new();
        let mut people = HashSet::new();
        let of = past.len() as u64;
        for (turn, doc) in (1..).zip(&past) {
            if turn % TURN == 0 {
                tell(Progress::Decided { done: turn as u64, of });
                tokio::task::yield_now().await;
            }
            people.extend(subject_of(doc));
            let change = Change {
                tenant,
                before: None,
                after: Some(doc),
                client: None,
                grant: Some("simulation"),
                assurance: Some(Level::High),
                at: doc.created_at(),
            };
            let mut ops = Vec::new();
            self.follow_rules(rules, &change, &mut ops)?;
            let set = WriteSet { tenant: tenant.clone(), ops };
            let mut resolution = group::resolve(vec![set], &present);
            if let Some(Err(error)) = resolution.outcomes.pop() {
                return Err(error.into());
            }
            present.version = resolution.version;
            count(&resolution.records, &mut tallies)?;
            for (key, after) in resolution.records {
                match after {
                    Some(after) => present.records.insert(key, after),
                    None => present.records.remove(&key),
                };
            }
        }
        tell(Progress::Decided { done: of, of });
        let tally = |compiled: &crate::rule::Compiled| {
            let rule = &compiled.rule;
            let Tally { grants, coins, people, refused } =
                tallies.remove(&(rule.id.clone(), rule.version)).unwrap_or_default();
            SimulatedRule {
                rule: rule.id.clone(),
                version: rule.version,
                grants,
                coins,
                persons: people.len() as u64,
                most_of_one_person: people.into_values().max().unwrap_or(0),
                budget: rule.budget,
                refused,
            }
        };
        let simulation = Simulation {
            activities: past.len() as u64,
            persons: people.len() as u64,
            rules: rules.iter().map(tally).collect(),
        };
        let mut people: Vec<TsunoId> = people.into_iter().collect();
        people.sort_unstable();
        Ok((simulation, people))
    }

    /// The stored activities that a rule looks at, of the days asked for, in the order in which they came.
    async fn past(
        &self,
        tenant: &TenantId,
        rules: &Rules,
        (from, to): (NaiveDate, NaiveDate),
        tell: &(dyn Fn(Progress) + Sync),
    ) -> Result<Vec<EntityDoc>, Problem> {
        let activities = self.activities.as_ref().ok_or_else(|| {
            Problem::new(ProblemCode::InternalError, "stored activities cannot be read here")
        })?;
        let mut types: Vec<(&str, crate::TimeZone)> =
            rules.iter().map(|compiled| (compiled.entity_type(), compiled.rule.tz)).collect();
        types.sort_unstable_by_key(|(entity_type, _)| *entity_type);
        types.dedup_by_key(|(entity_type, _)| *entity_type);
        let mut past: Vec<EntityDoc> = Vec::new();
        let mut seen = 0;
        for (entity_type, tz) in types {
            let mut offset = 0;
            loop {
                let page = activities.page(tenant, entity_type, offset, PAGE).await?;
                let read = page.len();
                offset += read;
                seen += read as u64;
                tell(Progress::Read(seen));
                past.extend(page.into_iter().filter(|doc| {
                    let started = Facts::of(doc).started.unwrap_or(doc.created_at());
                    (from..to).contains(&tz.day(started))
                }));
                if past.len() > MOST {
                    let detail =
                        "more than 200,000 activities are of these days; ask for fewer days";
                    return Err(Problem::new(ProblemCode::InvalidRequest, detail).at("from"));
                }
                if read < PAGE {
                    break;
                }
            }
        }
        past.sort_by(|one, other| {
            (one.created_at(), one.id()).cmp(&(other.created_at(), other.id()))
        });
        past.dedup_by(|one, other| one.id() == other.id());
        Ok(past)
    }
}

/// Counts what one activity came to, by the records that it left.
fn count(
    records: &[(RecordKey, group::RecordAfter)],
    tallies: &mut HashMap<(String, u32), Tally>,
) -> Result<(), StoreError> {
    let mut states: HashMap<AwardUid, (State, Option<Reason>)> = HashMap::new();
    let mut awards: Vec<Award> = Vec::new();
    for ((_, collection, key), after) in records {
        let Some((_, value)) = after else { continue };
        if *collection == BY_PERSON {
            awards.push(decode(value)?);
        } else if *collection == TRANSITIONS {
            let Transition { state, reason, .. } = decode(value)?;
            if let Some(uid) = key.get(..32).and_then(AwardUid::from_slice)
                && states.get(&uid).is_none_or(|(known, _)| state > *known)
            {
                states.insert(uid, (state, reason));
            }
        }
    }
    for award in awards {
        let tally = tallies.entry((award.rule.clone(), award.rule_version)).or_default();
        match states.get(&award.uid) {
            Some((State::Reserved, _)) => {
                tally.grants += 1;
                tally.coins += award.amount;
                *tally.people.entry(award.subject).or_default() += award.amount;
            }
            found => {
                let reason = award.reason.or(found.and_then(|(_, reason)| *reason));
                let name = reason.map_or_else(String::new, Reason::code);
                *tally.refused.entry(name).or_default() += 1;
            }
        }
    }
    Ok(())
}
