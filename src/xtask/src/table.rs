//! Markdown tables as data, so that what people read and what is checked are one text.

use anyhow::{Context, bail};

/// The rows of the table whose header cells are exactly `header`, each as long as the header.
/// Fails when the table is missing, is there twice, or a row has another number of cells.
pub(crate) fn rows(markdown: &str, header: &[&str]) -> anyhow::Result<Vec<Vec<String>>> {
    let mut lines = markdown.lines();
    let mut found = None;
    while let Some(line) = lines.next() {
        if cells(line).is_none_or(|cells| cells != header) {
            continue;
        }
        if found.is_some() {
            bail!("the table `{}` is there twice", header.join(" | "));
        }
        let mut rows = Vec::new();
        for row in lines.by_ref().skip(1).map_while(cells) {
            if row.len() != header.len() {
                bail!(
                    "a row of {} cells under `{}`: {}",
                    row.len(),
                    header.join(" | "),
                    row.join(" | ")
                );
            }
            rows.push(row);
        }
        found = Some(rows);
    }
    found.with_context(|| format!("no table `{}`", header.join(" | ")))
}

fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(|cell| cell.trim().to_owned()).collect())
}

/// The words of a cell that stand between backticks.
pub(crate) fn code_words(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "intro\n\n| a | b |\n| --- | --- |\n| `x` | y, `z` |\n\n| c |\n| - |\n";

    #[test]
    fn rows_are_found_by_their_header() {
        assert_eq!(rows(TEXT, &["a", "b"]).unwrap(), [["`x`", "y, `z`"]]);
        assert!(rows(TEXT, &["c"]).unwrap().is_empty());
        assert_eq!(code_words("y, `z` and `w`"), ["z", "w"]);
    }

    #[test]
    fn a_missing_doubled_or_ragged_table_is_an_error() {
        assert!(rows(TEXT, &["a"]).is_err());
        assert!(rows(&TEXT.repeat(2), &["a", "b"]).is_err());
        assert!(rows("| a | b |\n| - | - |\n| x |\n", &["a", "b"]).is_err());
    }
}
