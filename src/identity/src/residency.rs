//! 町民判別: whether an address that an identity provider verified is in the town.

use serde::{Deserialize, Serialize};
use tsunagu_domain::Timestamp;
use tsunagu_japanese::addresses::PREFECTURES;
use tsunagu_japanese::keys;

use crate::login::VerifiedPerson;
use crate::services::DigestKey;

/// The municipality whose residents are meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Municipality {
    /// E.g. `宮崎県`.
    pub prefecture: String,
    /// E.g. `児湯郡`; empty for a city. Addresses may leave it out.
    #[serde(default)]
    pub county: String,
    /// E.g. `都農町`.
    pub name: String,
}

/// What the address says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// In the town.
    Resident,
    /// In another municipality.
    NonResident,
    /// Written in a form that is not known: a person at the counter decides, nobody guesses.
    NeedsCounter,
}

/// A verdict with its evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Residency {
    /// The verdict.
    pub verdict: Verdict,
    /// Keyed digest of the verified address, hexadecimal: proves later which address was judged, without keeping it here.
    pub evidence: String,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// When the provider verified the address, in its own words.
    pub verified_at: Option<String>,
    /// How, e.g. `login:xid`.
    pub method: String,
}

impl Municipality {
    /// Judges an address of prefecture, city and the rest, in any division and width.
    pub fn judge(&self, prefecture: &str, city: &str, rest: &str) -> Verdict {
        let whole = keys::width(&format!("{prefecture}{city}{rest}"));
        let Some((in_prefecture, after)) = PREFECTURES
            .iter()
            .find_map(|name| whole.strip_prefix(name).map(|after| (*name, after)))
        else {
            return Verdict::NeedsCounter;
        };
        // Some write the prefecture in both fields.
        let after = after.strip_prefix(in_prefecture).unwrap_or(after);
        if in_prefecture != keys::width(&self.prefecture) {
            return Verdict::NonResident;
        }
        let county = keys::width(&self.county);
        let after = after.strip_prefix(county.as_str()).unwrap_or(after);
        let name = keys::width(&self.name);
        if after.starts_with(name.as_str()) {
            return Verdict::Resident;
        }
        // The town's own name without its kind, or an old one, is no form we know.
        let stem: String = name.chars().take(name.chars().count().saturating_sub(1)).collect();
        if !stem.is_empty() && after.starts_with(stem.as_str()) {
            return Verdict::NeedsCounter;
        }
        let names_another =
            after.chars().position(|c| matches!(c, '市' | '町' | '村')).is_some_and(|at| at > 0);
        if names_another { Verdict::NonResident } else { Verdict::NeedsCounter }
    }

    /// Divides an address of one text where it is sure where the city ends: in this municipality.
    pub(crate) fn divide(&self, mut person: VerifiedPerson) -> VerifiedPerson {
        if !person.prefecture.is_empty() || !person.city.is_empty() {
            return person;
        }
        let Some(after) = person.street_address.strip_prefix(self.prefecture.as_str()) else {
            return person;
        };
        let after = after.trim_start();
        let in_county = after.strip_prefix(self.county.as_str()).map_or(after, str::trim_start);
        let Some(street) = in_county.strip_prefix(self.name.as_str()) else {
            return person;
        };
        let city = after.strip_suffix(street).unwrap_or_default().to_owned();
        person.street_address = street.trim_start().to_owned();
        person.prefecture.clone_from(&self.prefecture);
        person.city = city;
        person
    }

    pub(crate) fn decide(
        &self,
        person: &VerifiedPerson,
        key: &DigestKey,
        now: Timestamp,
        provider: &str,
    ) -> Residency {
        let texts = [person.prefecture.as_str(), &person.city, &person.street_address];
        Residency {
            verdict: self.judge(texts[0], texts[1], texts[2]),
            evidence: crate::hex(&key.digest("residency evidence", &texts)),
            decided_at: now,
            verified_at: person.verified_at.clone(),
            method: format!("login:{provider}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::Gender;

    fn tsuno() -> Municipality {
        Municipality {
            prefecture: "宮崎県".to_owned(),
            county: "児湯郡".to_owned(),
            name: "都農町".to_owned(),
        }
    }

    #[test]
    fn an_address_in_one_text_is_divided_only_where_that_is_sure() {
        for (text, divided) in [
            ("宮崎県児湯郡都農町大字川北1", ["宮崎県", "児湯郡都農町", "大字川北1"]),
            ("宮崎県都農町大字川北1", ["宮崎県", "都農町", "大字川北1"]),
            ("宮崎県　児湯郡都農町　大字川北1", ["宮崎県", "児湯郡都農町", "大字川北1"]),
            ("宮崎県日向市大字富高1", ["", "", "宮崎県日向市大字富高1"]),
            ("", ["", "", ""]),
        ] {
            let person = tsuno().divide(VerifiedPerson {
                family_name: "都農".to_owned(),
                given_name: "花子".to_owned(),
                birth_date: "1985-03-15".to_owned(),
                gender: Gender::Female,
                prefecture: String::new(),
                city: String::new(),
                street_address: text.to_owned(),
                verified_at: None,
            });
            let parts = [person.prefecture.as_str(), &person.city, &person.street_address];
            assert_eq!(parts, divided, "{text}");
        }
    }

    #[test]
    fn t31_an_address_is_judged_in_every_known_form_and_never_guessed() {
        let tsuno = tsuno();
        for (prefecture, city, rest, verdict) in [
            ("宮崎県", "児湯郡都農町", "大字川北4874番地2", Verdict::Resident),
            ("宮崎県", "都農町", "大字川北4874番地2", Verdict::Resident),
            ("宮崎県", "児湯郡　都農町", "", Verdict::Resident),
            ("", "", "宮崎県児湯郡都農町大字川北１", Verdict::Resident),
            ("宮崎県", "宮崎県児湯郡都農町", "大字川北", Verdict::Resident),
            ("宮崎県", "日向市", "大字富高207番地3", Verdict::NonResident),
            ("宮崎県", "児湯郡川南町", "大字川南", Verdict::NonResident),
            ("宮崎県", "児湯郡西米良村", "大字村所", Verdict::NonResident),
            ("東京都", "府中市", "都農町通り", Verdict::NonResident),
            ("宮崎県", "宮崎市", "都農町会館内", Verdict::NonResident),
            ("", "児湯郡都農町", "大字川北", Verdict::NeedsCounter),
            ("", "都農町", "大字川北", Verdict::NeedsCounter),
            ("宮崎県", "児湯郡", "", Verdict::NeedsCounter),
            ("宮崎県", "児湯郡都農", "大字川北", Verdict::NeedsCounter),
            ("宮崎県", "", "", Verdict::NeedsCounter),
            ("Miyazaki", "Tsuno-cho", "Kawakita", Verdict::NeedsCounter),
            ("", "", "", Verdict::NeedsCounter),
        ] {
            assert_eq!(tsuno.judge(prefecture, city, rest), verdict, "{prefecture}|{city}|{rest}");
        }
    }
}
