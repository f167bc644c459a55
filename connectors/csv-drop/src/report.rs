//! What was found in a file, as a file: CSV in the encoding the file came in, and NDJSON in UTF-8.

use std::io::{self, Write};

use serde::Serialize;
use tsunagu_domain::Text;
use tsunagu_japanese::characters::is_private_use;
use tsunagu_japanese::export::{Changed, Target, encode};
use tsunagu_japanese::spreadsheets;

use crate::{Encoding, Finding, Sighted};

const HEADER: [&str; 9] = [
    "行 line",
    "列 column",
    "扱い outcome",
    "規則 rule",
    "値 value",
    "修正候補 repair",
    "直し方",
    "remedy",
    "注記 note",
];

/// Findings as CSV, in the encoding of the file they are of and with its byte order mark. No cell begins a formula. A character that the
/// encoding lacks is written as 〓, never as a reference, and the last column says which it was.
pub struct CsvReport<W> {
    to: W,
    target: Target,
}

impl<W> std::fmt::Debug for CsvReport<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CsvReport").field("target", &self.target).finish_non_exhaustive()
    }
}

fn target(encoding: Encoding) -> Target {
    match encoding {
        Encoding::Auto | Encoding::Utf8 => Target::Utf8,
        Encoding::Cp932 => Target::Cp932,
        Encoding::Utf16Le => Target::Utf16Le,
        Encoding::Utf16Be => Target::Utf16Be,
    }
}

/// What the last column says of characters that a reader would not know again.
fn note(texts: &[&str], target: Target) -> String {
    let mut said = Vec::new();
    for text in texts {
        for Changed { from, to, substitute, .. } in encode(text, target).1 {
            let to = to.map_or_else(|| "（なし）".to_owned(), String::from);
            let usual = substitute.map(|c| format!("（代用 {c}）")).unwrap_or_default();
            said.push(format!("U+{:04X} → {to}{usual}", u32::from(from)));
        }
        if target != Target::Cp932 {
            let gaiji = text.chars().filter(|c| is_private_use(*c));
            said.extend(gaiji.map(|c| format!("U+{:04X} 外字", u32::from(c))));
        }
    }
    said.join(" ")
}

fn quoted(cell: &str) -> String {
    let cell = spreadsheets::cell(cell);
    if cell.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

impl<W: Write> CsvReport<W> {
    /// Begins a report about a file.
    pub fn begin(mut to: W, sighted: &Sighted) -> io::Result<Self> {
        let target = target(sighted.encoding);
        if sighted.marked {
            to.write_all(target.mark())?;
        }
        let mut report = Self { to, target };
        report.line(&HEADER)?;
        Ok(report)
    }

    fn line(&mut self, cells: &[&str]) -> io::Result<()> {
        let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        let (bytes, _) = encode(&format!("{}\r\n", cells.join(",")), self.target);
        self.to.write_all(&bytes)
    }

    /// Adds a finding.
    pub fn add(&mut self, finding: &Finding) -> io::Result<()> {
        let remedy = finding.remedy();
        let column = finding.column.as_deref().unwrap_or_default();
        let repair = finding.repair.as_deref().unwrap_or_default();
        let note = note(&[column, &finding.value, repair], self.target);
        self.line(&[
            &finding.line.to_string(),
            column,
            finding.weight.as_str(),
            finding.rule,
            &finding.value,
            repair,
            &remedy.ja,
            &remedy.en,
            &note,
        ])
    }

    /// Gives back what it was written to.
    pub fn end(mut self) -> io::Result<W> {
        self.to.flush()?;
        Ok(self.to)
    }
}

#[derive(Serialize)]
struct NdjsonLine<'a> {
    line: u64,
    column: Option<&'a str>,
    outcome: &'a str,
    rule: &'a str,
    value: &'a str,
    repair: Option<&'a str>,
    remedy: Text,
}

/// Writes a finding as one line of NDJSON.
pub fn ndjson(to: &mut impl Write, finding: &Finding) -> io::Result<()> {
    let line = NdjsonLine {
        line: finding.line,
        column: finding.column.as_deref(),
        outcome: finding.weight.as_str(),
        rule: finding.rule,
        value: &finding.value,
        repair: finding.repair.as_deref(),
        remedy: finding.remedy(),
    };
    serde_json::to_writer(&mut *to, &line)?;
    to.write_all(b"\n")
}
