//! Every law holds of every seed and of mutations of them.

use tsunagu_laws::run::{Until, run};
use tsunagu_laws::{TARGETS, seeds};

/// Mutations of each target: a second for all of them without optimisation.
const ROUNDS: u64 = 400;

#[test]
fn every_law_holds() {
    for target in TARGETS {
        let done = run(target, &seeds::of(target.name).unwrap(), 1, Until::Rounds(ROUNDS));
        let done = done.unwrap_or_else(|found| {
            let input = String::from_utf8_lossy(&found.input);
            panic!("{}: {} by {input:?}", target.name, found.why)
        });
        assert_eq!(done.tried, ROUNDS, "{}", target.name);
    }
}

#[test]
fn every_parser_takes_each_of_its_seeds() {
    for target in TARGETS {
        for seed in seeds::of(target.name).unwrap() {
            let input = String::from_utf8_lossy(&seed);
            assert_eq!((target.law)(&seed), Ok(true), "{}: {input:?}", target.name);
        }
    }
}

#[test]
fn cargo_fuzz_knows_every_target() {
    let manifest = std::fs::read_to_string(seeds::folder().join("Cargo.toml")).unwrap();
    let known: Vec<&str> = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        .filter(|name| *name != "tsunagu-fuzz")
        .collect();
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(known, names);
}
