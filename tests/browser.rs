//! A resident with a real browser: the driver, and the journey through the pages.
//!
//! Nothing here starts a gateway: a test brings the addresses of one that runs, with its sandbox.

pub(crate) mod driver;
pub(crate) mod journey;
pub(crate) mod page;
