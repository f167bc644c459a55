//! Values that a person decides about.

use std::fmt;

use tsunagu_connector_csv_drop::{Decided, Decisions, Outcome, Weight, is_lossy};
use tsunagu_domain::{Problem, ProblemCode, individual_number};
use tsunagu_ngsi_ld::Context;
use tsunagu_staff::{Acting, Role};
use tsunagu_store::{Expect, Scan};

use crate::acts::object;
use crate::decisions::{about, attributes};
use crate::imports::Imports;
use crate::load::{LoadId, LoadState};
use crate::records::{self, ATTEMPTS, DECISIONS, Decision, Kept, WAITING, Waiting, busy};
use crate::staging::keep;

/// Who decides: those who know the records, and those who run the platform.
pub(crate) const DECIDE: [Role; 2] = [Role::Counter, Role::Operator];
/// The longest text that may be given.
const LONGEST: usize = 500;

/// A row that waits.
#[derive(Clone, PartialEq, Eq)]
pub struct Item {
    /// Its line in the file, from 1.
    pub line: u64,
    /// What has to be decided about it.
    pub questions: Vec<Question>,
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item").field("line", &self.line).finish_non_exhaustive()
    }
}

/// A value that waits.
#[derive(Clone, PartialEq, Eq)]
pub struct Question {
    /// The column.
    pub column: String,
    /// Which rule.
    pub rule: &'static str,
    /// What is written.
    pub written: String,
    /// What may have been meant.
    pub repair: Option<String>,
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question").field("rule", &self.rule).finish_non_exhaustive()
    }
}

/// An answer to it.
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    /// This text is meant.
    Take(String),
    /// Rows with the value are not taken over.
    Refuse,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::Refuse) { "Refuse" } else { "Take(…)" })
    }
}

/// One decision, to see what it would do.
struct Only<'a> {
    column: &'a str,
    written: &'a str,
    decided: Decided,
}

impl Decisions for Only<'_> {
    fn on(&self, column: &str, written: &str, _only: Option<u64>) -> Option<Decided> {
        (column == self.column && written == self.written).then(|| self.decided.clone())
    }
}

pub(crate) fn cells(waiting: &Waiting) -> Vec<&str> {
    waiting.cells.iter().map(String::as_str).collect()
}

fn questions(outcome: &Outcome) -> impl Iterator<Item = Question> + '_ {
    let waits = outcome.findings.iter().filter(|finding| finding.weight == Weight::ToDecide);
    waits.map(|finding| Question {
        column: finding.column.clone().unwrap_or_default(),
        rule: finding.rule,
        written: finding.value.clone(),
        repair: finding.repair.clone(),
    })
}

pub(crate) fn line(key: &[u8]) -> u64 {
    key.last_chunk().map_or(0, |line| u64::from_be_bytes(*line))
}

