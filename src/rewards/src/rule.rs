//! Reward rules: what the town pays coins for. They are configuration, checked whole before anything runs on them.

use std::collections::HashSet;

use chrono::{DateTime, Days, FixedOffset, NaiveDate};
use serde::{Deserialize, Serialize};
use tsunagu_domain::{Text, Timestamp};
use tsunagu_ngsi_ld::{Context, EntityDoc, Everything, Query};

use crate::Budget;

/// No amount of a rule may be larger, so that sums stay far from the limits of an integer.
const MOST: i64 = 1_000_000_000_000;

/// Whose midnight ends a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeZone {
    /// UTC+9 all year.
    #[serde(rename = "Asia/Tokyo")]
    Tokyo,
}

impl TimeZone {
    /// The calendar day of a moment.
    pub fn day(self, at: Timestamp) -> NaiveDate {
        let moment = DateTime::from_timestamp_micros(at).unwrap_or_default();
        let seconds = match self {
            Self::Tokyo => 9 * 3600,
        };
        FixedOffset::east_opt(seconds)
            .map_or_else(|| moment.date_naive(), |zone| moment.with_timezone(&zone).date_naive())
    }
}

/// One reward rule, as configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, kept over versions: 1 to 64 of `a-z 0-9 -`.
    pub id: String,
    /// Grows with every change of the rule.
    pub version: u32,
    /// Entity type that the rule looks at, a term of the default context or an IRI.
    pub entity_type: String,
    /// NGSI-LD query (clause 4.9) that the activity must satisfy, e.g. `steps>=5000`.
    pub q: String,
    /// Coins for one activity.
    pub amount: i64,
    /// Coins that one person can earn by this rule (all its versions) for activity of one day.
    pub per_person_per_day: i64,
    /// Coins that the town spends on this rule (all its versions).
    pub budget: i64,
    /// First day of activity that counts.
    pub valid_from: NaiveDate,
    /// First day of activity that no longer counts.
    pub valid_until: NaiveDate,
    /// How many days after its day an activity may still arrive.
    #[serde(default = "a_month")]
    pub accept_days: u32,
    /// Whose midnight ends a day.
    pub tz: TimeZone,
    /// What residents read.
    pub label: Text,
}

fn a_month() -> u32 {
    31
}

impl Rule {
    /// Whether activity of this day counts.
    pub(crate) fn covers(&self, day: NaiveDate) -> bool {
        (self.valid_from..self.valid_until).contains(&day)
    }

    /// Whether activity of `day` arrives in time at `at`.
    pub(crate) fn in_time(&self, day: NaiveDate, at: Timestamp) -> bool {
        day.checked_add_days(Days::new(self.accept_days.into()))
            .is_some_and(|last| self.tz.day(at) <= last)
    }
}

/// The rules cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// Not the expected JSON.
    #[error("the reward rules are not readable: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// A rule contradicts itself or another.
    #[error("reward rule '{rule}' cannot be used: {what}")]
    Unusable {
        /// Which.
        rule: String,
        /// Why, and what would be right.
        what: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    v: u32,
    rules: Vec<Rule>,
}

/// A rule with its query parsed.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) rule: Rule,
    entity_type: String,
    query: Query,
}

impl Compiled {
    /// Whether the rule looks at entities of this kind.
    pub(crate) fn looks_at(&self, doc: &EntityDoc) -> bool {
        doc.types().any(|iri| iri == self.entity_type)
    }

    /// Whether the activity satisfies the query.
    pub(crate) fn satisfied(&self, doc: &EntityDoc) -> bool {
        self.query.matches(doc, &Everything)
    }
}

/// All rules of the platform, checked.
#[derive(Debug, Default)]
pub struct Rules(Vec<Compiled>);

impl Rules {
    /// Reads `{"v": 1, "rules": [Rule]}`. Names in `entity_type` and `q` are terms of the core and default context.
    pub fn read(json: &[u8]) -> Result<Self, RuleError> {
        let file: File = serde_json::from_slice(json)?;
        if file.v != 1 {
            let what =
                format!("version {} of the file's format is not known; this is version 1", file.v);
            return Err(RuleError::Unusable { rule: "*".to_owned(), what });
        }
        Self::new(file.rules)
    }

