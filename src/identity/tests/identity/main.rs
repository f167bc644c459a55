//! The identity room through its public surface: logins against an OpenID provider over HTTP, linking, the authorization server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod authorization;
mod certificates;
mod clients;
mod delegates;
mod dpop;
mod holder;
mod keys;
mod linking;
mod login;
mod prompt;
mod provider;
mod refresh;
mod residents;
mod resources;
mod rotation;
mod sessions;
mod simulators;
mod tokens;
mod userinfo;
mod world;
