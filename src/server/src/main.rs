//! The `tsunagu` binary.
fn main() {}
