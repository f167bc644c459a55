//! Individual numbers (個人番号) in a row.

use tsunagu_domain::individual_number::{is_in, is_in_power, is_spread_over};

use crate::finding::{Finding, Weight};

const RULE: &str = "individual-number";

/// Whether a text can be an individual number, written out or with an exponent.
pub(crate) fn is_number(text: &str) -> bool {
    is_in(text) || is_in_power(text)
}

/// Where individual numbers stand in a row, in one cell or over neighbours. They are not repeated.
pub(crate) fn find(cells: &[&str], headers: &[String], line: u64) -> Vec<Finding> {
    let single = cells.iter().zip(headers).filter(|(cell, _)| is_number(cell));
    let mut found: Vec<Finding> =
        single.map(|(_, header)| Finding::new(line, Some(header), RULE, Weight::Refused)).collect();
    if found.is_empty() && is_spread_over(cells.iter().map(|cell| Some(*cell))) {
        found.push(Finding::new(line, None, RULE, Weight::Refused));
    }
    found
}

/// Takes what is written out of the findings of a row in which there is a number: each may be a part of it.
pub(crate) fn hide(findings: &mut [Finding]) {
    if findings.iter().any(|finding| finding.rule == RULE) {
        for finding in findings {
            finding.value.clear();
            finding.repair = None;
        }
    }
}
