//! One module for each page: its model, and the handler that fills it.

pub(crate) mod access_log;
pub(crate) mod account;
pub(crate) mod authorize;
pub(crate) mod coins;
pub(crate) mod consents;
pub(crate) mod delegates;
pub(crate) mod developers;
pub(crate) mod end_session;
pub(crate) mod error;
pub(crate) mod home;
pub(crate) mod login;
pub(crate) mod own;
pub(crate) mod share;
pub(crate) mod staff;
