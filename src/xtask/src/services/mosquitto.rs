//! The MQTT broker that notifications are published to; each test starts one of its own.

use anyhow::Context;

use super::Service;
use super::packages::{Need, on_path};

/// What is installed when it is not found.
pub(super) const NEED: Need = Need {
    what: "mosquitto and its clients",
    packages: &["mosquitto", "mosquitto-clients"],
    present: || find().is_ok(),
};

/// Looks on the PATH; tests find the programs in `TEST_MOSQUITTO`, `TEST_MOSQUITTO_PASSWD` and `TEST_MOSQUITTO_SUB`.
pub(super) fn find() -> anyhow::Result<Service> {
    let programs = [
        ("TEST_MOSQUITTO", "mosquitto"),
        ("TEST_MOSQUITTO_PASSWD", "mosquitto_passwd"),
        ("TEST_MOSQUITTO_SUB", "mosquitto_sub"),
    ];
    let found = programs.into_iter().map(|(variable, program)| {
        let path = on_path(program).with_context(|| format!("no {program} on the PATH"))?;
        Ok((variable, path.into()))
    });
    Ok(Service { variables: found.collect::<anyhow::Result<_>>()?, _instance: None })
}
