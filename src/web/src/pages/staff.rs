//! The pages of staff, below `/staff`.

pub(crate) mod appeals;
pub(crate) mod cases;
pub(crate) mod clients;
pub(crate) mod home;
pub(crate) mod imports;
pub(crate) mod login;
pub(crate) mod queue;
