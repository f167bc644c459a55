//! Processes that are cut off between any two steps.

use std::sync::Arc;

use tsunagu_imports::{LoadState, Loader};

use crate::world::{Kept, World, acting, load_id, row, rows};

/// Two files: what is published after both, and the steps that it took.
async fn clean() -> (Kept, usize) {
    let world = World::with(settings());
    let steps = story(&world, usize::MAX).await.1;
    (world.register.kept.lock().unwrap().clone(), steps)
}

fn settings() -> serde_json::Value {
    serde_json::json!({ "ended": "delete" })
}

fn second() -> Vec<String> {
    let mut next = rows(2, 12);
    next[3] = row(5).replace("花子", "花枝");
    next[5] = row(7).replace("都農", "\u{E000}");
    next.push(row(2));
    next
}

/// Plays both files to the end, restarting after `cut` steps of the loader; gives the world and the steps.
async fn story(world: &World, cut: usize) -> (bool, usize) {
    let mut steps = 0;
    for (id, file) in [("juki-1", rows(1, 11)), ("juki-2", second())] {
        if world.imports.get(&acting("auditor"), &load_id(id)).await.is_err()
            && !world.folder.path().join(format!("{id}.csv")).exists()
        {
            world.drop_file(&format!("{id}.csv"), &file);
        }
        let mut loader = Loader::new(Arc::clone(&world.imports));
        loop {
            if steps == cut {
                return (false, steps);
            }
            let did = loader.step().await.unwrap();
            steps += 1;
            if did {
                continue;
            }
            let load = world.load(id).await;
            match load.state {
                LoadState::Waiting => {
                    let operator = acting("operator");
                    world.imports.propose(&operator, &load_id(id), "").await.unwrap();
                    world.approve(id).await;
                }
                LoadState::Published | LoadState::Superseded => break,
                other => panic!("{other:?}"),
            }
        }
    }
    (true, steps)
}

#[tokio::test]
async fn cut_off_after_any_step_it_ends_the_same() {
    let (end, steps) = clean().await;
    assert_eq!(end.len(), 11, "twelve, less the one that ended; the one in doubt is as it was");
    for cut in 1..steps {
        let world = World::with(settings());
        assert!(!story(&world, cut).await.0, "{cut}");
        let world = world.restarted();
        assert!(story(&world, usize::MAX).await.0);
        assert_eq!(*world.register.kept.lock().unwrap(), end, "{cut}");
        let load = world.load("juki-2").await;
        assert_eq!(
            (load.counts.rows, load.counts.refused, load.counts.to_decide),
            (12, 1, 1),
            "{cut}"
        );
        assert_eq!(load.steps.iter().filter(|step| step.act == "published").count(), 1);
    }
}