    /// Checks rules.
    pub fn new(rules: Vec<Rule>) -> Result<Self, RuleError> {
        let mut versions = HashSet::new();
        for rule in &rules {
            check(rule)?;
            if !versions.insert((rule.id.as_str(), rule.version)) {
                return Err(unusable(rule, "this version of it is defined twice"));
            }
            let overlaps = |other: &&Rule| {
                other.id == rule.id
                    && other.version != rule.version
                    && other.valid_from < rule.valid_until
                    && rule.valid_from < other.valid_until
            };
            if rules.iter().any(|other| overlaps(&other)) {
                return Err(unusable(
                    rule,
                    "two of its versions are valid on the same day; end one before the other begins",
                ));
            }
        }
        let context = Context::core();
        let compile = |rule: Rule| {
            let query = parse(&rule.q, &context).map_err(|what| unusable(&rule, &what))?;
            let entity_type = context.expand(&rule.entity_type).into_owned();
            Ok(Compiled { rule, entity_type, query })
        };
        rules.into_iter().map(compile).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Compiled> {
        self.0.iter()
    }
}

fn parse(q: &str, context: &Context) -> Result<Query, String> {
    let q = tsunagu_ngsi_ld::Q::parse(q, context)
        .map_err(|error| format!("its q cannot be read: {}", error.detail))?;
    if q.depth() > 0 {
        return Err("its q looks at linked entities, which a rule cannot".to_owned());
    }
    Ok(Query { q: Some(q), ..Query::default() })
}

fn unusable(rule: &Rule, what: &str) -> RuleError {
    RuleError::Unusable { rule: rule.id.clone(), what: what.to_owned() }
}

fn check(rule: &Rule) -> Result<(), RuleError> {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let wrong = if !((1..=64).contains(&rule.id.len()) && rule.id.bytes().all(fits)) {
        "its id is not 1 to 64 of a-z, 0-9 and '-'"
    } else if rule.amount < 1 || rule.budget > MOST {
        "its amount is less than 1 or its budget larger than 1,000,000,000,000"
    } else if rule.per_person_per_day < rule.amount {
        "its per_person_per_day is less than its amount: nobody could ever earn it"
    } else if rule.budget < rule.amount {
        "its budget is less than its amount: nobody could ever earn it"
    } else if rule.valid_until <= rule.valid_from {
        "its valid_until is not after its valid_from"
    } else if rule.label.ja.trim().is_empty() || rule.label.en.trim().is_empty() {
        "its label is empty in Japanese or English"
    } else {
        return Ok(());
    };
    Err(unusable(rule, wrong))
}

/// A rule and what has become of its budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleStatus {
    /// The rule.
    pub rule: Rule,
    /// Its money.
    pub budget: Budget,
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"v":1,"rules":[{"id":"walk","version":1,"entity_type":"HealthActivity","q":"steps>=5000","amount":10,
        "per_person_per_day":20,"budget":1000,"valid_from":"2026-04-01","valid_until":"2027-04-01","tz":"Asia/Tokyo",
        "label":{"ja":"歩く","en":"Walk"}}]}"#;

    #[test]
    fn a_good_rule_is_read() {
        let rules = Rules::read(GOOD.as_bytes()).unwrap();
        assert_eq!(rules.iter().count(), 1);
    }

    #[test]
    fn a_rule_that_cannot_work_is_refused() {
        for (from, to) in [
            (r#""v":1"#, r#""v":2"#),
            ("\"walk\"", "\"Walk it\""),
            ("steps>=5000", "steps>="),
            (r#""amount":10"#, r#""amount":0"#),
            (r#""amount":10"#, r#""amount":10.5"#),
            (r#""amount":10"#, r#""amount":21"#),
            (r#""budget":1000"#, r#""budget":9"#),
            (r#""budget":1000"#, r#""budget":9223372036854775807"#),
            ("2027-04-01", "2026-04-01"),
            ("2027-04-01", "2027-02-30"),
            ("Asia/Tokyo", "UTC"),
            (r#""ja":"歩く""#, r#""ja":" ""#),
            (r#""version":1"#, r#""version":1,"colour":"red""#),
        ] {
            assert!(GOOD.contains(from));
            assert!(Rules::read(GOOD.replace(from, to).as_bytes()).is_err(), "{to}");
        }
    }

    #[test]
    fn versions_may_follow_but_not_overlap() {
        let first: File = serde_json::from_str(GOOD).unwrap();
        let first = first.rules.into_iter().next().unwrap();
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        let second = Rule {
            version: 2,
            valid_from: first.valid_until,
            valid_until: date("2028-04-01"),
            ..first.clone()
        };
        assert!(Rules::new(vec![first.clone(), second.clone()]).is_ok());
        assert!(Rules::new(vec![first.clone(), first.clone()]).is_err());
        let early = Rule { valid_from: date("2027-03-31"), ..second };
        assert!(Rules::new(vec![first, early]).is_err());
    }

    #[test]
    fn a_day_ends_at_midnight_in_tokyo() {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros();
        let day = |text: &str| TimeZone::Tokyo.day(at(text)).to_string();
        assert_eq!(day("2026-11-22T14:59:59.999999Z"), "2026-11-22");
        assert_eq!(day("2026-11-22T15:00:00Z"), "2026-11-23");
    }
}
