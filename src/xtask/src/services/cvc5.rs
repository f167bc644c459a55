//! The solver that proves the policies.

use anyhow::Context;

use super::Service;
use super::packages::{Need, on_path};

/// What is installed when it is not found.
pub(super) const NEED: Need =
    Need { what: "cvc5", packages: &["cvc5"], present: || find().is_ok() };

/// Looks on the PATH; `cedar-policy-symcc` finds the program in `CVC5`.
pub(super) fn find() -> anyhow::Result<Service> {
    let path = on_path("cvc5").context("no cvc5 on the PATH")?;
    Ok(Service { variables: vec![("CVC5", path.into())], _instance: None })
}
