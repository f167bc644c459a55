//! The house rules that can be seen by reading files: short enough to read, finished, and
//! free of the machine they were written on.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};

use crate::cargo::Workspace;
use crate::table;

const EXCEPTIONS: &str = "src/xtask/sizes.md";
const VENDORED: &str = "src/web/assets/vendor/";
const LIMIT: usize = 800;
const NOTE: usize = 500;

/// Written in two parts so that this file does not accuse itself.
const UNFINISHED: [&str; 3] =
    [concat!("to", "do!("), concat!("unim", "plemented!("), concat!("#[ig", "nore")];
const HOMES: [&str; 2] = [concat!("/ho", "me/"), concat!("/Us", "ers/")];
const ROOT_HOME: &str = concat!("/ro", "ot/");

#[derive(Debug, Default, PartialEq, Eq)]
struct Findings {
    problems: Vec<String>,
    notes: Vec<String>,
}

/// Reads every file git tracks or would track; fails with one line for each breach.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let listed = workspace
        .git(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .context("listing the files of the project")?;
    let mut files = BTreeMap::new();
    for name in listed.split_terminator('\0').filter(|name| !name.starts_with(VENDORED)) {
        let path = workspace.root.join(name);
        // A deleted file stays listed until the deletion is staged; links lead elsewhere.
        if !path.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
            continue;
        }
        let bytes = std::fs::read(&path).with_context(|| format!("reading {name}"))?;
        files.insert(name, String::from_utf8_lossy(&bytes).into_owned());
    }
    let exceptions = files.get(EXCEPTIONS).with_context(|| format!("{EXCEPTIONS} is missing"))?;
    let exceptions =
        parse_exceptions(exceptions).with_context(|| format!("reading {EXCEPTIONS}"))?;
    let findings = look(&files, &exceptions, &workspace.root);
    for note in &findings.notes {
        println!("note: {note}");
    }
    if !findings.problems.is_empty() {
        bail!("house rules broken:\n  - {}", findings.problems.join("\n  - "));
    }
    println!("{} files read", files.len());
    Ok(())
}

/// Files allowed to be longer, each with its own limit.
fn parse_exceptions(markdown: &str) -> anyhow::Result<BTreeMap<String, usize>> {
    let mut exceptions = BTreeMap::new();
    for row in table::rows(markdown, &["file", "lines at most", "reason"])? {
        let [file, limit, reason] = row.as_slice() else {
            continue;
        };
        let names = table::code_words(file);
        let [name] = names.as_slice() else { bail!("`{file}` should be one path in backticks") };
        if reason.is_empty() {
            bail!("`{name}` has no reason");
        }
        exceptions.insert(name.clone(), limit.parse().with_context(|| format!("limit of {name}"))?);
    }
    Ok(exceptions)
}

fn look(
    files: &BTreeMap<&str, String>,
    exceptions: &BTreeMap<String, usize>,
    root: &Path,
) -> Findings {
    let mut findings = Findings::default();
    for (name, text) in files {
        let kind = Path::new(name).extension().and_then(|end| end.to_str()).unwrap_or_default();
        if ["rs", "js", "css", "html", "py"].contains(&kind) {
            let (lines, limit) = (text.lines().count(), exceptions.get(*name).copied());
            if lines > limit.unwrap_or(LIMIT) {
                findings.problems.push(format!(
                    "{name} has {lines} lines, {} are the limit: split it by what it owns, or \
                     give the reason in {EXCEPTIONS}",
                    limit.unwrap_or(LIMIT)
                ));
            } else if lines > NOTE {
                findings.notes.push(format!("{name} has {lines} lines; what could leave?"));
            }
            if limit.is_some() && lines <= LIMIT {
                findings.problems.push(format!("{name} needs no entry in {EXCEPTIONS} any more"));
            }
        }
        for (number, line) in text.lines().enumerate() {
            let place = || format!("{name}:{}", number + 1);
            if kind == "rs" && UNFINISHED.iter().any(|word| line.contains(word)) {
                findings.problems.push(format!("{}: unfinished or switched off", place()));
            }
            if names_a_machine(line, root) {
                findings.problems.push(format!("{}: a path of one machine", place()));
            }
        }
    }
    for gone in exceptions.keys().filter(|name| !files.contains_key(name.as_str())) {
        findings.problems.push(format!("{EXCEPTIONS} names {gone}, which is not there"));
    }
    findings
}

/// Whether the line names somebody's home or the folder of this very clone.
fn names_a_machine(line: &str, root: &Path) -> bool {
    // Below the root of the file system (`/app`) a clone's name is too common to accuse.
    let clone = if root.components().count() > 2 { root.to_str() } else { None };
    let homes = HOMES.into_iter().any(|home| {
        absolute(line, home).any(|rest| {
            let name = rest.chars().take_while(|c| c.is_alphanumeric() || "._-".contains(*c));
            let length: usize = name.map(char::len_utf8).sum();
            length > 0 && rest.get(length..).is_some_and(|rest| rest.starts_with('/'))
        })
    });
    let clone = clone.is_some_and(|clone| {
        absolute(line, clone)
            .any(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-'))
    });
    homes || clone || absolute(line, ROOT_HOME).next().is_some()
}

/// What follows each place where `path` begins a path rather than continuing one.
fn absolute<'a>(line: &'a str, path: &'a str) -> impl Iterator<Item = &'a str> {
    line.match_indices(path).filter_map(move |(at, _)| {
        let before = line.get(..at)?.chars().next_back();
        let continues = before.is_some_and(|c| c.is_alphanumeric() || "._-}/".contains(c));
        if continues { None } else { line.get(at + path.len()..) }
    })
}

#[cfg(test)]
mod tests;
