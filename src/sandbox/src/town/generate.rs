//! People from a seed.

use chrono::Days;

use super::names::{FAMILY, MEN, WOMEN};
use super::{Address, Movement, Name, Person, Sex, TODAY, named};

/// `count` people, always the same.
pub(super) fn people(count: usize) -> Vec<Person> {
    let mut dice = Dice(0x7473_756e_6f67_7521);
    (1..=count).map(|number| person(number, &mut dice)).collect()
}

fn person(number: usize, dice: &mut Dice) -> Person {
    let sex = if dice.below(100) < 52 { Sex::Female } else { Sex::Male };
    let (family, family_kana) = dice.pick(&FAMILY);
    let (given, given_kana) = dice.pick(if sex == Sex::Female { &WOMEN } else { &MEN });
    let name = Name::new(family, given);
    let age_days = age(dice) * 365 + dice.below(365);
    let birth_date = TODAY - Days::new(age_days);
    let movement = match dice.below(10) {
        0..=5 => Movement::Birth,
        6..=8 => Movement::MovedIn,
        _ => Movement::MovedWithin,
    };
    let moved_on = match movement {
        Movement::Birth => birth_date,
        _ => TODAY - Days::new(dice.below(age_days + 1)),
    };
    let address = town_address(dice);
    Person {
        key: format!("r{number:04}"),
        resident_number: Some(format!("{:010}", 200_000 + number)),
        certificate_name: named::on_certificate(&name),
        name,
        kana: Some(Name::new(family_kana, given_kana)),
        birth_date,
        sex,
        certificate_address: address.clone(),
        address,
        movement,
        moved_on,
        note: "",
    }
}

/// An age in years, distributed as in a small town: every second resident is over 50.
fn age(dice: &mut Dice) -> u64 {
    match dice.below(100) {
        0..=9 => dice.below(15),
        10..=57 => 15 + dice.below(50),
        58..=85 => 65 + dice.below(15),
        _ => 80 + dice.below(25),
    }
}

fn town_address(dice: &mut Dice) -> Address {
    let lot = 1 + dice.below(19_000);
    let street = match dice.below(4) {
        0 => format!("大字川北{lot}番地"),
        branch => format!("大字川北{lot}番地{branch}"),
    };
    named::tsuno(street)
}

/// `SplitMix64`: small, good enough, and ours, so that no release of a crate changes the town.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`; the bias of the remainder is of no account here.
    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn pick<'a>(&mut self, list: &'a [(&'a str, &'a str)]) -> (&'a str, &'a str) {
        let place = self.below(list.len() as u64);
        usize::try_from(place).ok().and_then(|at| list.get(at)).copied().unwrap_or(("森", "モリ"))
    }
}
