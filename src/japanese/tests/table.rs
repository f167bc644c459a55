//! The table of characters, and what is asked of dates, numbers and addresses: one case for each row.

use chrono::NaiveDate;
use tsunagu_japanese::addresses::{self, Town};
use tsunagu_japanese::characters::{self, Trouble};
use tsunagu_japanese::dates::{self, DateRefusal, EraCodes};
use tsunagu_japanese::export::{Target, Why, encode};
use tsunagu_japanese::keys;
use tsunagu_japanese::spreadsheets::{self, DigitTrouble};

fn troubles(text: &str) -> Vec<(usize, Trouble)> {
    characters::troubles(text).collect()
}

#[test]
fn user_defined_bytes_of_cp932_are_gaiji_and_never_success() {
    let (text, lossy) = encoding_rs::SHIFT_JIS.decode_without_bom_handling(&[0xF0, 0x40]);
    assert!(!lossy, "the decoder says nothing");
    assert_eq!(text, "\u{E000}");
    assert_eq!(troubles(&text), [(0, Trouble::Gaiji)]);
    for c in ['\u{E757}', '\u{F8FF}', '\u{F0000}', '\u{FFFFD}', '\u{100000}', '\u{10FFFD}'] {
        assert_eq!(troubles(&format!("𠮷田{c}")), [(2, Trouble::Gaiji)], "places are characters");
    }
    assert_eq!(troubles("\u{DFF}\u{F900}"), [], "what is beside the area is not in it");
}

#[test]
fn an_unmappable_character_is_told_and_never_written_as_a_reference() {
    let (bytes, changes) = encode("𠮷田", Target::Cp932);
    assert_eq!(encoding_rs::SHIFT_JIS.decode(&bytes).0, "〓田");
    assert_eq!((changes[0].at, changes[0].from, changes[0].why), (0, '𠮷', Why::Lacking));
    assert_eq!(changes[0].substitute, Some('吉'), "a person decides whether it may stand in");
    // And a file in which another system did it is not taken at its word.
    assert_eq!(troubles("&#134071;田"), [(0, Trouble::Reference)]);
    assert_eq!(
        characters::without_references("&#134071;田&#x9AD9;&#;"),
        Some("𠮷田髙&#;".to_owned())
    );
    assert_eq!(characters::without_references("A&B #1;"), None);
    let (bytes, changes) = encode("\u{E000}", Target::Cp932);
    assert_eq!(
        (&*bytes, changes.len()),
        (&[0x81, 0xAC][..], 1),
        "gaiji are not written back either"
    );
}

#[test]
fn u9ad9_is_kept_in_cp932_and_has_a_substitute_for_what_lacks_it() {
    let (bytes, changes) = encode("髙", Target::Cp932);
    assert_eq!((&*bytes, changes.len()), (&[0xFB, 0xFC][..], 0));
    assert_eq!(characters::substitute('髙'), Some('高'));
    assert_eq!(characters::substitute('﨑'), Some('崎'));
    assert_eq!(keys::name("髙﨑"), keys::name("高崎"));
}

#[test]
fn four_bytes_are_one_character() {
    assert_eq!("𠮷".len(), 4);
    assert_eq!(characters::count("𠮷田"), 2);
    assert_eq!(troubles("𠮷田"), []);
    for (target, bytes) in [(Target::Utf8, 7), (Target::Utf16Le, 6), (Target::Utf16Be, 6)] {
        let (written, changes) = encode("𠮷田", target);
        assert_eq!((written.len(), changes.len()), (bytes, 0));
    }
}

#[test]
fn a_selected_glyph_is_compared_by_its_base_character() {
    let name = "葛\u{E0100}城";
    assert_eq!((troubles(name), characters::count(name)), (vec![], 2));
    assert_eq!(keys::name(name), keys::name("葛城"));
    let (bytes, changes) = encode(name, Target::Cp932);
    assert_eq!(encoding_rs::SHIFT_JIS.decode(&bytes).0, "葛城");
    assert_eq!((changes.len(), changes[0].why, changes[0].to), (1, Why::Glyph, None));
}

#[test]
fn compatibility_ideographs_are_folded_in_keys_alone() {
    for (written, common) in [
        ('\u{FA19}', '神'),
        ('\u{FA10}', '塚'),
        ('\u{FA1B}', '福'),
        ('\u{F9DC}', '隆'),
        ('\u{FA22}', '諸'),
    ] {
        assert_ne!(written, common);
        assert_eq!(troubles(&written.to_string()), [], "it is a character like others");
        assert_eq!(keys::name(&written.to_string()), common.to_string());
        assert_eq!(encode(&written.to_string(), Target::Utf8).0, written.to_string().as_bytes());
    }
}

