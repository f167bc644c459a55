//! Row 14: how the cost of a request grows with the data.

use super::report::Row;
use super::run::say;

/// The rows whose cost is watched.
pub const ROWS: &[u32] = &[1, 3, 4, 5, 6];

/// Measures with each number of entities, smallest first, and adds a row for each kind of work: the exponent by which its cost, in units of its
/// yardstick, grows between the smallest and the largest.
pub fn measure(
    sizes: &[u64],
    run: &dyn Fn(u64) -> anyhow::Result<Vec<Row>>,
) -> anyhow::Result<Vec<Row>> {
    let mut sizes = sizes.to_vec();
    sizes.sort_unstable();
    let mut all: Vec<(u64, Vec<Row>)> = Vec::new();
    for size in sizes {
        say(&format!("{size} entities"));
        all.push((size, run(size)?));
    }
    let mut rows = Vec::new();
    if let (Some((few, first)), Some((many, last))) = (all.first(), all.last())
        && few < many
    {
        for (from, to) in first.iter().zip(last) {
            let work = format!(
                "growth of the cost of row {}, {few} to {many} entities: {}",
                from.row, from.work
            );
            rows.push(Row::of_figure(
                14,
                &work,
                exponent(from.value, to.value, *few, *many),
                "(exponent)",
                0.1,
            ));
        }
    }
    Ok(rows)
}

#[expect(clippy::cast_precision_loss, reason = "counts of a measurement")]
fn exponent(ratio_of_few: f64, ratio_of_many: f64, few: u64, many: u64) -> f64 {
    (ratio_of_few / ratio_of_many).ln() / (many as f64 / few as f64).ln()
}
