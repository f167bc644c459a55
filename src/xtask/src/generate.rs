//! Generated files: each is what one sub-command of the gateway prints.
//!
//! They are committed so that readers and reviewers see them, and checked so that they cannot lie.

use std::process::Command;

use anyhow::{Context, bail};

use crate::cargo::Workspace;

/// Path from the root of the workspace, and the arguments of `tsunagu` that print the file.
struct Generated {
    path: &'static str,
    args: &'static [&'static str],
}

const GENERATED: &[Generated] = &[Generated { path: "docs/openapi.json", args: &["openapi"] }];

/// Writes every generated file, or with `check` says which are stale. The debug build of
/// `tsunagu` must be up to date.
pub(crate) fn run(workspace: &Workspace, check: bool) -> anyhow::Result<()> {
    let binary = workspace.target_directory.join("debug/tsunagu");
    let mut stale = Vec::new();
    for Generated { path, args } in GENERATED {
        let said = args.join(" ");
        let output = Command::new(&binary)
            .args(*args)
            .current_dir(&workspace.root)
            .output()
            .with_context(|| format!("starting {} {said}", binary.display()))?;
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr);
            bail!("`tsunagu {said}` ended with {}: {}", output.status, reason.trim());
        }
        if output.stdout.is_empty() {
            bail!("`tsunagu {said}` printed nothing, so there is no {path}");
        }
        let file = workspace.root.join(path);
        let present = match std::fs::read(&file) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("reading {path}")),
        };
        match difference(present.as_deref(), &output.stdout) {
            None => println!("{path}: up to date"),
            Some(difference) if check => stale.push(format!("{path} {difference}")),
            Some(_) => {
                if let Some(folder) = file.parent() {
                    std::fs::create_dir_all(folder).with_context(|| format!("making {path}"))?;
                }
                std::fs::write(&file, &output.stdout).with_context(|| format!("writing {path}"))?;
                println!("{path}: written");
            }
        }
    }
    if !stale.is_empty() {
        bail!("{}; mend with: cargo xtask gen", stale.join("; "));
    }
    Ok(())
}

/// How the file differs from what would be written; `None` when it does not.
fn difference(present: Option<&[u8]>, wanted: &[u8]) -> Option<String> {
    let Some(present) = present else {
        return Some("is missing".to_owned());
    };
    if present == wanted {
        return None;
    }
    let lines = |bytes: &[u8]| -> Vec<Vec<u8>> {
        bytes.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect()
    };
    let (old, new) = (lines(present), lines(wanted));
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    Some(format!("is stale from line {}", same + 1))
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn a_file_is_current_stale_or_missing() {
        assert_eq!(difference(Some(b"a\nb\n"), b"a\nb\n"), None);
        assert_eq!(difference(Some(b"a\nb\n"), b"a\nc\n").unwrap(), "is stale from line 2");
        assert_eq!(difference(Some(b"a\n"), b"a\nb\n").unwrap(), "is stale from line 2");
        assert_eq!(difference(None, b"a").unwrap(), "is missing");
    }
}