#[test]
fn compatibility_forms_are_expanded_in_keys_alone() {
    for (written, key) in [("㈱都農", "(株)都農"), ("①", "1"), ("㋿", "令和"), ("ｶﾞｯｺｳ", "ガッコウ")]
    {
        assert_eq!(keys::name(written), key);
        assert_eq!(troubles(written), []);
    }
}

#[test]
fn twin_signs_are_mapped_on_the_way_out_and_told() {
    for (from, to) in [
        ('\u{301C}', '\u{FF5E}'),
        ('\u{2212}', '\u{FF0D}'),
        ('\u{2016}', '\u{2225}'),
        ('\u{2014}', '\u{2015}'),
        ('\u{00A5}', '\u{FFE5}'),
    ] {
        let (bytes, changes) = encode(&from.to_string(), Target::Cp932);
        assert_eq!(encoding_rs::SHIFT_JIS.decode(&bytes).0, to.to_string());
        assert_eq!((changes[0].to, changes[0].why), (Some(to), Why::SameSign));
    }
    assert_eq!(encode("～", Target::Cp932), (vec![0x81, 0x60], vec![]));
    assert_eq!(
        encode("\u{203E}", Target::Cp932).1[0].why,
        Why::Lacking,
        "no backslash or tilde for it"
    );
}

#[test]
fn what_was_lost_before_is_seen() {
    assert_eq!(troubles("山\u{FFFD}"), [(1, Trouble::Undecodable)]);
    assert_eq!(troubles("〓田"), [(0, Trouble::Replaced)]);
    assert_eq!(troubles("山\u{0}田\u{202E}"), [(1, Trouble::Control), (3, Trouble::Control)]);
    assert_eq!(troubles("一行\r\n二行\t"), []);
}

fn read(text: &str) -> Result<String, DateRefusal> {
    dates::read(text, EraCodes::None).map(|read| read.date.to_string())
}

#[test]
fn eras_in_every_usual_form() {
    for (text, iso) in [
        ("令和6年4月1日", "2024-04-01"),
        ("令和元年5月1日", "2019-05-01"),
        ("㋿元年５月１日", "2019-05-01"),
        ("㋿6年4月1日", "2024-04-01"),
        ("令6.4.1", "2024-04-01"),
        ("R6.4.1", "2024-04-01"),
        ("r06/04/01", "2024-04-01"),
        ("R.6.4.1", "2024-04-01"),
        ("Ｒ６．４．１", "2024-04-01"),
        ("平成31年4月30日", "2019-04-30"),
        ("㍻元年1月8日", "1989-01-08"),
        ("H1-1-8", "1989-01-08"),
        ("昭和64年1月7日", "1989-01-07"),
        ("昭和60年３月１５日", "1985-03-15"),
        ("昭和六十年三月十五日", "1985-03-15"),
        ("S600315", "1985-03-15"),
        ("昭和元年12月25日", "1926-12-25"),
        ("大正15年12月25日", "1926-12-25"),
        ("大正元年7月30日", "1912-07-30"),
        ("明治45年7月30日", "1912-07-30"),
        ("明治6年1月1日", "1873-01-01"),
        ("1985-03-15", "1985-03-15"),
        ("1985/3/15", "1985-03-15"),
        ("1985年3月15日", "1985-03-15"),
        ("19850315", "1985-03-15"),
        (" 昭和 60年 3月 15日 ", "1985-03-15"),
        ("令和6年2月29日", "2024-02-29"),
    ] {
        assert_eq!(read(text), Ok(iso.to_owned()), "{text}");
    }
}

#[test]
fn codes_of_eras_are_read_as_the_layout_says() {
    let coded = |text, codes| dates::read(text, codes).map(|read| read.date.to_string());
    for (text, codes, iso) in [
        ("3600315", EraCodes::One, "1985-03-15"),
        ("5060401", EraCodes::One, "2024-04-01"),
        ("3-60-03-15", EraCodes::One, "1985-03-15"),
        ("３/60/3/15", EraCodes::One, "1985-03-15"),
        ("1450730", EraCodes::One, "1912-07-30"),
        ("03600315", EraCodes::Two, "1985-03-15"),
        ("05060401", EraCodes::Two, "2024-04-01"),
        ("04-31-04-30", EraCodes::Two, "2019-04-30"),
        ("3600300", EraCodes::One, "1985-03"),
        ("19850315", EraCodes::One, "1985-03-15"),
        ("19850315", EraCodes::Two, "1985-03-15"),
        ("昭和60年3月15日", EraCodes::Two, "1985-03-15"),
    ] {
        assert_eq!(coded(text, codes), Ok(iso.to_owned()), "{text}");
    }
    for (text, codes) in [
        ("3600315", EraCodes::None),
        ("3600315", EraCodes::Two),
        ("3-60-03-15", EraCodes::None),
        ("9600315", EraCodes::One),
        ("03600315", EraCodes::One),
    ] {
        assert!(coded(text, codes).is_err(), "{text}");
    }
    assert_eq!(coded("3600315", EraCodes::None), Err(DateRefusal::EraCode));
}

