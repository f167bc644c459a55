//! An invented town: the people who are on the resident register and who can log in.
//!
//! Everybody here is invented. The same number of residents always gives the same town, so that a
//! test can name a person. Nobody has an individual number (個人番号).
//!
//! Named people, besides `r0001`, `r0002`, …:
//!
//! | key | who | why |
//! | --- | --- | --- |
//! | `hanako` | 都農　花子 | a resident |
//! | `taro` | 都農　太郎 | a resident |
//! | `jiro` | 日向　次郎 | lives in 日向市: logs in, is on no register here |
//! | `sakura` | 髙鍋　さくら | the card's certificate writes 高鍋 |
//! | `katsuragi` | 葛󠄀城　誠 | the register holds a variant selector (IVS) |
//! | `yoshida` | 𠮷田　勇 | 𠮷 is outside the BMP and CP932 |
//! | `nguyen` | NGUYEN　VAN ANH | no kana |
//! | `kodomo` | 都農　一花 | a minor of nine years |
//! | `tenshutsu` | 川越　直樹 | moved out: on the register as 転出, card shows 川南町 |
//! | `shibou` | 黒木　トメ | deceased: on the register as 死亡, cannot log in |
//! | `kenichi1`, `kenichi2` | 河野　健一 | two people of the same name and birth date |
//! | `shien` | 長友　恵 | address protected (支援措置) |

mod generate;
mod named;
mod names;
mod register;
mod wareki;

pub use register::BAD_ROWS;

use chrono::{Datelike as _, NaiveDate};

use crate::Error;

/// The day on which ages in the town are reckoned.
const TODAY: NaiveDate = match NaiveDate::from_ymd_opt(2026, 4, 1) {
    Some(day) => day,
    None => NaiveDate::MIN,
};

/// A family name and a given name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Family name.
    pub family: String,
    /// Given name, with any middle names.
    pub given: String,
}

impl Name {
    fn new(family: &str, given: &str) -> Self {
        Self { family: family.to_owned(), given: given.to_owned() }
    }

    /// Family and given name with the full-width space that registers put between them.
    pub fn full(&self) -> String {
        format!("{}\u{3000}{}", self.family, self.given)
    }
}

/// Sex as the register writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sex {
    /// 男
    Male,
    /// 女
    Female,
}

/// Where somebody lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Postal code, `889-1201`.
    pub postal_code: &'static str,
    /// 宮崎県
    pub prefecture: &'static str,
    /// County and town, or city: 児湯郡都農町
    pub city: &'static str,
    /// The rest, with a lot number: 大字川北4874番地2
    pub street: String,
}

impl Address {
    /// The address in one string, from the prefecture on.
    pub fn full(&self) -> String {
        format!("{}{}{}", self.prefecture, self.city, self.street)
    }
}

/// Why a row of the register last changed (異動区分).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Movement {
    /// 出生
    Birth,
    /// 転入
    MovedIn,
    /// 転居
    MovedWithin,
    /// 転出
    MovedOut,
    /// 死亡
    Deceased,
}

impl Movement {
    /// The word in the register.
    pub fn word(self) -> &'static str {
        match self {
            Self::Birth => "出生",
            Self::MovedIn => "転入",
            Self::MovedWithin => "転居",
            Self::MovedOut => "転出",
            Self::Deceased => "死亡",
        }
    }
}

/// One invented person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// How tests and pages name this person: `hanako`, `r0001`.
    pub key: String,
    /// 住民番号, ten digits; `None` for people who are not on this town's register.
    pub resident_number: Option<String>,
    /// The name as the register writes it.
    pub name: Name,
    /// The name as the card's certificate writes it: its character set is smaller.
    pub certificate_name: Name,
    /// The reading in full-width katakana, when there is one.
    pub kana: Option<Name>,
    /// Date of birth.
    pub birth_date: NaiveDate,
    /// Sex.
    pub sex: Sex,
    /// The address on the register.
    pub address: Address,
    /// The address on the card: differs for people who have moved out.
    pub certificate_address: Address,
    /// Why the row last changed.
    pub movement: Movement,
    /// When it last changed.
    pub moved_on: NaiveDate,
    /// 備考
    pub note: &'static str,
}

impl Person {
    /// Whether this person can hold a working card and log in with it.
    pub fn can_log_in(&self) -> bool {
        let has_app = TODAY.years_since(self.birth_date).is_some_and(|age| age >= 15);
        self.movement != Movement::Deceased && has_app
    }
}

/// The invented town.
#[derive(Debug, Clone)]
pub struct Town {
    people: Vec<Person>,
}

impl Town {
    /// The town with `residents` people on its register, the named ones first. There are never
    /// fewer than the named ones.
    pub fn generate(residents: usize) -> Self {
        let mut people = named::people();
        let on_register = people.iter().filter(|p| p.resident_number.is_some()).count();
        people.extend(generate::people(residents.saturating_sub(on_register)));
        Self { people }
    }

    /// Everybody, on the register or not.
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// The person with this key.
    pub fn person(&self, key: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.key == key)
    }

    /// The register as a legacy system writes it: CSV, CP932, CRLF, dates such as 昭和60年3月15日,
    /// characters that CP932 lacks as 〓. The last rows are [`BAD_ROWS`].
    pub fn register_shift_jis(&self) -> Result<Vec<u8>, Error> {
        register::shift_jis(&self.people)
    }

    /// The register as a newer system writes it: CSV, UTF-8 with a byte order mark, CRLF, dates
    /// such as S60.3.15 or 1985-03-15. The last rows are [`BAD_ROWS`].
    pub fn register_utf8(&self) -> String {
        register::utf8(&self.people)
    }
}

/// The day with this year, month and day, which the caller knows to exist.
fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default()
}

/// Year, month and day as numbers.
fn parts(date: NaiveDate) -> (i32, u32, u32) {
    (date.year(), date.month(), date.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_town_is_the_same_every_time_and_has_the_people_asked_for() {
        let town = Town::generate(200);
        let again = Town::generate(200);
        assert_eq!(town.people(), again.people());
        let on_register = || town.people().iter().filter_map(|p| p.resident_number.as_deref());
        assert_eq!(on_register().count(), 200);
        assert_eq!(on_register().collect::<std::collections::BTreeSet<_>>().len(), 200);
        let jiro = town.person("jiro").unwrap();
        assert!(jiro.resident_number.is_none() && jiro.can_log_in());
        assert!(!town.person("kodomo").unwrap().can_log_in());
        assert!(!town.person("shibou").unwrap().can_log_in());
    }

    #[test]
    fn generated_people_have_plausible_lives() {
        for person in Town::generate(1000).people() {
            let age = TODAY.years_since(person.birth_date).unwrap();
            assert!(age < 106, "{} is {age}", person.key);
            assert!(person.birth_date <= person.moved_on && person.moved_on <= TODAY);
            let number = person.resident_number.as_deref();
            assert!(number.is_none_or(|n| n.len() == 10));
            if person.resident_number.is_some() {
                assert!(person.address.full().starts_with("宮崎県児湯郡都農町大字川北"));
            }
        }
    }
}
