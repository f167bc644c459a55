//! Reward rules: what the town pays coins for. They are configuration, checked whole before anything runs on them.

use std::collections::HashSet;
use std::fmt;

use chrono::{DateTime, Days, FixedOffset, NaiveDate, NaiveTime};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tsunagu_domain::{Level, Text, Timestamp};
use tsunagu_mapping::{Expression, Variables};
use tsunagu_ngsi_ld::{Context, EntityDoc, Everything, Query};

use crate::Budget;
use crate::activity::{Facts, MINUTE};

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

    /// From the first moment of a day to the first of the next.
    pub(crate) fn span(self, day: NaiveDate) -> (Timestamp, Timestamp) {
        let of_day = |day: NaiveDate| match self {
            Self::Tokyo => {
                let midnight = day.and_time(NaiveTime::MIN).and_utc().timestamp_micros();
                midnight.saturating_sub(9 * 60 * MINUTE)
            }
        };
        (of_day(day), day.succ_opt().map_or(Timestamp::MAX, of_day))
    }

    /// The minute of the day of a moment, 0 to 1439.
    pub(crate) fn minute(self, at: Timestamp) -> i64 {
        match self {
            Self::Tokyo => (at.div_euclid(MINUTE) + 9 * 60).rem_euclid(24 * 60),
        }
    }
}

/// How often a rule grants one person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Period {
    /// For every activity, within the limits.
    #[default]
    Activity,
    /// Once in a day.
    Day,
    /// Once in a calendar month.
    Month,
    /// Once and never again.
    Once,
}

/// The coins of an activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Amount {
    /// So many. JSON: a number.
    Coins(i64),
    /// What a CEL expression over the activity gives, e.g. `activity.steps >= 8000 ? 10 : 5`; nothing when it gives less than 1, never more
    /// than the rule's `max_amount`. JSON: a string.
    Expression(String),
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Coins(coins) => serializer.serialize_i64(*coins),
            Self::Expression(source) => serializer.serialize_str(source),
        }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl de::Visitor<'_> for Either {
            type Value = Amount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number of coins, or a CEL expression as a string")
            }

            fn visit_u64<E: de::Error>(self, coins: u64) -> Result<Amount, E> {
                i64::try_from(coins).map(Amount::Coins).map_err(|_| E::custom("too many coins"))
            }

            fn visit_i64<E: de::Error>(self, coins: i64) -> Result<Amount, E> {
                Ok(Amount::Coins(coins))
            }

            fn visit_str<E: de::Error>(self, source: &str) -> Result<Amount, E> {
                Ok(Amount::Expression(source.to_owned()))
            }
        }
        deserializer.deserialize_any(Either)
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
    /// CEL expression (ADR 0019) that must hold, e.g. `activity.steps >= 5000`. It sees `activity`, the properties by their terms; `day`, as
    /// `"2026-11-23"`; `minutes`, how long it took, 0 when that is not known. A rule has this or `q`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// NGSI-LD query (clause 4.9) that the activity must satisfy, e.g. `steps>=5000`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// Coins for one activity.
    pub amount: Amount,
    /// The most that an `amount` that is an expression gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_amount: Option<i64>,
    /// How often it grants one person.
    #[serde(default)]
    pub period: Period,
    /// Coins that one person can earn by this rule (all its versions) for activity of one day.
    pub per_person_per_day: i64,
    /// The same for one calendar month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_person_per_month: Option<i64>,
    /// The same for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_person: Option<i64>,
    /// How surely the resident must have been known in the login under which the activity is written; any login will do without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assurance: Option<Level>,
    /// For how many residents one device (`deviceId` of the activity) may record on one day.
    #[serde(default = "a_family")]
    pub residents_per_device: u32,
    /// Steps that one person can have in a clock hour, however many records they are in.
    #[serde(default = "as_fast_as_can_be")]
    pub steps_per_hour: u32,
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

/// An hour at the pace that no single record may pass.
fn as_fast_as_can_be() -> u32 {
    15_000
}

fn a_family() -> u32 {
    3
}

impl Rule {
    /// Whether activity of this day counts.
    pub(crate) fn covers(&self, day: NaiveDate) -> bool {
        (self.valid_from..self.valid_until).contains(&day)
    }

    /// Whether a login that reaches this is enough.
    pub(crate) fn is_assured(&self, login: Option<Level>) -> bool {
        self.assurance.is_none_or(|needed| login.is_some_and(|level| level >= needed))
    }

    /// The most coins of one activity; 0 when that is not told.
    fn most(&self) -> i64 {
        match &self.amount {
            Amount::Coins(coins) => *coins,
            Amount::Expression(_) => self.max_amount.unwrap_or(0),
        }
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

/// A rule, ready to be asked.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) rule: Rule,
    entity_type: String,
    condition: Condition,
    /// Of an amount that is an expression.
    amount: Option<Expression>,
}

#[derive(Debug)]
enum Condition {
    Query(Box<Query>),
    Holds(Expression),
}

/// What expressions see.
const VARIABLES: [&str; 3] = ["activity", "day", "minutes"];

impl Compiled {
    /// The type that the rule looks at, expanded.
    pub(crate) fn entity_type(&self) -> &str {
        &self.entity_type
    }

