//! Which crates a change touches, for the quick run.

use std::collections::BTreeSet;
use std::path::Path;

use crate::cargo::{Package, Workspace};

/// What cargo is asked to look at.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All members.
    Workspace,
    /// The named members.
    Packages(BTreeSet<String>),
}

impl Scope {
    /// As arguments of cargo.
    pub(crate) fn arguments(&self) -> Vec<String> {
        match self {
            Self::Workspace => vec!["--workspace".to_owned()],
            Self::Packages(names) => {
                names.iter().flat_map(|name| ["--package".to_owned(), name.clone()]).collect()
            }
        }
    }
}

/// The crates with a file that differs from where this branch left `origin/main` (from the last
/// commit when there is no such branch), committed or not. A change of what all crates share
/// means all of them. Crates that only depend on a changed one are not looked at.
pub(crate) fn scope(workspace: &Workspace) -> anyhow::Result<Scope> {
    let branched = workspace.git(["merge-base", "HEAD", "origin/main"]).output();
    let base = branched.as_deref().map_or("HEAD", str::trim);
    let mut files = workspace.git(["diff", "--name-only", base]).output()?;
    files.push_str(&workspace.git(["ls-files", "--others", "--exclude-standard"]).output()?);
    Ok(touched(&workspace.packages, &workspace.root, files.lines()))
}

fn touched<'a>(packages: &[Package], root: &Path, files: impl Iterator<Item = &'a str>) -> Scope {
    let shared = ["Cargo.toml", "Cargo.lock", "clippy.toml", "rustfmt.toml"];
    let mut names = BTreeSet::new();
    for file in files {
        if shared.contains(&file) || file.starts_with(".cargo/") {
            return Scope::Workspace;
        }
        let path = root.join(file);
        let owner = packages
            .iter()
            .find(|p| p.manifest_path.parent().is_some_and(|folder| path.starts_with(folder)));
        names.extend(owner.map(|package| package.name.clone()));
    }
    Scope::Packages(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touched_by(files: &[&str]) -> Vec<String> {
        let package = |name: &str, folder: &str| Package {
            name: name.to_owned(),
            manifest_path: Path::new("/w").join(folder).join("Cargo.toml"),
            dependencies: Vec::new(),
        };
        let packages = [package("a", "src/store"), package("b", "src/store-x")];
        touched(&packages, Path::new("/w"), files.iter().copied()).arguments()
    }

    #[test]
    fn a_file_belongs_to_the_crate_whose_folder_holds_it() {
        assert_eq!(touched_by(&["src/store-x/src/lib.rs", "docs/a.md"]), ["--package", "b"]);
        assert!(touched_by(&["src/README.md"]).is_empty());
    }

    #[test]
    fn what_all_crates_share_touches_all_of_them() {
        assert_eq!(touched_by(&["src/store/src/lib.rs", "Cargo.lock"]), ["--workspace"]);
        assert_eq!(touched_by(&[".cargo/config.toml"]), ["--workspace"]);
    }
}