#[test]
fn parts_that_are_not_known_leave_what_is() {
    for (text, iso) in [
        ("昭和10年5月不詳", "1935-05"),
        ("昭和10年5月日不詳", "1935-05"),
        ("昭和10年5月00日", "1935-05"),
        ("昭和10年不詳", "1935"),
        ("昭和10年月日不詳", "1935"),
        ("昭和10年不詳月不詳日", "1935"),
        ("昭和10年以下不詳", "1935"),
        ("S10.00.00", "1935"),
        ("S10.99.99", "1935"),
        ("S100500", "1935-05"),
        ("19350500", "1935-05"),
        ("1935-05-99", "1935-05"),
        ("1935/00/00", "1935"),
        ("令和6年5月", "2024-05"),
        ("R6.5", "2024-05"),
        ("2024-05", "2024-05"),
        ("2024年", "2024"),
        ("昭和64年", "1989"),
        ("平成元年", "1989"),
    ] {
        assert_eq!(read(text), Ok(iso.to_owned()), "{text}");
    }
    for text in [
        "不詳",
        "生年月日不明",
        "昭和不詳年不詳月不詳日",
        "00000000",
        "99999999",
        "0000-00-00",
        "昭和00年00月00日",
    ] {
        assert_eq!(read(text), Err(DateRefusal::Unknown), "{text}");
    }
    for text in ["昭和10年5月頃", "昭和10年5月上旬", "推定昭和10年5月"] {
        let about = dates::read(text, EraCodes::None).unwrap();
        assert_eq!((about.date.to_string(), about.about), ("1935-05".to_owned(), true), "{text}");
    }
}

#[test]
fn years_that_an_era_does_not_have_are_told_with_what_may_be_meant() {
    for (text, meant) in [
        ("平成36年4月1日", Some("2024-04-01")),
        ("昭和64年2月", Some("1989-02")),
        ("昭和64年1月8日", Some("1989-01-08")),
        ("昭和70年1月1日", Some("1995-01-01")),
        ("平成31年5月1日", Some("2019-05-01")),
        ("令和元年4月30日", Some("2019-04-30")),
        ("平成32年", Some("2020")),
        ("令和0年5月1日", None),
    ] {
        let refused = read(text).unwrap_err();
        assert_eq!(refused.rule(), "date-outside-era", "{text}");
        assert_eq!(refused.suggestion().as_deref(), meant, "{text}");
    }
}

#[test]
fn nothing_is_guessed() {
    use DateRefusal::{Form, Impossible, OldCalendar, TwoDigitYear};
    for (text, why) in [
        ("令和5年2月29日", Impossible),
        ("平成3年2月30日", Impossible),
        ("2026-13-01", Impossible),
        ("1935-13", Impossible),
        ("明治5年12月3日", OldCalendar),
        ("明治3年", OldCalendar),
        ("60.3.15", TwoDigitYear),
        ("85/3/15", TwoDigitYear),
        ("600315", TwoDigitYear),
        ("60年3月15日", TwoDigitYear),
        ("1985-3-15-1", Form),
        ("1985.3/15", Form),
        ("元年5月1日", Form),
        ("1985-00-15", Form),
        ("", Form),
        ("S60", Form),
        ("1985", Form),
        ("令和-6年4月1日", Form),
        ("令和100年1月1日", Form),
        ("一昨日", Form),
    ] {
        assert_eq!(read(text), Err(why), "{text}");
    }
}

