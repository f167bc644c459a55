//! The resident register (住民記録) as CSV files.

use chrono::Datelike as _;
use encoding_rs::SHIFT_JIS;

use super::named::is_variant_selector;
use super::{Person, Sex, wareki};
use crate::Error;

const HEADER: [&str; 10] = [
    "住民番号",
    "氏名",
    "氏名カナ",
    "生年月日",
    "性別",
    "郵便番号",
    "住所",
    "異動区分",
    "異動年月日",
    "備考",
];

/// The 住民番号 of the rows that no importer may take, and what is wrong with each.
pub const BAD_ROWS: [(&str, &str); 5] = [
    ("0000900001", "an impossible date: 30 February"),
    ("0000900002", "no name"),
    ("0000900003", "a private-use character in the name (外字)"),
    ("0000900004", "twelve digits shaped like an individual number in 備考"),
    ("0000900005", "an impossible year of an era: 昭和70年"),
];

/// The bad rows. The twelve digits are the specimen printed everywhere, nobody's number.
const BAD: [[&str; 10]; 5] = [
    [
        "0000900001",
        "都農　不可",
        "ツノ　フカ",
        "平成3年2月30日",
        "男",
        "889-1201",
        "宮崎県児湯郡都農町大字川北1番地",
        "出生",
        "平成3年3月1日",
        "",
    ],
    [
        "0000900002",
        "",
        "ツノ　ナナシ",
        "昭和50年5月5日",
        "女",
        "889-1201",
        "宮崎県児湯郡都農町大字川北2番地",
        "転入",
        "平成20年4月1日",
        "",
    ],
    [
        "0000900003",
        "\u{E000}田　外字",
        "ガイダ　ガイジ",
        "昭和40年4月4日",
        "男",
        "889-1201",
        "宮崎県児湯郡都農町大字川北3番地",
        "転入",
        "平成21年4月1日",
        "",
    ],
    [
        "0000900004",
        "都農　番号",
        "ツノ　バンゴウ",
        "昭和45年6月6日",
        "女",
        "889-1201",
        "宮崎県児湯郡都農町大字川北4番地",
        "転入",
        "平成22年4月1日",
        "123456789018",
    ],
    [
        "0000900005",
        "都農　昭和",
        "ツノ　ショウワ",
        "昭和70年1月1日",
        "男",
        "889-1201",
        "宮崎県児湯郡都農町大字川北5番地",
        "転入",
        "平成23年4月1日",
        "",
    ],
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Legacy,
    Newer,
}

/// CSV in CP932.
pub(super) fn shift_jis(people: &[Person]) -> Result<Vec<u8>, Error> {
    cp932(&text(people, Form::Legacy))
}

/// CSV in UTF-8 with a byte order mark, as spreadsheet programs want it.
pub(super) fn utf8(people: &[Person]) -> String {
    format!("\u{FEFF}{}", text(people, Form::Newer))
}

fn text(people: &[Person], form: Form) -> String {
    let mut csv = String::new();
    line(&mut csv, HEADER.map(str::to_owned));
    for person in people {
        if let Some(number) = &person.resident_number {
            line(&mut csv, row(number, person, form));
        }
    }
    for bad in BAD {
        line(&mut csv, bad.map(str::to_owned));
    }
    csv
}

fn row(number: &str, person: &Person, form: Form) -> [String; 10] {
    let day = |day: chrono::NaiveDate| match form {
        Form::Legacy => wareki::long(day),
        Form::Newer if day.day().is_multiple_of(2) => day.to_string(),
        Form::Newer => wareki::short(day),
    };
    let name = match form {
        Form::Legacy => legacy_name(&person.name.full()),
        Form::Newer => person.name.full(),
    };
    [
        number.to_owned(),
        name,
        person.kana.as_ref().map(super::Name::full).unwrap_or_default(),
        day(person.birth_date),
        match person.sex {
            Sex::Male => "男".to_owned(),
            Sex::Female => "女".to_owned(),
        },
        person.address.postal_code.to_owned(),
        person.address.full(),
        person.movement.word().to_owned(),
        day(person.moved_on),
        person.note.to_owned(),
    ]
}

/// What an old system has left of a name: no variant selectors, 〓 for what it cannot write.
fn legacy_name(name: &str) -> String {
    let kept = name.chars().filter(|&c| !is_variant_selector(c));
    kept.map(|c| if u32::from(c) > 0xFFFF { '〓' } else { c }).collect()
}

/// Appends one line of CSV (RFC 4180).
fn line(csv: &mut String, fields: [String; 10]) {
    let quoted = fields.map(|field| {
        if field.contains([',', '"', '\r', '\n']) {
            format!("\"{}\"", field.replace('"', "\"\""))
        } else {
            field
        }
    });
    csv.push_str(&quoted.join(","));
    csv.push_str("\r\n");
}

/// Encodes as CP932, whose user-defined area (F040 to F9FC) is U+E000 to U+E757: decoders know
/// that area and the encoder of the Encoding Standard does not.
fn cp932(text: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut buffer = [0; 4];
    for c in text.chars() {
        let code_point = u32::from(c);
        if let Some(place) = code_point.checked_sub(0xE000).filter(|place| *place < 1880) {
            let (lead, trail) = (0xF0 + place / 188, place % 188);
            let trail = trail + if trail < 63 { 0x40 } else { 0x41 };
            bytes.extend([lead, trail].map(|byte| u8::try_from(byte).unwrap_or(u8::MAX)));
            continue;
        }
        let (encoded, _, lossy) = SHIFT_JIS.encode(c.encode_utf8(&mut buffer));
        if lossy {
            return Err(Error::Unencodable { code_point });
        }
        bytes.extend_from_slice(&encoded);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_use_characters_survive_cp932_and_others_are_refused() {
        for c in ['\u{E000}', '\u{E03F}', '\u{E757}', '髙', 'ア', 'a'] {
            let bytes = cp932(&c.to_string()).unwrap();
            assert_eq!(SHIFT_JIS.decode(&bytes).0, c.to_string());
        }
        assert_eq!(cp932("\u{E000}").unwrap(), [0xF0, 0x40]);
        assert!(matches!(cp932("𠮷"), Err(Error::Unencodable { code_point: 0x20BB7 })));
    }
}
