//! From records of access to sentences.

use std::collections::HashMap;

use tsunagu_domain::Catalogue;
use tsunagu_policy::Policies;
use tsunagu_store::access::{Access, Action, Decision};

use super::{LogDay, LogLine, Who};
use crate::dates;
use crate::locale::Lang;
use crate::pages::own;

/// The actor of one's own looks.
pub(crate) const OWN: &str = "resident";

/// What the codes in a record mean.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) policies: &'a Policies,
}

/// The accesses by day in Japan, in their order; equal ones in a row become one line.
pub(crate) fn days(
    lang: Lang,
    rules: Rules<'_>,
    names: &HashMap<String, Who>,
    accesses: &[Access],
) -> Vec<LogDay> {
    let mut days: Vec<LogDay> = Vec::new();
    for access in accesses {
        let day = dates::day(lang, access.at);
        let line = line(lang, rules, names, access);
        let same_day = days.last_mut().filter(|last| last.day == day);
        let Some(last) = same_day else {
            days.push(LogDay { day, entries: vec![line] });
            continue;
        };
        match last.entries.last_mut().filter(|entry| entry.says_the_same(&line)) {
            Some(entry) => entry.times = entry.times.saturating_add(1),
            None => last.entries.push(line),
        }
    }
    days
}

impl LogLine {
    fn says_the_same(&self, other: &Self) -> bool {
        let said = |line: &Self| (line.action, line.denied);
        said(self) == said(other)
            && self.who == other.who
            && self.what == other.what
            && self.purpose == other.purpose
            && self.case == other.case
            && self.because == other.because
    }
}

fn line(lang: Lang, rules: Rules<'_>, names: &HashMap<String, Who>, access: &Access) -> LogLine {
    let purpose = access.purpose.as_deref().map(|code| match rules.catalogue.purpose(code) {
        Some(purpose) => lang.pick(&purpose.text).to_owned(),
        // A purpose that the catalogue dropped is still told, by its code.
        None => code.to_owned(),
    });
    let told = tsunagu_staff::told(access);
    let why = told.as_ref().map(|told| match lang {
        Lang::Ja => told.why.0.to_owned(),
        Lang::En => told.why.1.to_owned(),
    });
    LogLine {
        time: dates::time(access.at),
        who: if tsunagu_staff::at_counter(access) {
            Who::Counter
        } else {
            names.get(&access.actor).cloned().unwrap_or(Who::Town)
        },
        what: what(lang, rules.catalogue, access),
        purpose: purpose.or(why),
        case: told.and_then(|told| told.case),
        because: because(lang, rules.policies, access),
        action: match access.action {
            Action::Read => "read",
            Action::Query => "query",
            Action::Notify => "notify",
            Action::Write => "write",
            Action::Identify => "identify",
            Action::Consent if access.reason.starts_with("share-code-") => {
                if access.actor == OWN {
                    "share"
                } else {
                    "redeem"
                }
            }
            Action::Consent => "consent",
            Action::Link => "link",
        },
        denied: access.decision == Decision::Denied,
        times: 1,
    }
}

/// The policies that decided, in their own words; `None` when something else did.
fn because(lang: Lang, policies: &Policies, access: &Access) -> Option<String> {
    let said = access.reason.split(' ').filter_map(|id| policies.reason(id));
    let said: Vec<&str> = said.map(|text| lang.pick(text)).collect();
    let separator = match lang {
        Lang::Ja => "、",
        Lang::En => ", ",
    };
    (!said.is_empty()).then(|| said.join(separator))
}

