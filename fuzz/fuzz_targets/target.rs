//! One target, which its name chooses. All of them are this file.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|input: &[u8]| -> Corpus {
    let target = tsunagu_laws::target(env!("CARGO_BIN_NAME")).expect("a target of this name");
    match (target.law)(input) {
        Ok(true) => Corpus::Keep,
        // What is refused is worth keeping too: it may be nearly right.
        Ok(false) => Corpus::Keep,
        Err(why) => panic!("{}: {why}", target.name),
    }
});
