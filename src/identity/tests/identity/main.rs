//! The identity room through its public surface: logins against an OpenID provider over HTTP, linking, the authorization server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod authorization;
mod clients;
mod linking;
mod login;
mod provider;
mod sessions;
mod tokens;
mod world;
