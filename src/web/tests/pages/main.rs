//! The pages through HTTP, over the real rooms and a store in memory.
#![cfg(test)]

mod acting;
mod consent;
mod login;
mod logout;
mod looking;
mod prompt;
mod redirects;
mod staff;
mod town;
