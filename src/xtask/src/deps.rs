//! The map of the rooms in `src/README.md`, held against what cargo really links.
//!
//! Owns: reading the two tables and naming every way in which code and map disagree. The tables
//! themselves are for people to decide; nothing here writes them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail};

use crate::cargo::Workspace;
use crate::table;

const MAP: &str = "src/README.md";
const PREFIX: &str = "tsunagu-";

/// Dependencies heavy or dangerous enough to have named owners.
const HEAVY: [&str; 14] = [
    "actix-web",
    "cedar-policy",
    "cel",
    "fjall",
    "icu_collator",
    "jsonschema",
    "jsonwebtoken",
    "mimalloc",
    "minijinja",
    "mqtt-protocol-core",
    "redis",
    "reqwest",
    "tokio-postgres",
    "utoipa",
];

/// What a crate links, by name: members of the workspace without the prefix.
#[derive(Debug, Default, PartialEq, Eq)]
struct Links {
    rooms: BTreeSet<String>,
    heavy: BTreeSet<String>,
}

type Graph = BTreeMap<String, Links>;

/// What a row of the map allows.
#[derive(Debug, PartialEq, Eq)]
enum Allowed {
    Everything,
    Only(Vec<String>),
}

impl Allowed {
    fn parse(cell: &str) -> anyhow::Result<Self> {
        let names = table::code_words(cell);
        match cell {
            "everything" => Ok(Self::Everything),
            "nothing" => Ok(Self::Only(Vec::new())),
            _ if names.is_empty() => {
                bail!("`{cell}` is neither `nothing`, `everything` nor a list")
            }
            _ => Ok(Self::Only(names)),
        }
    }

    fn allows(&self, name: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Only(names) => names.iter().any(|allowed| allowed == name),
        }
    }
}

/// The two tables.
struct Map {
    /// In the order of the table: what a room may link stands above it.
    rooms: Vec<(String, Allowed)>,
    heavy: BTreeMap<String, Vec<String>>,
}

impl Map {
    fn parse(markdown: &str) -> anyhow::Result<Self> {
        let mut rooms = Vec::new();
        for row in table::rows(markdown, &["crate", "owns", "may depend on"])? {
            let [name, _owns, allowed] = row.as_slice() else {
                continue;
            };
            let name = single(name)?;
            if rooms.iter().any(|(other, _)| *other == name) {
                bail!("`{name}` has two rows");
            }
            let allowed = Allowed::parse(allowed).with_context(|| format!("the row `{name}`"))?;
            rooms.push((name, allowed));
        }
        let mut heavy = BTreeMap::new();
        for row in table::rows(markdown, &["heavy dependency", "owners"])? {
            let [name, owners] = row.as_slice() else {
                continue;
            };
            heavy.insert(single(name)?, table::code_words(owners));
        }
        Ok(Self { rooms, heavy })
    }
}

fn single(cell: &str) -> anyhow::Result<String> {
    match table::code_words(cell).as_slice() {
        [name] => Ok(name.clone()),
        _ => bail!("`{cell}` should be one name between backticks"),
    }
}

/// Fails when code and map disagree, with one line for each way to mend it.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let markdown = std::fs::read_to_string(workspace.root.join(MAP))
        .with_context(|| format!("reading {MAP}"))?;
    let map = Map::parse(&markdown).with_context(|| format!("reading the tables of {MAP}"))?;
    let graph = graph(workspace);
    let problems = problems(&graph, &map);
    if !problems.is_empty() {
        bail!("the rooms and {MAP} disagree:\n  - {}", problems.join("\n  - "));
    }
    let edges: usize = graph.values().map(|links| links.rooms.len()).sum();
    println!("{} crates, {edges} edges between them, all on the map", graph.len());
    Ok(())
}

/// Normal and build dependencies; tests may reach further.
fn graph(workspace: &Workspace) -> Graph {
    let short = |name: &str| name.strip_prefix(PREFIX).map(ToOwned::to_owned);
    let members: BTreeSet<_> = workspace.packages.iter().map(|p| p.name.as_str()).collect();
    let mut graph = Graph::new();
    for package in &workspace.packages {
        let name = short(&package.name).unwrap_or_else(|| package.name.clone());
        let links = graph.entry(name).or_default();
        for dependency in &package.dependencies {
            if dependency.kind.as_deref() == Some("dev") {
                continue;
            }
            let linked = dependency.name.as_str();
            if members.contains(linked) {
                links.rooms.insert(short(linked).unwrap_or_else(|| linked.to_owned()));
            } else if HEAVY.contains(&linked) {
                links.heavy.insert(linked.to_owned());
            }
        }
    }
    graph
}

/// Every disagreement, each with how to mend it; empty when there is none.
fn problems(graph: &Graph, map: &Map) -> Vec<String> {
    let mut problems = Vec::new();
    let place = |name: &str| map.rooms.iter().position(|(room, _)| room == name);
    for (name, links) in graph {
        let Some((_, allowed)) = map.rooms.iter().find(|(room, _)| room == name) else {
            problems.push(format!("`{name}` is not on the map: add a row saying what it owns"));
            continue;
        };
        for linked in links.rooms.iter().filter(|linked| !allowed.allows(linked)) {
            problems.push(format!(
                "`{name}` depends on `{linked}`, which its row does not allow: drop the \
                 dependency, or add `{linked}` to the row if the direction is right"
            ));
        }
    }
    for (name, allowed) in &map.rooms {
        if !graph.contains_key(name) {
            problems.push(format!("`{name}` is on the map but not a crate: remove its row"));
        }
        let Allowed::Only(names) = allowed else {
            continue;
        };
        for linked in names {
            if !graph.contains_key(linked) {
                problems.push(format!(
                    "the row `{name}` allows `{linked}`, which is not a crate: remove it"
                ));
            } else if place(linked) >= place(name) {
                problems.push(format!(
                    "the row `{name}` allows `{linked}`, which does not stand above it: rooms \
                     depend on rows above their own only, so turn the dependency round"
                ));
            }
        }
    }
    for heavy in HEAVY {
        let Some(owners) = map.heavy.get(heavy) else {
            problems.push(format!("`{heavy}` has no row of owners: add one, with `nobody` if so"));
            continue;
        };
        for (name, _) in graph.iter().filter(|(_, links)| links.heavy.contains(heavy)) {
            if !owners.contains(name) {
                problems.push(format!(
                    "`{name}` depends on `{heavy}` and is not one of its owners: go through an \
                     owner, or add `{name}` to the row `{heavy}` with the reason in docs/adr/"
                ));
            }
        }
        for owner in owners.iter().filter(|owner| !graph.contains_key(*owner)) {
            problems
                .push(format!("`{heavy}` is owned by `{owner}`, which is not a crate: remove it"));
        }
    }
    for name in map.heavy.keys().filter(|name| !HEAVY.contains(&name.as_str())) {
        problems
            .push(format!("`{name}` has owners but is not watched: add it to HEAVY in deps.rs"));
    }
    problems
}

#[cfg(test)]
mod tests;