/// What the data is called: a whole class as on the consent page, other attributes by their names, or the kind of data when none is named.
fn what(lang: Lang, catalogue: &Catalogue, access: &Access) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut say = |text: &str| {
        if !words.iter().any(|word| word == text) {
            words.push(text.to_owned());
        }
    };
    let named = |iri: &str| access.attributes.iter().any(|name| name == iri);
    let of_type = |iri: &str| access.types.iter().any(|name| name == iri);
    let mut said: Vec<&str> = Vec::new();
    for class in &catalogue.data_classes {
        let covered = class.covers.iter().filter(|covered| of_type(&covered.r#type));
        for covered in covered {
            let shown = covered.attributes.iter().filter(|a| named(&a.iri));
            said.extend(shown.clone().map(|a| a.iri.as_str()));
            let all = covered.attributes.len();
            if all > 0 && shown.clone().count() == all {
                say(lang.pick(&class.label));
            } else {
                shown.for_each(|attribute| say(lang.pick(&attribute.label)));
            }
        }
    }
    // Making sure who someone is names no kind of data.
    if said.is_empty() && access.action != Action::Identify {
        for personal in catalogue.personal_types.iter().filter(|t| of_type(&t.iri)) {
            say(lang.pick(&personal.label));
        }
        for (_, (ja, en)) in own::RECORDS.iter().filter(|(record, _)| of_type(record)) {
            say(match lang {
                Lang::Ja => ja,
                Lang::En => en,
            });
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const CATALOGUE: &str = include_str!("../../../../../schemas/catalogue.json");
    const NOON: i64 = 1_795_402_800_000_000;

    fn access(actor: &str, at: i64, attributes: &[&str]) -> Access {
        Access {
            at,
            request: "r".to_owned(),
            actor: actor.to_owned(),
            subjects: vec![],
            purpose: Some("health-coaching".to_owned()),
            grant: None,
            grant_version: None,
            action: Action::Read,
            types: vec!["x:Person".to_owned()],
            attributes: attributes.iter().map(|a| format!("x:{a}")).collect(),
            decision: Decision::Allowed,
            reason: "consented-reading".to_owned(),
            count: 1,
        }
    }

    fn told(accesses: &[Access]) -> Vec<LogDay> {
        let catalogue = Catalogue::read(CATALOGUE.as_bytes(), |term| format!("x:{term}")).unwrap();
        let service = Who::Service { name: "つのヘルスケア".to_owned() };
        let names =
            HashMap::from([("client:health".to_owned(), service), (OWN.to_owned(), Who::You)]);
        let policies = Policies::built_in().unwrap();
        days(Lang::Ja, Rules { catalogue: &catalogue, policies }, &names, accesses)
    }

    #[test]
    fn equal_looks_in_a_row_are_counted_and_days_begin_in_japan() {
        let reads = |at| access("client:health", at, &["name", "address"]);
        let day = 86_400_000_000;
        let mut refused = reads(NOON - 2);
        refused.decision = Decision::Denied;
        let told =
            told(&[reads(NOON), reads(NOON - 1), refused, reads(NOON - 3), reads(NOON - day)]);
        let times: Vec<Vec<u32>> =
            told.iter().map(|day| day.entries.iter().map(|line| line.times).collect()).collect();
        assert_eq!(times, [vec![2, 1, 1], vec![1]]);
        let because = told[0].entries[0].because.as_deref();
        assert_eq!(because, Some("あなたが同意した項目のため"));
        assert!(told[0].entries[1].denied && !told[0].entries[0].denied);
        assert_eq!(told[0].entries[0].what, ["氏名", "住所"]);
    }

    #[test]
    fn a_whole_class_has_one_name_and_no_name_is_lost() {
        let names = ["name", "familyName", "givenName", "address", "gender"];
        let all = access("client:health", NOON, &names);
        assert_eq!(told(&[all])[0].entries[0].what, ["お名前とご住所", "性別"]);
        let none = access("client:health", NOON, &[]);
        assert_eq!(told(&[none])[0].entries[0].what, ["住民"]);
        let identified = Access { action: Action::Identify, ..access("platform:login", NOON, &[]) };
        let told = told(&[identified]);
        assert_eq!((&told[0].entries[0].who, told[0].entries[0].what.len()), (&Who::Town, 0));
    }
}
