use super::*;

fn look_at(name: &str, text: &str) -> Findings {
    let files = BTreeMap::from([(name, text.to_owned())]);
    look(&files, &BTreeMap::new(), Path::new("/srv/clone"))
}

#[test]
fn length_is_noted_above_500_and_refused_above_800_lines() {
    assert_eq!(look_at("a.rs", &"\n".repeat(500)), Findings::default());
    let long = look_at("a.rs", &"\n".repeat(800));
    assert_eq!((long.problems.len(), long.notes.len()), (0, 1));
    let too_long = look_at("a.css", &"\n".repeat(801));
    assert!(too_long.problems.concat().contains("a.css has 801 lines"), "{too_long:?}");
    assert_eq!(look_at("a.json", &"\n".repeat(9000)), Findings::default());
}

#[test]
fn an_exception_has_its_own_limit_and_a_reason_and_does_not_outlive_its_need() {
    let table = "| file | lines at most | reason |\n|-|-|-|\n| `a.rs` | 900 | a table |\n";
    let exceptions = parse_exceptions(table).unwrap();
    let problems = |lines: usize| {
        let files = BTreeMap::from([("a.rs", "\n".repeat(lines))]);
        look(&files, &exceptions, Path::new("/srv/clone")).problems
    };
    assert!(problems(900).is_empty());
    assert!(problems(901).concat().contains("900 are the limit"));
    assert!(problems(800).concat().contains("needs no entry"));
    let gone = look(&BTreeMap::new(), &exceptions, Path::new("/srv/clone")).problems;
    assert!(gone.concat().contains("which is not there"));
    assert!(parse_exceptions(&table.replace("a table", "")).is_err());
}

#[test]
fn unfinished_and_switched_off_code_is_refused_in_rust_only() {
    for word in UNFINISHED {
        let line = format!("fn f() {{}}\n    {word}\n");
        assert_eq!(look_at("a.rs", &line).problems, ["a.rs:2: unfinished or switched off"]);
        assert!(look_at("a.md", &line).problems.is_empty());
    }
}

#[test]
fn a_path_of_one_machine_is_refused_everywhere() {
    let [home, users] = HOMES;
    for bad in [
        format!("include {home}hanako/x"),
        format!("\"{users}taro.y/x\""),
        format!("cd {ROOT_HOME}x"),
        "see (/srv/clone/src)".to_owned(),
        "/srv/clone".to_owned(),
    ] {
        assert_eq!(look_at("a.md", &bad).problems, ["a.md:1: a path of one machine"], "{bad}");
    }
    for good in [
        format!("href=\"{home}\""),
        format!("docs{home}a/b"),
        "/srv/clones/x".to_owned(),
        "https://a.example/srv/clone/x".to_owned(),
    ] {
        assert!(look_at("a.md", &good).problems.is_empty(), "{good}");
    }
}

#[test]
fn a_clone_directly_below_the_root_accuses_nobody() {
    assert!(!names_a_machine("COPY . /app/src", Path::new("/app")));
}
