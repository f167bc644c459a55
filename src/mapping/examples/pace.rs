//! How long an evaluation takes: `cargo run --release -p tsunagu-mapping --example pace`.

use std::time::Instant;

use serde_json::json;
use tsunagu_mapping::{Expression, Micros, Variables};

const ROUNDS: u32 = 100_000;

#[expect(clippy::print_stdout, reason = "an example shows what it measured")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let activity = json!({
        "steps": 8000, "activityType": "walking", "recordingMethod": "sensed", "startedAt": "2026-04-01T00:00:00Z",
        "sources": [{ "name": "watch", "steps": 5000 }, { "name": "phone", "steps": 3000 }]
    });
    for source in [
        "activity.steps >= 5000",
        "activity.steps >= 5000 && activity.recordingMethod == 'sensed' && activity.activityType in ['walking', 'running']",
        "activity.sources.all(s, s.steps <= 100000) && now - timestamp(activity.startedAt) < duration('720h')",
    ] {
        let expression = Expression::compile(source, &["activity", "now"])?;
        let mut held = 0;
        let begun = Instant::now();
        for _ in 0..ROUNDS {
            let variables = Variables::new()
                .with("activity", &activity)
                .with("now", Micros(1_775_100_000_000_000));
            held += u32::from(expression.holds(&variables)?);
        }
        println!(
            "{:>6.2} µs  {source} ({held} of {ROUNDS} hold)",
            begun.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS)
        );
    }
    Ok(())
}