    /// Whether the rule looks at entities of this kind.
    pub(crate) fn looks_at(&self, doc: &EntityDoc) -> bool {
        doc.types().any(|iri| iri == self.entity_type)
    }

    /// The coins of an activity, at least 1; none when it is not enough. An expression that cannot be evaluated, as one about an attribute
    /// that is not there, does not hold.
    pub(crate) fn coins(&self, facts: &Facts<'_>, day: NaiveDate) -> Option<i64> {
        let day = day.to_string();
        let variables = || {
            Variables::new()
                .with("activity", facts.values())
                .with("day", day.as_str())
                .with("minutes", facts.length().unwrap_or(0) / MINUTE)
        };
        let holds = match &self.condition {
            Condition::Query(query) => query.matches(facts.doc, &Everything),
            Condition::Holds(condition) => condition.holds(&variables()).unwrap_or(false),
        };
        let coins = match (&self.amount, holds) {
            (_, false) => return None,
            (None, true) => self.rule.most(),
            (Some(amount), true) => amount.evaluate(&variables()).ok()?.as_int()?,
        };
        (coins >= 1).then(|| coins.min(self.rule.most()))
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
            let parts = parse(&rule, &context).map_err(|what| unusable(&rule, &what));
            let (condition, amount) = parts?;
            let entity_type = context.expand(&rule.entity_type).into_owned();
            Ok(Compiled { rule, entity_type, condition, amount })
        };
        rules.into_iter().map(compile).collect::<Result<_, _>>().map(Self)
    }

    /// The first day of activity that counts under any of them, and the first that no longer does; none without rules.
    pub fn span(&self) -> Option<(NaiveDate, NaiveDate)> {
        let first = self.iter().map(|compiled| compiled.rule.valid_from).min()?;
        Some((first, self.iter().map(|compiled| compiled.rule.valid_until).max()?))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Compiled> {
        self.0.iter()
    }
}

fn parse(rule: &Rule, context: &Context) -> Result<(Condition, Option<Expression>), String> {
    let expression = |name: &str, source: &str| {
        Expression::compile(source, &VARIABLES)
            .map_err(|error| format!("its {name} cannot be used: {error}"))
    };
    let condition = match (&rule.condition, &rule.q) {
        (Some(condition), None) => Condition::Holds(expression("condition", condition)?),
        (None, Some(q)) => Condition::Query(Box::new(parse_q(q, context)?)),
        _ => return Err("it needs a condition or a q, and not both".to_owned()),
    };
    let amount = match &rule.amount {
        Amount::Coins(_) => None,
        Amount::Expression(source) => Some(expression("amount", source)?),
    };
    Ok((condition, amount))
}

fn parse_q(q: &str, context: &Context) -> Result<Query, String> {
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
    let (most, limits) = (rule.most(), [rule.per_person_per_month, rule.per_person]);
    let wrong = if !((1..=64).contains(&rule.id.len()) && rule.id.bytes().all(fits)) {
        "its id is not 1 to 64 of a-z, 0-9 and '-'"
    } else if most < 1 || rule.budget > MOST {
        "its amount (or its max_amount, when the amount is an expression) is less than 1, or its budget larger than 1,000,000,000,000"
    } else if rule.max_amount.is_some() && matches!(rule.amount, Amount::Coins(_)) {
        "it has a max_amount and its amount is no expression"
    } else if rule.per_person_per_day < most
        || limits.into_iter().flatten().any(|limit| limit < most)
    {
        "a limit for one person is less than its amount: nobody could ever earn it"
    } else if rule.residents_per_device < 1 {
        "its residents_per_device is 0: nobody could ever earn it"
    } else if rule.steps_per_hour < 1 {
        "its steps_per_hour is 0: nobody could ever earn it by walking"
    } else if rule.budget < most {
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
            (r#""q":"steps>=5000","#, ""),
            (r#""q":"steps>=5000","#, r#""q":"steps>=5000","condition":"true","#),
            (r#""q":"steps>=5000""#, r#""condition":"activity.steps >=""#),
            (r#""q":"steps>=5000""#, r#""condition":"person.age > 5""#),
            (r#""amount":10"#, r#""amount":"activity.steps""#),
            (r#""amount":10"#, r#""amount":"activity.steps","max_amount":21"#),
            (r#""amount":10"#, r#""amount":10,"max_amount":20"#),
            (r#""amount":10"#, r#""amount":10,"per_person":9"#),
            (r#""amount":10"#, r#""amount":10,"per_person_per_month":9"#),
            (r#""amount":10"#, r#""amount":10,"residents_per_device":0"#),
            (r#""amount":10"#, r#""amount":10,"steps_per_hour":0"#),
            (r#""amount":10"#, r#""amount":10,"assurance":"urn:tsunagu:acr:3""#),
            (r#""amount":10"#, r#""amount":10,"period":"week""#),
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
