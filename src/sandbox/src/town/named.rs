//! The people with a part to play.

use chrono::NaiveDate;

use super::names::SUBSTITUTES;
use super::{Address, Movement, Name, Person, Sex, date};

/// An address in the town.
pub(super) fn tsuno(street: String) -> Address {
    Address { postal_code: "889-1201", prefecture: "宮崎県", city: "児湯郡都農町", street }
}

fn hyuga(street: &str) -> Address {
    let street = street.to_owned();
    Address { postal_code: "883-0062", prefecture: "宮崎県", city: "日向市", street }
}

fn kawaminami(street: &str) -> Address {
    let street = street.to_owned();
    Address { postal_code: "889-1301", prefecture: "宮崎県", city: "児湯郡川南町", street }
}

/// The name with the certificate's substitutes and without variant selectors.
pub(super) fn on_certificate(name: &Name) -> Name {
    let replace = |text: &str| {
        let kept = text.chars().filter(|&c| !is_variant_selector(c));
        kept.map(|c| SUBSTITUTES.iter().find(|(from, _)| *from == c).map_or(c, |(_, to)| *to))
            .collect()
    };
    Name { family: replace(&name.family), given: replace(&name.given) }
}

/// Whether the character selects a variant of the one before it (ideographic variation sequences).
pub(super) fn is_variant_selector(c: char) -> bool {
    ('\u{E0100}'..='\u{E01EF}').contains(&c)
}

/// A resident by birth, at a lot of 大字川北.
fn resident(
    key: &str,
    number: u32,
    names: [&str; 4],
    born: NaiveDate,
    sex: Sex,
    lot: &str,
) -> Person {
    let [family, given, family_kana, given_kana] = names;
    let name = Name::new(family, given);
    let address = tsuno(format!("大字川北{lot}"));
    Person {
        key: key.to_owned(),
        resident_number: Some(format!("{number:010}")),
        certificate_name: on_certificate(&name),
        name,
        kana: Some(Name::new(family_kana, given_kana)),
        birth_date: born,
        sex,
        certificate_address: address.clone(),
        address,
        movement: Movement::Birth,
        moved_on: born,
        note: "",
    }
}

/// The named people, residents and others.
pub(super) fn people() -> Vec<Person> {
    let mut people = ordinary();
    people.extend(awkward_names());
    people.extend(awkward_lives());
    people
}

fn ordinary() -> Vec<Person> {
    use Sex::{Female, Male};
    let hanako = resident(
        "hanako",
        100_001,
        ["都農", "花子", "ツノ", "ハナコ"],
        date(1985, 3, 15),
        Female,
        "4874番地2",
    );
    let taro = resident(
        "taro",
        100_002,
        ["都農", "太郎", "ツノ", "タロウ"],
        date(1983, 11, 2),
        Male,
        "4874番地2",
    );
    let jiro = Person {
        resident_number: None,
        address: hyuga("大字富高207番地3"),
        certificate_address: hyuga("大字富高207番地3"),
        ..resident("jiro", 0, ["日向", "次郎", "ヒュウガ", "ジロウ"], date(1979, 6, 21), Male, "")
    };
    vec![hanako, taro, jiro]
}

fn awkward_names() -> Vec<Person> {
    use Sex::{Female, Male};
    let sakura = resident(
        "sakura",
        100_003,
        ["髙鍋", "さくら", "タカナベ", "サクラ"],
        date(1992, 4, 3),
        Female,
        "13094番地",
    );
    let katsuragi = resident(
        "katsuragi",
        100_004,
        ["葛\u{E0100}城", "誠", "カツラギ", "マコト"],
        date(1968, 1, 20),
        Male,
        "2210番地1",
    );
    let yoshida = resident(
        "yoshida",
        100_005,
        ["𠮷田", "勇", "ヨシダ", "イサム"],
        date(1951, 9, 9),
        Male,
        "801番地",
    );
    let nguyen = Person {
        kana: None,
        movement: Movement::MovedIn,
        moved_on: date(2023, 5, 8),
        ..resident(
            "nguyen",
            100_006,
            ["NGUYEN", "VAN ANH", "", ""],
            date(1999, 12, 31),
            Female,
            "5530番地4",
        )
    };
    let same = ["河野", "健一", "カワノ", "ケンイチ"];
    let kenichi1 = resident("kenichi1", 100_010, same, date(1958, 7, 7), Male, "1120番地");
    let kenichi2 = Person {
        movement: Movement::MovedIn,
        moved_on: date(2019, 5, 1),
        ..resident("kenichi2", 100_011, same, date(1958, 7, 7), Male, "17740番地5")
    };
    vec![sakura, katsuragi, yoshida, nguyen, kenichi1, kenichi2]
}

fn awkward_lives() -> Vec<Person> {
    use Sex::{Female, Male};
    let kodomo = resident(
        "kodomo",
        100_007,
        ["都農", "一花", "ツノ", "イチカ"],
        date(2016, 7, 7),
        Female,
        "4874番地2",
    );
    let tenshutsu = Person {
        certificate_address: kawaminami("大字川南13680番地1"),
        movement: Movement::MovedOut,
        moved_on: date(2026, 3, 20),
        ..resident(
            "tenshutsu",
            100_008,
            ["川越", "直樹", "カワゴエ", "ナオキ"],
            date(1974, 2, 28),
            Male,
            "690番地3",
        )
    };
    let shibou = Person {
        movement: Movement::Deceased,
        moved_on: date(2026, 1, 11),
        ..resident(
            "shibou",
            100_009,
            ["黒木", "トメ", "クロキ", "トメ"],
            // 大正15年, the day before 昭和 began
            date(1926, 12, 24),
            Female,
            "3302番地",
        )
    };
    let shien = Person {
        movement: Movement::MovedIn,
        moved_on: date(2024, 2, 29),
        note: "支援措置",
        ..resident(
            "shien",
            100_012,
            ["長友", "恵", "ナガトモ", "メグミ"],
            date(1989, 1, 8),
            Female,
            "9904番地2",
        )
    };
    vec![kodomo, tenshutsu, shibou, shien]
}