#[tokio::test]
async fn cut_off_within_a_batch_that_is_published_it_ends_the_same() {
    let (end, _) = clean().await;
    for writes in 0..14 {
        let world = World::with(settings());
        *world.register.up_for.lock().unwrap() = Some(writes);
        let mut loader = Loader::new(Arc::clone(&world.imports));
        world.drop_file("juki-1.csv", &rows(1, 11));
        while loader.step().await.unwrap() {}
        world.imports.propose(&acting("operator"), &load_id("juki-1"), "").await.unwrap();
        world.approve("juki-1").await;
        let mut down = false;
        loop {
            match loader.step().await {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => {
                    down = true;
                    break;
                }
            }
        }
        assert_eq!(down, writes < 11, "{writes}");
        *world.register.up_for.lock().unwrap() = None;
        let world = world.restarted();
        assert!(story(&world, usize::MAX).await.0);
        assert_eq!(*world.register.kept.lock().unwrap(), end, "{writes}");
    }
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_is_read_anew() {
    let world = World::new();
    world.drop_file("juki-1.csv", &rows(1, 9));
    let mut loader = Loader::new(Arc::clone(&world.imports));
    assert!(loader.step().await.unwrap() && loader.step().await.unwrap());
    world.drop_file("juki-1.csv", &rows(1, 20));
    drop(loader);
    let world = world.restarted();
    world.work().await;
    assert_eq!(world.load("juki-1").await.state, LoadState::Discarded);
    let load = world.load("juki-2").await;
    assert_eq!((load.state, load.counts.accepted), (LoadState::Waiting, 20));
}

#[tokio::test]
async fn two_processes_on_one_store_do_everything_once() {
    let world = World::new();
    world.drop_file("juki-1.csv", &rows(1, 20));
    let (mut one, mut other) =
        (Loader::new(Arc::clone(&world.imports)), Loader::new(Arc::clone(&world.imports)));
    for _ in 0..3 {
        while one.step().await.unwrap() | other.step().await.unwrap() {}
        if world.load("juki-1").await.state == LoadState::Waiting {
            world.imports.propose(&acting("operator"), &load_id("juki-1"), "").await.unwrap();
            world.approve("juki-1").await;
        }
    }
    let load = world.load("juki-1").await;
    assert_eq!((load.state, load.counts.rows, world.names().len()), (LoadState::Published, 20, 20));
}

/// Two gateways publish the same batch at the same moment: every record is as the file says, one of them goes on alone, and when that one is gone
/// the other follows.
#[tokio::test]
async fn two_processes_that_publish_at_once_end_as_one() {
    let world = World::with(settings());
    world.drop_file("juki-1.csv", &rows(1, 11));
    world.publish("juki-1").await;
    world.drop_file("juki-2.csv", &second());
    world.work().await;
    world.imports.propose(&acting("operator"), &load_id("juki-2"), "").await.unwrap();
    world.approve("juki-2").await;
    let (mut one, mut other) =
        (Loader::new(Arc::clone(&world.imports)), Loader::new(Arc::clone(&world.imports)));
    // Neither writes before both have read what is to be written.
    let meet = Arc::new(tokio::sync::Barrier::new(2));
    *world.register.meet.lock().unwrap() = vec![Arc::clone(&meet), meet];
    let (first, second) = tokio::join!(one.step(), other.step());
    let (first, second) = (first.unwrap(), second.unwrap());
    assert!(first != second, "one of them was too late");
    let (mut winner, mut late) = if first { (one, other) } else { (other, one) };
    let writes = *world.register.writes.lock().unwrap();
    assert!(!late.step().await.unwrap(), "it is left to the other");
    assert_eq!(*world.register.writes.lock().unwrap(), writes);
    assert!(winner.step().await.unwrap());
    assert!(!late.step().await.unwrap());
    drop(winner);
    world.clock.advance(chrono::TimeDelta::seconds(61));
    while late.step().await.unwrap() {}
    let load = world.load("juki-2").await;
    assert_eq!((load.state, load.failed), (LoadState::Published, 0));
    assert_eq!(load.steps.iter().filter(|step| step.act == "published").count(), 1);
    let end = clean().await.0;
    assert_eq!(*world.register.kept.lock().unwrap(), end);
}

#[test]
fn a_file_that_another_process_reads_is_left_to_it_until_that_stops() {
    one_reader().block_on(Box::pin(left_to_the_other()));
}

/// With one thread that reads files: kept busy, it lets loaders stand between seeing a load and working on it.
fn one_reader() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().max_blocking_threads(1).build().unwrap()
}

async fn left_to_the_other() {
    let world = World::new();
    world.drop_file("juki-1.csv", &rows(1, 12));
    let (mut one, mut other) =
        (Loader::new(Arc::clone(&world.imports)), Loader::new(Arc::clone(&world.imports)));
    // Both begin; only one of two commits of the same batch counts.
    assert!(one.step().await.unwrap());
    let (free, busy) = std::sync::mpsc::channel::<()>();
    let thread = tokio::task::spawn_blocking(move || busy.recv().unwrap());
    let both = async {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        free.send(()).unwrap();
    };
    let (first, second, ()) = tokio::join!(one.step(), other.step(), both);
    thread.await.unwrap();
    let (first, second) = (first.unwrap(), second.unwrap());
    assert!(first != second, "one of them was too late");
    let (mut winner, mut late) = if first { (one, other) } else { (other, one) };
    assert!(!late.step().await.unwrap(), "it is left to the other");
    assert!(winner.step().await.unwrap());
    assert!(!late.step().await.unwrap());
    drop(winner);
    world.clock.advance(chrono::TimeDelta::seconds(61));
    while late.step().await.unwrap() {}
    let load = world.load("juki-1").await;
    assert_eq!((load.state, load.counts.rows), (LoadState::Waiting, 12));
}

#[test]
fn a_load_that_is_approved_while_a_file_comes_is_published_first() {
    one_reader().block_on(async {
        let world = World::new();
        world.drop_file("juki-1.csv", &rows(1, 5));
        world.work().await;
        let operator = acting("operator");
        world.imports.propose(&operator, &load_id("juki-1"), "").await.unwrap();
        world.drop_file("juki-2.csv", &rows(1, 6));
        let (free, busy) = std::sync::mpsc::channel::<()>();
        let thread = tokio::task::spawn_blocking(move || busy.recv().unwrap());
        let mut loader = Loader::new(Arc::clone(&world.imports));
        let mut step = Box::pin(loader.step());
        for _ in 0..20 {
            tokio::select! {
                biased;
                _ = &mut step => panic!("the folder cannot be read yet"),
                () = tokio::task::yield_now() => {}
            }
        }
        world.approve("juki-1").await;
        free.send(()).unwrap();
        thread.await.unwrap();
        step.await.unwrap();
        assert_eq!(world.load("juki-1").await.state, LoadState::Publishing);
        world.work().await;
        assert_eq!(world.load("juki-1").await.state, LoadState::Published);
        assert_eq!(world.names().len(), 5);
        assert_eq!(world.load("juki-2").await.state, LoadState::Waiting, "and the file comes next");
    });
}
