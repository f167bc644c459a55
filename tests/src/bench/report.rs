//! Medians, ratios, the table.

use std::fmt;

use serde::Serialize;

use super::load::Slice;

/// One row of the table.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Number in the table of targets.
    pub row: u32,
    /// What is done.
    pub work: String,
    /// What it is compared with.
    pub yardstick: String,
    /// The gateway's figure.
    pub measured: f64,
    /// The yardstick's figure, in the same unit.
    pub reference: Option<f64>,
    /// What the target speaks of: a ratio, or the figure itself.
    pub value: f64,
    /// The lowest and highest value of the rounds.
    pub spread: Option<(f64, f64)>,
    /// Unit of `measured`.
    pub unit: &'static str,
    /// What `value` must reach.
    pub target: Target,
    /// Whether it does.
    pub met: bool,
    /// Processor microseconds of the server for a request: gateway and yardstick.
    pub cpu_micros: Option<(f64, f64)>,
    /// Median and 99th percentile of the gateway's answers, microseconds.
    pub latency_micros: Option<(u32, u32)>,
}

/// A target.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// The ratio is at least this.
    AtLeast(f64),
    /// The figure is at most this.
    AtMost(f64),
}

impl Target {
    fn met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "≥ {least:.2}"),
            Self::AtMost(most) => write!(f, "≤ {}", short(*most)),
        }
    }
}

/// One round: the yardstick and the gateway, one right after the other.
#[derive(Debug, Clone)]
pub struct Round {
    /// The yardstick's.
    pub reference: Slice,
    /// The gateway's.
    pub ours: Slice,
    /// Processor seconds of both servers meanwhile: gateway, yardstick.
    pub cpu: Option<(f64, f64)>,
}

impl Row {
    /// A row of interleaved rounds: the median of the ratios of the rounds decides.
    #[expect(clippy::cast_precision_loss, reason = "counts of a measurement")]
    pub fn of_rounds(row: u32, work: &str, yardstick: &str, target: f64, rounds: &[Round]) -> Self {
        let median_of = |of: &dyn Fn(&Round) -> f64| median(rounds.iter().map(of).collect());
        let ratio = |round: &Round| round.ours.rate() / round.reference.rate();
        let value = median_of(&ratio);
        let ratios = || rounds.iter().map(ratio);
        let mut micros: Vec<u32> =
            rounds.iter().flat_map(|round| round.ours.micros.iter().copied()).collect();
        micros.sort_unstable();
        let at = |of: usize| micros.get(micros.len().saturating_sub(1) * of / 100).copied();
        let cpu = |ours: bool| {
            let (mut seconds, mut requests) = (0.0, 0_u64);
            for round in rounds {
                let (gateway, yardstick) = round.cpu?;
                let slice = if ours { &round.ours } else { &round.reference };
                seconds += if ours { gateway } else { yardstick };
                requests += slice.requests;
            }
            Some(seconds * 1e6 / requests as f64)
        };
        let target = Target::AtLeast(target);
        Self {
            row,
            work: work.to_owned(),
            yardstick: yardstick.to_owned(),
            measured: median_of(&|round| round.ours.rate()),
            reference: Some(median_of(&|round| round.reference.rate())),
            value,
            spread: Some((
                ratios().fold(f64::INFINITY, f64::min),
                ratios().fold(f64::NEG_INFINITY, f64::max),
            )),
            unit: "/s",
            target,
            met: target.met(value),
            cpu_micros: cpu(true).zip(cpu(false)),
            latency_micros: at(50).zip(at(99)),
        }
    }

    /// A row whose figure is compared with a bound.
    pub fn of_figure(row: u32, work: &str, value: f64, unit: &'static str, most: f64) -> Self {
        let target = Target::AtMost(most);
        Self {
            row,
            work: work.to_owned(),
            yardstick: "–".to_owned(),
            measured: value,
            reference: None,
            value,
            spread: None,
            unit,
            target,
            met: target.met(value),
            cpu_micros: None,
            latency_micros: None,
        }
    }

    /// The row in Markdown.
    pub fn markdown(&self) -> String {
        let dash = || "–".to_owned();
        let figure =
            |value: f64, unit: &str| format!("{} {unit}", short(value)).replace(" /s", "/s");
        let ratio = match (self.reference, self.spread) {
            (Some(_), Some((low, high))) => format!("**{:.2}** ({low:.2}–{high:.2})", self.value),
            _ => dash(),
        };
        format!(
            "| {} | {} | {} | {} | {ratio} | {} | {} | {} | {} |",
            self.row,
            self.work,
            figure(self.measured, self.unit),
            self.reference.map_or_else(dash, |rate| format!(
                "{} {}",
                self.yardstick,
                figure(rate, self.unit)
            )),
            self.target,
            if self.met { "met" } else { "**missed**" },
            self.cpu_micros
                .map_or_else(dash, |(ours, reference)| format!("{ours:.0} / {reference:.0}")),
            self.latency_micros.map_or_else(dash, |(p50, p99)| {
                format!("{:.2} / {:.2}", f64::from(p50) / 1e3, f64::from(p99) / 1e3)
            }),
        )
    }
}

/// As many digits as mean something.
fn short(value: f64) -> String {
    if value.abs() < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

/// The head of the table.
pub const HEAD: &str = "| # | work | gateway | yardstick | ratio (lowest–highest round) | target | | server CPU µs a request: gateway / yardstick | p50 / p99 ms |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |";

/// The middle value.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
