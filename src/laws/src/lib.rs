//! Laws: what holds of every parser, whatever bytes come in.
//!
//! A [`Target`] is a parser that meets input, with the law that it keeps: what it prints it reads the same, what it stores it gives back,
//! what strict JSON refuses it never takes. The same functions run on stable Rust ([`run`](run::run): seeds and deterministic mutations, for
//! `cargo xtask test` and `cargo xtask fuzz`) and under cargo-fuzz (the folder `fuzz`, guided by coverage, for long runs).
//!
//! Owns: the laws, the mutations, the search for a counterexample. Must not: be linked by anything that is shipped.

mod laws;
pub mod mutate;
pub mod run;
pub mod seeds;

/// Whether the parser took the input, or how a law was broken.
pub type Held = Result<bool, String>;

/// A parser and its law.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// As in the folders of seeds and on the command line.
    pub name: &'static str,
    /// The law.
    pub law: fn(&[u8]) -> Held,
    /// What mutations put in, beside what they find in the seeds.
    pub words: &'static [&'static str],
}

/// All of them.
pub static TARGETS: &[Target] = laws::TARGETS;

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
