//! Sessions and the sweep.

use tsunagu_identity::{
    IDLE_SECONDS, SESSION_SECONDS, login_cookie_name, session_cookie_name, sweep,
};

use super::world::World;

#[tokio::test]
async fn a_session_lives_while_it_is_used_and_no_longer_than_eight_hours() {
    let world = World::new().await;
    let new = world.session().await;
    let find = async || world.sessions.find(&world.tenant, &new.cookie).await.unwrap();
    let mut lived = 0;
    while lived + IDLE_SECONDS - 1 < SESSION_SECONDS {
        world.pass(IDLE_SECONDS - 1);
        lived += IDLE_SECONDS - 1;
        assert!(find().await.is_some());
    }
    world.pass(SESSION_SECONDS - lived);
    assert!(find().await.is_none());
}

#[tokio::test]
async fn an_unused_session_ends() {
    let world = World::new().await;
    let new = world.session().await;
    world.pass(IDLE_SECONDS);
    assert!(world.sessions.find(&world.tenant, &new.cookie).await.unwrap().is_none());
}

#[tokio::test]
async fn logging_out_ends_the_session_and_another_town_never_knew_it() {
    let world = World::new().await;
    let new = world.session().await;
    assert!(new.session.csrf_matches(&new.session.csrf));
    assert!(!new.session.csrf_matches(""));
    let other = "other-town".parse().unwrap();
    assert!(world.sessions.find(&other, &new.cookie).await.unwrap().is_none());
    assert!(world.sessions.find(&world.tenant, "made-up").await.unwrap().is_none());
    world.sessions.end(&world.tenant, &new.cookie).await.unwrap();
    assert!(world.sessions.find(&world.tenant, &new.cookie).await.unwrap().is_none());
    world.sessions.end(&world.tenant, &new.cookie).await.unwrap();
}

#[tokio::test]
async fn the_sweep_deletes_what_is_over_and_nothing_else() {
    let world = World::new().await;
    let old = world.session().await;
    world.pass(SESSION_SECONDS);
    let new = world.session().await;
    assert_eq!(sweep(&world.services, &world.tenant).await.unwrap(), 1);
    assert_eq!(sweep(&world.services, &world.tenant).await.unwrap(), 0);
    assert!(world.sessions.find(&world.tenant, &old.cookie).await.unwrap().is_none());
    assert!(world.sessions.find(&world.tenant, &new.cookie).await.unwrap().is_some());
}

#[test]
fn cookies_are_bound_to_the_host_under_https() {
    for name in [session_cookie_name(true), login_cookie_name(true)] {
        assert!(name.starts_with("__Host-"));
    }
    assert_ne!(session_cookie_name(false), login_cookie_name(false));
}
