//! What the invented people have that is personal. Wherever it may not be, tests look for it: in what processes log, in what they refuse.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use tsunagu_sandbox::town::Town;

/// The finder of all canaries at once.
static FINDER: LazyLock<AhoCorasick> = LazyLock::new(|| AhoCorasick::new(canaries()).unwrap());

/// Whatever the invented people have that is personal, in every way it is written.
fn canaries() -> BTreeSet<String> {
    let mut canaries = BTreeSet::new();
    for person in Town::generate(200).people() {
        let names = [Some(&person.name), Some(&person.certificate_name), person.kana.as_ref()];
        for name in names.into_iter().flatten() {
            for between in ["", " ", "\u{3000}"] {
                canaries.insert(format!("{}{between}{}", name.family, name.given));
            }
        }
        for address in [&person.address, &person.certificate_address] {
            canaries.insert(address.street.clone());
            canaries.insert(address.full());
        }
        canaries.insert(person.birth_date.to_string());
        canaries.extend(person.resident_number.clone());
    }
    // The steps of the story's activity, and the number in the register's bad row.
    canaries.extend(["8200", "123456789018", "1234-5678-9018"].map(str::to_owned));
    canaries.retain(|canary| !canary.trim().is_empty());
    canaries
}

/// Fails when the text holds a canary that is not part of a longer number.
pub(crate) fn silent(what: &str, text: &str) {
    for found in FINDER.find_overlapping_iter(text) {
        let canary = text.get(found.range()).unwrap();
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit() || c == '.');
        let before = text.get(..found.start()).and_then(|text| text.chars().next_back());
        let after = text.get(found.end()..).and_then(|text| text.chars().next());
        let number = canary.bytes().all(|b| b.is_ascii_digit());
        let line = text.get(..found.start()).unwrap().lines().count();
        assert!(
            number && (digit(before) || digit(after)),
            "{what} shows personal data of the kind {} in line {line}",
            canary.chars().take(2).collect::<String>()
        );
    }
}

/// A finder that found nothing would prove nothing.
#[test]
#[should_panic(expected = "a log shows personal data")]
fn what_is_personal_is_found() {
    let town = Town::generate(20);
    let hanako = town.person("hanako").unwrap();
    silent("a log", &format!("one\ntwo: {} asked", hanako.name.full()));
}