#[test]
fn zeros_at_the_beginning_and_what_spreadsheets_do() {
    assert_eq!(spreadsheets::digits("0000000007", 10), Ok(()));
    assert_eq!(
        spreadsheets::digits("7", 10),
        Err(DigitTrouble::ZerosLost("0000000007".to_owned()))
    );
    assert_eq!(spreadsheets::digits("5.00E+03", 10), Err(DigitTrouble::Exponent));
    assert_eq!(spreadsheets::digits("00000000071", 10), Err(DigitTrouble::Other));
    assert_eq!(spreadsheets::digits("00A0000007", 10), Err(DigitTrouble::Other));
    for (text, is) in [
        ("5.00E+03", true),
        ("1.23457E+11", true),
        ("5E3", false),
        ("E+03", false),
        ("大字川北", false),
    ] {
        assert_eq!(spreadsheets::is_exponent(text), is, "{text}");
    }
    for (text, is) in
        [("4月2日", true), ("2-Apr", true), ("Apr-02", true), ("4-2", false), ("4月2日生", false)]
    {
        assert_eq!(spreadsheets::is_made_date(text), is, "{text}");
    }
    let day = NaiveDate::from_ymd_opt(1985, 3, 15).unwrap();
    assert_eq!(read("31121"), Err(DateRefusal::Serial(day)));
    for (text, cell) in [
        ("=1+1", "'=1+1"),
        ("+81", "'+81"),
        ("-1", "'-1"),
        ("@A1", "'@A1"),
        ("＝1", "'＝1"),
        (" =1", "' =1"),
        ("\t=1", "'\t=1"),
        ("都農", "都農"),
    ] {
        assert_eq!(spreadsheets::cell(text), cell);
    }
}

fn tsuno() -> Town {
    Town {
        prefecture: "宮崎県".to_owned(),
        county: "児湯郡".to_owned(),
        name: "都農町".to_owned(),
        code: Some("454061".to_owned()),
        places: vec!["大字川北".to_owned()],
    }
}

#[test]
fn an_address_has_parts_a_code_and_how_sure_they_are() {
    for (text, oaza, koaza, lot, building, confidence) in [
        ("宮崎県児湯郡都農町大字川北4874番地2", "大字川北", "", "4874-2", "", 100),
        ("宮崎県児湯郡都農町大字川北４８７４番地の２", "大字川北", "", "4874-2", "", 100),
        (
            "宮崎県児湯郡都農町大字川北4874番地2　コーポ都農101号室",
            "大字川北",
            "",
            "4874-2",
            "コーポ都農101号室",
            100,
        ),
        ("宮崎県児湯郡都農町大字川北4874-2 101号室", "大字川北", "", "4874-2", "101号室", 100),
        ("宮崎県都農町大字川北4874-2", "大字川北", "", "4874-2", "", 95),
        ("都農町川北4874－2", "大字川北", "", "4874-2", "", 85),
        ("宮崎県児湯郡都農町大字川北字朝草10番地", "大字川北", "朝草", "10", "", 100),
        ("宮崎県児湯郡都農町大字川北朝草10番地", "大字川北", "朝草", "10", "", 90),
        ("宮崎県児湯郡都農町大字川北無番地", "大字川北", "", "無番地", "", 100),
        ("宮崎県児湯郡都農町大字川南10番地", "大字川南", "", "10", "", 70),
        ("宮崎県児湯郡都農町大字川北", "大字川北", "", "", "", 60),
    ] {
        let parts = addresses::parse(text, &tsuno());
        assert_eq!((&*parts.municipality, &*parts.code), ("都農町", "454061"), "{text}");
        let found = (&*parts.oaza, &*parts.koaza, &*parts.lot, &*parts.building, parts.confidence);
        assert_eq!(found, (oaza, koaza, lot, building, confidence), "{text}");
    }
    let elsewhere = addresses::parse("宮崎県児湯郡高鍋町大字上江1番地", &tsuno());
    assert_eq!((&*elsewhere.code, elsewhere.confidence), ("", 30));
    assert_eq!(addresses::parse("東京都千代田区1-1", &tsuno()).prefecture, "東京都");
    assert_eq!(addresses::parse("不明", &tsuno()), addresses::Parts::default());
}

#[test]
fn the_code_of_a_municipality_has_a_check_digit() {
    assert_eq!(addresses::check_digit("45406"), Some('1'));
    assert_eq!(addresses::check_digit("01100"), Some('2'), "札幌市");
    assert_eq!(addresses::check_digit("13101"), Some('6'), "千代田区");
    for (code, right) in
        [("454061", true), ("454060", false), ("45406", false), ("４54061", false), ("", false)]
    {
        assert_eq!(addresses::is_code(code), right, "{code}");
    }
}

#[test]
fn a_text_of_nothing_but_beginnings_of_references_is_read_once() {
    let text = "&#".repeat(2_000_000);
    assert_eq!(characters::troubles(&text).count(), 0);
    assert_eq!(characters::without_references(&text), None);
    for (text, meant) in [("&#x10FFFD;", "\u{10FFFD}"), ("&#1114109;田", "\u{10FFFD}田")] {
        assert_eq!(characters::without_references(text).as_deref(), Some(meant));
    }
}
