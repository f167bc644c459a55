//! The browser that plays a resident, and the driver that steers it.

use anyhow::Context;

use super::Service;
use super::packages::{Need, on_path};

/// What is installed when it is not found.
pub(super) const NEED: Need = Need {
    what: "chromium and chromedriver",
    packages: &["chromium", "chromium-driver"],
    present: || find().is_ok(),
};

/// Looks on the PATH; tests find the programs in `TEST_CHROMIUM` and `TEST_CHROMEDRIVER`.
pub(super) fn find() -> anyhow::Result<Service> {
    let chromium = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find_map(on_path)
        .context("no chromium on the PATH")?;
    let driver = on_path("chromedriver").context("no chromedriver on the PATH")?;
    let variables = vec![("TEST_CHROMIUM", chromium.into()), ("TEST_CHROMEDRIVER", driver.into())];
    Ok(Service { variables, _instance: None })
}
