//! Reading what a provider verified, in the form its policy names. A value in another form is refused, not guessed at.

use chrono::NaiveDate;
use serde_json::Value;

use super::policy::{AddressForm, BirthDateForm, GenderForm};
use super::{Gender, VerifiedPerson};

/// How the claims of a `UserInfo` answer are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forms {
    pub(super) birth_date: BirthDateForm,
    pub(super) gender: GenderForm,
    pub(super) address: AddressForm,
}

/// Reads xID's user data. Numbers may come as texts; whether they do is not public.
pub(super) fn user_data(json: &[u8]) -> Option<VerifiedPerson> {
    let data: Value = serde_json::from_slice(json).ok()?;
    let text = |name: &str| match data.get(name) {
        Some(Value::String(text)) => Some(text.trim().to_owned()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let born = NaiveDate::from_ymd_opt(
        text("year")?.parse().ok()?,
        text("month")?.parse().ok()?,
        text("date")?.parse().ok()?,
    )?;
    Some(VerifiedPerson {
        family_name: text("last_name")?,
        given_name: text("first_name").unwrap_or_default(),
        birth_date: born.format("%Y-%m-%d").to_string(),
        gender: Gender::read(&text("gender").unwrap_or_default()),
        prefecture: text("prefecture").unwrap_or_default(),
        city: text("city").unwrap_or_default(),
        street_address: text("address").unwrap_or_default(),
        verified_at: text("verified_at").filter(|at| !at.is_empty()),
    })
}

/// Reads the claims of a `UserInfo` answer. A person without an address is somebody; one without name or birth date is nobody.
pub(super) fn claims(claims: &Value, forms: Forms) -> Option<VerifiedPerson> {
    let text = |name: &str| claims.get(name)?.as_str().map(str::trim);
    let (family_name, given_name) = names(text("name").filter(|name| !name.is_empty())?);
    let (length, format) = match forms.birth_date {
        BirthDateForm::Compact => (8, "%Y%m%d"),
        BirthDateForm::Iso => (10, "%Y-%m-%d"),
    };
    let born = text("birthdate").filter(|text| text.len() == length)?;
    let born = NaiveDate::parse_from_str(born, format).ok()?;
    let gender = match (forms.gender, text("gender").unwrap_or_default()) {
        (GenderForm::Digit, "1") | (GenderForm::Word, "male") => Gender::Male,
        (GenderForm::Digit, "2") | (GenderForm::Word, "female") => Gender::Female,
        _ => Gender::Other,
    };
    let address = match (forms.address, claims.get("address")) {
        (_, None | Some(Value::Null)) => "",
        (AddressForm::Text, Some(address)) => address.as_str()?,
        (AddressForm::Object, Some(address)) => address.get("formatted")?.as_str()?,
    };
    Some(VerifiedPerson {
        family_name,
        given_name,
        birth_date: born.format("%Y-%m-%d").to_string(),
        gender,
        // Where the prefecture ends is for those to say who know municipalities.
        prefecture: String::new(),
        city: String::new(),
        street_address: address.trim().to_owned(),
        verified_at: None,
    })
}

/// Family and given name, as far as a space shows where one ends.
fn names(name: &str) -> (String, String) {
    let mut parts = name.splitn(2, char::is_whitespace).map(|part| part.trim().to_owned());
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COMPACT: Forms = Forms {
        birth_date: BirthDateForm::Compact,
        gender: GenderForm::Digit,
        address: AddressForm::Text,
    };
    const STANDARD: Forms = Forms {
        birth_date: BirthDateForm::Iso,
        gender: GenderForm::Word,
        address: AddressForm::Object,
    };

    #[test]
    fn both_forms_say_the_same_and_neither_is_taken_for_the_other() {
        let compact = json!({
            "name": "都農　花子", "birthdate": "19850315", "gender": "2",
            "address": "宮崎県児湯郡都農町大字川北4874番地2",
        });
        let standard = json!({
            "name": "都農 花子", "birthdate": "1985-03-15", "gender": "female",
            "address": {"formatted": "宮崎県児湯郡都農町大字川北4874番地2"},
        });
        let person = claims(&compact, COMPACT).unwrap();
        assert_eq!((person.family_name.as_str(), person.given_name.as_str()), ("都農", "花子"));
        assert_eq!(person.birth_date, "1985-03-15");
        assert_eq!(person.gender, Gender::Female);
        assert!(claims(&standard, STANDARD).unwrap() == person);
        assert!(claims(&standard, COMPACT).is_none());
        assert!(claims(&compact, STANDARD).is_none());
    }

    #[test]
    fn what_is_missing_is_missed_and_an_address_may_be() {
        let whole = json!({"name": "NGUYEN VAN ANH", "birthdate": "19991231", "gender": "9"});
        let person = claims(&whole, COMPACT).unwrap();
        assert_eq!(
            (person.family_name.as_str(), person.given_name.as_str()),
            ("NGUYEN", "VAN ANH")
        );
        assert_eq!((person.gender, person.street_address.as_str()), (Gender::Other, ""));
        for (name, value) in [
            ("name", json!("")),
            ("name", json!(["都農"])),
            ("birthdate", json!("19990229")),
            ("birthdate", json!(19_991_231)),
            ("birthdate", json!("+1999123")),
            ("address", json!({"formatted": "宮崎県"})),
        ] {
            let mut changed = whole.clone();
            changed[name] = value;
            assert!(claims(&changed, COMPACT).is_none(), "{name}");
        }
    }
}
