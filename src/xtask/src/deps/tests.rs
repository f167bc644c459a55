use super::*;

/// A map of three rooms in which only `outbound` may use reqwest.
fn map(rooms: &str) -> Map {
    let heavy = HEAVY.map(|name| {
        let owners = if name == "reqwest" { "`outbound`" } else { "nobody" };
        format!("| `{name}` | {owners} |")
    });
    let heavy = heavy.join("\n");
    Map::parse(&format!(
        "| crate | owns | may depend on |\n|-|-|-|\n{rooms}\n\n| heavy dependency | owners |\n|-|-|\n{heavy}"
    ))
    .unwrap()
}

const ROOMS: &str = "| `domain` | ids | nothing |
| `outbound` | calls | `domain` |
| `server` | wiring | everything |";

fn graph_of(crates: &[(&str, &[&str], &[&str])]) -> Graph {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    crates
        .iter()
        .map(|(name, rooms, heavy)| {
            ((*name).to_owned(), Links { rooms: set(rooms), heavy: set(heavy) })
        })
        .collect()
}

const RIGHT: &[(&str, &[&str], &[&str])] = &[
    ("domain", &[], &[]),
    ("outbound", &["domain"], &["reqwest"]),
    ("server", &["domain", "outbound"], &[]),
];

fn only_problem(graph: &Graph, map: &Map) -> String {
    let problems = problems(graph, map);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.into_iter().next().unwrap()
}

#[test]
fn a_graph_on_the_map_has_no_problem() {
    assert_eq!(problems(&graph_of(RIGHT), &map(ROOMS)), [""; 0]);
}

#[test]
fn a_new_edge_is_refused() {
    let mut graph = graph_of(RIGHT);
    graph.get_mut("domain").unwrap().rooms.insert("outbound".to_owned());
    let problem = only_problem(&graph, &map(ROOMS));
    assert!(problem.contains("`domain` depends on `outbound`"), "{problem}");
}

#[test]
fn a_heavy_dependency_outside_its_owners_is_refused() {
    let mut graph = graph_of(RIGHT);
    graph.get_mut("server").unwrap().heavy.insert("reqwest".to_owned());
    let problem = only_problem(&graph, &map(ROOMS));
    assert!(problem.contains("`server` depends on `reqwest`"), "{problem}");
}

#[test]
fn the_map_names_only_crates_that_exist() {
    let gone = format!("{ROOMS}\n| `ghost` | - | nothing |");
    let problem = only_problem(&graph_of(RIGHT), &map(&gone));
    assert!(problem.contains("`ghost` is on the map but not a crate"), "{problem}");

    let allowed = ROOMS.replace("| `domain` |\n", "| `domain`, `ghost` |\n");
    let problem = only_problem(&graph_of(RIGHT), &map(&allowed));
    assert!(problem.contains("allows `ghost`"), "{problem}");
}

#[test]
fn a_crate_without_a_row_is_refused() {
    let mut graph = graph_of(RIGHT);
    graph.insert("newcomer".to_owned(), Links::default());
    let problem = only_problem(&graph, &map(ROOMS));
    assert!(problem.contains("`newcomer` is not on the map"), "{problem}");
}

#[test]
fn the_map_itself_may_not_point_downwards() {
    let upside_down = ROOMS.replace("| ids | nothing |", "| ids | `outbound` |");
    let problem = only_problem(&graph_of(RIGHT), &map(&upside_down));
    assert!(problem.contains("does not stand above it"), "{problem}");
}

#[test]
fn every_watched_dependency_has_a_row_and_existing_owners() {
    let mut owners = map(ROOMS);
    owners.heavy.remove("redis");
    let problem = only_problem(&graph_of(RIGHT), &owners);
    assert!(problem.contains("`redis` has no row"), "{problem}");

    let mut owners = map(ROOMS);
    owners.heavy.insert("redis".to_owned(), vec!["ghost".to_owned()]);
    let problem = only_problem(&graph_of(RIGHT), &owners);
    assert!(problem.contains("owned by `ghost`"), "{problem}");
}

#[test]
fn a_cell_that_says_nothing_clear_is_an_error() {
    assert!(Allowed::parse("whatever fits").is_err());
    assert!(Allowed::parse("").is_err());
    assert_eq!(Allowed::parse("nothing").unwrap(), Allowed::Only(Vec::new()));
}

#[test]
fn only_normal_and_build_dependencies_are_edges() {
    let metadata = r#"{
        "workspace_root": "/w", "target_directory": "/w/target",
        "packages": [
            { "name": "tsunagu-a", "manifest_path": "/w/src/a/Cargo.toml", "dependencies": [
                { "name": "tsunagu-b", "kind": null },
                { "name": "tsunagu-c", "kind": "dev" },
                { "name": "reqwest", "kind": "build" },
                { "name": "redis", "kind": "dev" },
                { "name": "serde", "kind": null } ] },
            { "name": "tsunagu-b", "manifest_path": "/w/src/b/Cargo.toml", "dependencies": [] },
            { "name": "tsunagu-c", "manifest_path": "/w/src/c/Cargo.toml", "dependencies": [] }
        ]
    }"#;
    let workspace: Workspace = serde_json::from_str(metadata).unwrap();
    let expected = graph_of(&[("a", &["b"], &["reqwest"]), ("b", &[], &[]), ("c", &[], &[])]);
    assert_eq!(graph(&workspace), expected);
}
