//! How connectors do, for systems that watch: the text form of `OpenMetrics` 1.0, which Prometheus reads.
//!
//! Names and numbers alone: a label is a connector's name, its kind or a state, so there are as many series as the configuration has connectors.

use std::fmt::Write as _;

use tsunagu_domain::TenantId;

use super::connectors::Connectors;
use super::vitals::Health;
use super::{dead, inbox};
use crate::pace::Circuit;
use crate::{ConnectError, Direction};

/// The media type of the text.
pub const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A counter: its name without the suffix, what it counts, and where it is.
type Counted = (&'static str, &'static str, fn(&Health) -> u64);

const COUNTERS: [Counted; 12] = [
    ("polls", "Times that it was asked.", |health| health.counters.polls),
    ("failures", "Times that asking, or its connection, failed.", |health| {
        health.counters.failures
    }),
    ("restarts", "Times that a task of it ended by a fault and was started again.", |health| {
        health.counters.restarts
    }),
    ("records_read", "Records that came.", |health| health.counters.items),
    ("records_applied", "Rows and entities taken over, changed or not.", |health| {
        health.counters.accepted
    }),
    ("records_repeated", "Those of them that were as before, and were not written.", |health| {
        health.counters.unchanged
    }),
    ("records_refused", "Rows and entities that were refused.", |health| health.counters.refused),
    ("messages_received", "Messages that came by themselves and were kept.", |health| {
        health.counters.received
    }),
    ("messages_repeated", "Messages that had come before under their names.", |health| {
        health.counters.repeated
    }),
    ("messages_rejected", "Messages that were not kept.", |health| health.counters.rejected),
    ("deliveries", "Deliveries that the other side took.", |health| health.counters.delivered),
    ("deliveries_failed", "Deliveries that it did not take.", |health| health.counters.undelivered),
];

/// A text that grows, family by family.
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a text does not fail.
        writeln!(self.0, "# TYPE tsunagu_connector{name} {kind}").ok();
        if name.ends_with("_seconds") {
            writeln!(self.0, "# UNIT tsunagu_connector{name} seconds").ok();
        }
        writeln!(self.0, "# HELP tsunagu_connector{name} {help}").ok();
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let quoted =
            |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let labels: Vec<String> =
            labels.iter().map(|(label, text)| format!("{label}=\"{}\"", quoted(text))).collect();
        writeln!(self.0, "tsunagu_connector{name}{{{}}} {value}", labels.join(",")).ok();
    }
}

fn circuit(circuit: Circuit) -> &'static str {
    match circuit {
        Circuit::Closed => "closed",
        Circuit::Open => "open",
        Circuit::HalfOpen => "half-open",
    }
}

/// Microseconds as seconds, exactly.
fn seconds(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

impl Connectors {
    /// What connectors did in this gateway since it started, how they do, and what waits in the store, as `OpenMetrics` text.
    pub async fn metrics(&self, tenant: &TenantId) -> Result<String, ConnectError> {
        let all = self.health();
        let mut text = Text(String::new());
        text.family("", "info", "Connectors that are configured.");
        for (manifest, _) in &all {
            let direction = match manifest.direction {
                Direction::Inbound => "inbound",
                Direction::Outbound => "outbound",
            };
            let labels = [
                ("connector", manifest.name.as_str()),
                ("kind", manifest.kind.as_str()),
                ("direction", direction),
            ];
            text.sample("_info", &labels, 1);
        }
        let run: Vec<(&str, &Health)> = all
            .iter()
            .filter_map(|(manifest, health)| Some((manifest.name.as_str(), health.as_ref()?)))
            .collect();
        for (name, help, count) in COUNTERS {
            text.family(&format!("_{name}"), "counter", help);
            for (connector, health) in &run {
                let labels = [("connector", *connector)];
                text.sample(&format!("_{name}_total"), &labels, count(health));
            }
        }
        text.family("_circuit", "stateset", "Whether it is asked at all.");
        for (connector, health) in &run {
            for state in [Circuit::Closed, Circuit::Open, Circuit::HalfOpen] {
                let labels =
                    [("connector", *connector), ("tsunagu_connector_circuit", circuit(state))];
                text.sample("_circuit", &labels, u8::from(health.circuit == state));
            }
        }
        text.family("_consecutive_failures", "gauge", "Failures in a row.");
        for (connector, health) in &run {
            text.sample("_consecutive_failures", &[("connector", connector)], health.failures);
        }
        text.family("_elsewhere", "gauge", "1 while another gateway runs it.");
        for (connector, health) in &run {
            text.sample("_elsewhere", &[("connector", connector)], u8::from(health.elsewhere));
        }
        text.family(
            "_last_success_timestamp_seconds",
            "gauge",
            "When it was last asked with success.",
        );
        for (connector, health) in &run {
            if let Some(at) = health.succeeded_at {
                let labels = [("connector", *connector)];
                text.sample("_last_success_timestamp_seconds", &labels, seconds(at));
            }
        }
        let store = &*self.ground().store;
        text.family(
            "_inbox_records",
            "gauge",
            "Records that were kept and are not taken over yet.",
        );
        for (connector, _) in &run {
            let waiting = inbox::size(store, tenant, connector).await?;
            text.sample("_inbox_records", &[("connector", connector)], waiting);
        }
        text.family(
            "_dead_letters",
            "gauge",
            "Records that were refused and wait, also of connectors that are configured no more.",
        );
        let mut names: Vec<String> = run.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.extend(dead::names(store, tenant).await?);
        names.sort_unstable();
        names.dedup();
        for connector in names {
            let dead = dead::count(store, tenant, &connector).await?;
            text.sample("_dead_letters", &[("connector", &connector)], dead);
        }
        Ok(text.0 + "# EOF\n")
    }
}
