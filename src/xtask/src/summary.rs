//! How many tests passed and failed, read from what the test runner itself printed.

/// Counts of one or more runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Tests that ran and held.
    pub(crate) passed: u64,
    /// Tests that ran and did not: failed, timed out or could not be started.
    pub(crate) failed: u64,
}

impl std::ops::Add for Totals {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { passed: self.passed + other.passed, failed: self.failed + other.failed }
    }
}

impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// The sum over all summary lines of `cargo nextest` or `cargo test`; `None` when there is none.
pub(crate) fn parse(output: &str) -> Option<Totals> {
    output.lines().filter_map(|line| nextest(line).or_else(|| libtest(line))).reduce(|a, b| a + b)
}

/// `Summary [   1.2s] 12 tests run: 10 passed (1 slow), 1 failed, 1 timed out, 3 skipped`,
/// or `7/12 tests run` when it was broken off.
fn nextest(line: &str) -> Option<Totals> {
    let (_time, counts) = line.trim_start().strip_prefix("Summary [")?.split_once(']')?;
    let (run, outcomes) =
        counts.split_once(" tests run: ").or_else(|| counts.split_once(" test run: "))?;
    let run: u64 = run.split('/').next()?.trim().parse().ok()?;
    let passed = counted(outcomes, ", ", "passed")?;
    Some(Totals { passed, failed: run.checked_sub(passed)? })
}

/// `test result: FAILED. 3 passed; 1 failed; 0 ignored; …`, once for each test binary.
fn libtest(line: &str) -> Option<Totals> {
    let (_verdict, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let passed = counted(counts, "; ", "passed")?;
    Some(Totals { passed, failed: counted(counts, "; ", "failed")? })
}

fn counted(list: &str, separator: &str, what: &str) -> Option<u64> {
    list.split(separator).find_map(|item| {
        let (count, name) = item.split_once(' ')?;
        (name.split(' ').next()? == what).then(|| count.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nextest_counts_everything_that_did_not_pass_as_failed() {
        for (line, passed, failed) in [
            ("     Summary [   0.013s] 12 tests run: 12 passed, 0 skipped", 12, 0),
            (
                "Summary [  61.2s] 12 tests run: 9 passed (1 slow), 2 failed, 1 timed out, 3 skipped",
                9,
                3,
            ),
            ("Summary [ 0.1s] 1 test run: 1 passed, 0 skipped", 1, 0),
            ("Summary [ 0.1s] 7/12 tests run: 6 passed, 1 failed, 0 skipped", 6, 1),
        ] {
            assert_eq!(parse(line), Some(Totals { passed, failed }), "{line}");
        }
    }

    #[test]
    fn cargo_test_is_summed_over_binaries() {
        let output = "running 3 tests\n\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s\n";
        assert_eq!(parse(output), Some(Totals { passed: 4, failed: 2 }));
    }

    #[test]
    fn no_summary_is_no_result() {
        assert_eq!(parse("error: could not compile\nSummary of changes\n"), None);
    }
}
