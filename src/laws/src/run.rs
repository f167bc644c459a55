//! The search for a counterexample.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::mutate::{Chance, mutated};
use crate::{Held, Target};

/// Inputs that were taken and are kept to start from.
const POOL: usize = 256;
/// Tries to make a counterexample shorter.
const SHORTER: usize = 2_000;

/// How long to search.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// So many mutations.
    Rounds(u64),
    /// So long.
    Elapsed(Duration),
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// Inputs tried.
    pub tried: u64,
    /// Inputs that the parser took.
    pub taken: u64,
    /// The longest that one input took.
    pub slowest: Duration,
}

/// An input that breaks the law.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counterexample {
    /// The input.
    pub input: Vec<u8>,
    /// How.
    pub why: String,
}

/// Tries the seeds, then mutations of them and of what was taken, in an order that only `start` decides.
pub fn run(
    target: &Target,
    seeds: &[Vec<u8>],
    start: u64,
    until: Until,
) -> Result<Done, Counterexample> {
    let mut done = Done::default();
    let mut chance = Chance::new(start);
    let mut pool = seeds.to_vec();
    let begun = Instant::now();
    let mut last = begun;
    for seed in seeds {
        done.count(tried(target, seed)?, &mut last);
    }
    let goes_on = |done: &Done| match until {
        Until::Rounds(rounds) => done.tried < rounds,
        Until::Elapsed(time) => begun.elapsed() < time,
    };
    while goes_on(&done) {
        let (one, other) = (chance.of(&pool), chance.of(&pool));
        let (Some(one), Some(other)) = (one, other) else { break };
        let input = mutated(one, other, target.words, &mut chance);
        let taken = tried(target, &input)?;
        done.count(taken, &mut last);
        if taken {
            keep(&mut pool, seeds.len(), input, &mut chance);
        }
    }
    Ok(done)
}

impl Done {
    fn count(&mut self, taken: bool, last: &mut Instant) {
        self.tried += 1;
        self.taken += u64::from(taken);
        let now = Instant::now();
        self.slowest = self.slowest.max(now - *last);
        *last = now;
    }
}

/// Keeps an input in the place of another, never of a seed.
fn keep(pool: &mut Vec<Vec<u8>>, seeds: usize, input: Vec<u8>, chance: &mut Chance) {
    if pool.len() < seeds + POOL {
        pool.push(input);
    } else if let Some(place) = pool.get_mut(seeds + chance.below(POOL)) {
        *place = input;
    }
}

/// Whether the parser took the input; a counterexample is made as short as a few tries allow.
fn tried(target: &Target, input: &[u8]) -> Result<bool, Counterexample> {
    let why = match held(target, input) {
        Ok(taken) => return Ok(taken),
        Err(why) => why,
    };
    let mut least = Counterexample { input: input.to_vec(), why };
    let mut size = input.len() / 2;
    let mut tries = 0;
    while size > 0 {
        let mut from = 0;
        while from + size <= least.input.len() && tries < SHORTER {
            tries += 1;
            let mut shorter = least.input.clone();
            shorter.drain(from..from + size);
            match held(target, &shorter) {
                Err(why) => least = Counterexample { input: shorter, why },
                Ok(_) => from += size,
            }
        }
        size /= 2;
    }
    Err(least)
}

/// A parser that panics breaks every law.
fn held(target: &Target, input: &[u8]) -> Held {
    catch_unwind(AssertUnwindSafe(|| (target.law)(input))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words");
        Err(format!("it panicked: {text}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planted(law: fn(&[u8]) -> Held) -> Target {
        Target { name: "planted", law, words: &["mine"] }
    }

    #[test]
    fn a_planted_fault_is_found_and_made_short() {
        let target = planted(|bytes| match std::str::from_utf8(bytes) {
            Ok(text) if text.contains("mine") && text.contains(';') => Err("both".to_owned()),
            other => Ok(other.is_ok()),
        });
        let seeds = vec![b"a long beginning without either, of no importance".to_vec()];
        let found = run(&target, &seeds, 1, Until::Rounds(100_000)).unwrap_err();
        assert_eq!(found.why, "both");
        assert!(found.input.len() <= 6, "{:?}", String::from_utf8_lossy(&found.input));
        // The same start finds the same.
        assert_eq!(run(&target, &seeds, 1, Until::Rounds(100_000)).unwrap_err(), found);
    }

    #[test]
    fn a_panic_breaks_every_law() {
        let target = planted(|bytes| {
            assert!(!bytes.starts_with(b"mine"), "stepped on");
            Ok(true)
        });
        let found = run(&target, &[Vec::new()], 1, Until::Rounds(100_000)).unwrap_err();
        assert_eq!(
            (found.input.as_slice(), &*found.why),
            (&b"mine"[..], "it panicked: stepped on")
        );
    }

    #[test]
    fn rounds_are_counted() {
        let target = planted(|bytes| Ok(bytes.is_empty()));
        let done = run(&target, &[Vec::new()], 1, Until::Rounds(50)).unwrap();
        assert_eq!(done.tried, 50);
        assert!(done.taken >= 1 && done.taken < 50, "{done:?}");
    }
}