impl Imports {
    /// Rows of a load that wait, behind a line, with what is written in the columns that are in question. For counter and operators; that
    /// they were looked at is written down before the answer, for the residents as well to whom these records are known to be linked.
    pub async fn queue(
        &self,
        by: &Acting,
        id: &LoadId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Item>, Problem> {
        let named = id.to_string();
        let what = object("import-queue-read", &named);
        self.desk.demand(&self.tenant, by, &DECIDE, what).await?;
        let (config, load) = (self.layout(&id.layout)?, self.kept(id).await?.data);
        let prefix = records::of_load(&id.layout, id.number);
        let after = Some([&prefix[..], &after.to_be_bytes()].concat());
        let page = Scan { prefix, after, limit, ..Scan::default() };
        let store = &*self.services.store;
        let found = records::scan::<Waiting>(store, &self.tenant, WAITING, &page).await?;
        let layout = Self::laid(config, &load.header)?;
        let settled = self.settled(config, &load).await?;
        let (mut items, mut records_shown) = (Vec::new(), Vec::new());
        for (key, kept) in found {
            let line = line(&key);
            let outcome = layout.row(&cells(&kept.data), line, 0, &settled);
            let questions: Vec<_> = questions(&outcome).collect();
            if !questions.is_empty() {
                records_shown.extend(outcome.name);
                items.push(Item { line, questions });
            }
        }
        let mut access = self.access(by, what, "");
        access.types = vec![Context::core().expand(&config.entity_type).into_owned()];
        let questions = items.iter().flat_map(|item| &item.questions);
        access.attributes = attributes(config, questions.map(|question| &*question.column));
        access.count = items.len() as u64;
        access.subjects = self.linked(&id.layout, &records_shown).await?;
        self.services.log.record(&self.tenant, &access).await?;
        Ok(items)
    }

    /// Decides about a value that waits in this line and column. It holds for every row of this layout with the same value in the same column,
    /// in this load and in later ones; of a value that has lost its meaning ([`is_lossy`]), for this line of this load alone. Not once the load is proposed.
    pub async fn decide(
        &self,
        by: &Acting,
        id: &LoadId,
        line: u64,
        column: &str,
        answer: Answer,
    ) -> Result<(), Problem> {
        let named = id.to_string();
        let what = object("import-decide", &named);
        self.desk.demand(&self.tenant, by, &DECIDE, what).await?;
        let wrong = |detail: &str| Problem::new(ProblemCode::BadRequestData, detail).at("/take");
        let number = || {
            let detail = "an individual number (個人番号) may not be sent to this platform";
            Problem::new(ProblemCode::IndividualNumber, detail).at("/take")
        };
        if let Answer::Take(text) = &answer {
            if individual_number::is_in(text) || individual_number::is_in_power(text) {
                return Err(number());
            }
            if text.chars().count() > LONGEST {
                return Err(wrong("at most 500 characters"));
            }
        }
        let config = self.layout(&id.layout)?;
        for _ in 0..ATTEMPTS {
            let Kept { version, data: mut load, .. } = self.kept(id).await?;
            let open =
                [LoadState::Settling, LoadState::Comparing, LoadState::Waiting, LoadState::Held];
            if !open.contains(&load.state) {
                let detail = "nothing can be decided about this load as it stands";
                return Err(self.wrong_state(by, what, detail).await);
            }
            let key = records::in_load(&id.layout, id.number, &line.to_be_bytes());
            let store = &*self.services.store;
            let row = records::read::<Waiting>(store, &self.tenant, WAITING, &key).await?;
            let row = row.ok_or_else(Problem::not_found)?.data;
            let layout = Self::laid(config, &load.header)?;
            let asked = layout.row(&cells(&row), line, 0, &tsunagu_connector_csv_drop::Undecided);
            let question = questions(&asked).find(|question| question.column == column);
            let question = question.ok_or_else(Problem::not_found)?;
            let (take, decided) = match &answer {
                Answer::Take(text) => (Some(text.clone()), Decided::Take(text.clone())),
                Answer::Refuse => (None, Decided::Refuse),
            };
            if take.is_some() {
                let only = Only { column, written: &question.written, decided };
                let then = layout.row(&cells(&row), line, 0, &only);
                if then.findings.iter().any(|finding| finding.rule == "individual-number") {
                    return Err(number());
                }
                let heavy = |f: &&tsunagu_connector_csv_drop::Finding| {
                    f.column.as_deref() == Some(column) && f.weight > Weight::Warning
                };
                if let Some(left) = then.findings.iter().find(heavy) {
                    let detail =
                        format!("this text cannot be taken over either: {}", left.remedy().en);
                    return Err(wrong(&detail));
                }
            }
            let now = self.services.clock.micros();
            let only = is_lossy(question.rule).then_some((id.number, line));
            let digest = about(&layout, column, &question.written, only);
            let place = [&records::of_layout(&id.layout)[..], &digest].concat();
            let decision = Decision {
                take,
                by: by.who(),
                at: now,
                column: Some(column.to_owned()),
                written: Some(question.written),
                only,
            };
            let done = if decision.take.is_some() { "decided-taken" } else { "decided-refused" };
            load.state = LoadState::Settling;
            load.step(now, "decided", Some(by.who()), String::new());
            let mut set = self.set();
            set.ops.push(records::put(DECISIONS, &place, None, &decision, Expect::Any)?);
            set.ops.push(keep(&load, Expect::Version(version))?);
            let mut access = self.access(by, what, done);
            access.types = vec![Context::core().expand(&config.entity_type).into_owned()];
            set.ops.extend(self.services.log.ops(&access)?);
            if records::try_commit(store, set).await? {
                return Ok(());
            }
        }
        Err(busy())
    }
}
