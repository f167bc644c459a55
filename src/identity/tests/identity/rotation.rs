//! Changing the key under which a sector sees residents.

use std::sync::Arc;

use serde_json::json;
use tsunagu_domain::{ClientId, Clock as _, ProblemCode, SectorKeys, TsunoId};
use tsunagu_identity::{Clients, SectorState, Sectors, sweep};

use super::world::{World, claims, loopback};

const SUBJECT: TsunoId = TsunoId::from_bytes([5; 16]);
const SECTOR: &str = "app.example";
const DAY: i64 = 86_400;

/// Another process with the same secret, such as the command line.
fn elsewhere(world: &World) -> Clients {
    Clients::new(world.services.clone(), Arc::new(SectorKeys::new(&[9; 32])), loopback())
}

fn sectors(world: &World) -> Sectors {
    Sectors::new(world.services.clone(), Arc::new(SectorKeys::new(&[9; 32])))
}

async fn name(world: &World, clients: &Clients, client: &str) -> TsunoId {
    let id: ClientId = client.parse().unwrap();
    let client = clients.policy(&world.tenant, &id).await.unwrap().unwrap();
    client.sector.as_ref().unwrap().outward(SUBJECT)
}

async fn rotate(world: &World, days: i64) -> SectorState {
    let state = sectors(world).rotate(&world.tenant, SECTOR, days * DAY).await.unwrap();
    world.pass(1);
    state
}

#[tokio::test]
async fn t33_a_changed_key_gives_new_names_to_its_sector_and_to_no_other() {
    let world = World::new().await;
    let other = name(&world, &world.clients, "other").await;
    let mut seen = vec![other, name(&world, &world.clients, "app").await];
    for generation in 1..6 {
        let state = rotate(&world, 1).await;
        assert_eq!((state.generation, state.sector.as_str()), (generation, SECTOR));
        // Every process follows within a second.
        let (here, there) = (&*world.clients, &elsewhere(&world));
        let new = name(&world, here, "app").await;
        assert_eq!(new, name(&world, there, "app").await);
        assert_eq!(name(&world, here, "other").await, other);
        assert!(!seen.contains(&new), "a name came again");
        seen.push(new);
        world.pass(DAY);
    }
    // Not even the bits have anything in common that could be compared.
    let bits: std::collections::HashSet<_> = seen.iter().map(TsunoId::as_bytes).collect();
    assert_eq!(bits.len(), seen.len());
}

#[tokio::test]
async fn tokens_and_user_information_tell_the_new_name_and_old_tokens_serve_on() {
    let world = World::new().await;
    let before = world.tokens().await;
    let old = claims(&before.access_token)["sub"].clone();
    rotate(&world, 30).await;
    let after = world.tokens().await;
    let new = claims(after.id_token.as_deref().unwrap())["sub"].clone();
    assert_ne!(old, new);
    assert_eq!(claims(&after.access_token)["sub"], new);
    for token in [&before.access_token, &after.access_token] {
        let verified = world.server.verify_access_token(token).await.unwrap();
        assert_eq!(verified.subject, Some(SUBJECT));
        assert_eq!(world.server.userinfo(&verified).await.unwrap(), json!({"sub": new}));
        let told = world.server.introspect(&world.form("app", &[("token", token)])).await.unwrap();
        assert_eq!((&told["active"], &told["sub"]), (&json!(true), &new));
    }
    // A process that never saw the token understands its old name too.
    let fresh = super::tokens::restarted(&world, super::world::ISSUER).await;
    let verified = fresh.verify_access_token(&before.access_token).await.unwrap();
    assert_eq!(verified.subject, Some(SUBJECT));
}

#[tokio::test]
async fn earlier_names_are_understood_for_the_overlap_and_then_the_key_is_gone() {
    let world = World::new().await;
    let app: ClientId = "app".parse().unwrap();
    let old = name(&world, &world.clients, "app").await;
    assert_eq!(world.server.names(&app, SUBJECT).await.unwrap(), None);
    let state = rotate(&world, 30).await;
    let new = name(&world, &world.clients, "app").await;
    assert_eq!(world.server.names(&app, SUBJECT).await.unwrap(), Some((old, new)));
    let inward = async |name: TsunoId| {
        let client = world.clients.policy(&world.tenant, &app).await.unwrap().unwrap();
        client.sector.as_ref().unwrap().inward(name)
    };
    assert_eq!((inward(old).await, inward(new).await), (SUBJECT, SUBJECT));
    // A third key would end the first before its time.
    let again = sectors(&world).rotate(&world.tenant, SECTOR, DAY).await.unwrap_err();
    assert_eq!(again.code, ProblemCode::Conflict);
    assert_eq!(sweep(&world.services, &world.tenant).await.unwrap(), 0);
    world.pass(30 * DAY - 2);
    assert_eq!(inward(old).await, SUBJECT);
    world.pass(2);
    assert_eq!(world.clock.micros(), state.earlier_until.unwrap() + 1_000_000);
    assert_ne!(inward(old).await, SUBJECT);
    assert_eq!(inward(new).await, SUBJECT);
    assert_eq!(world.server.names(&app, SUBJECT).await.unwrap(), None);
    let listed = sectors(&world).list(&world.tenant).await.unwrap();
    assert_eq!((listed.len(), listed[0].earlier_until), (1, None));
    assert_eq!(sweep(&world.services, &world.tenant).await.unwrap(), 1);
    assert_eq!(sweep(&world.services, &world.tenant).await.unwrap(), 0);
    assert_eq!(inward(new).await, SUBJECT);
}

#[tokio::test]
async fn an_overlap_can_be_ended_at_once_or_left_out() {
    let world = World::new().await;
    let app: ClientId = "app".parse().unwrap();
    let knows = async |name: TsunoId| {
        let client = world.clients.policy(&world.tenant, &app).await.unwrap().unwrap();
        client.sector.as_ref().unwrap().inward(name) == SUBJECT
    };
    let first = name(&world, &world.clients, "app").await;
    rotate(&world, 30).await;
    let second = name(&world, &world.clients, "app").await;
    assert!(knows(first).await && knows(second).await);
    sectors(&world).end_overlap(&world.tenant, SECTOR).await.unwrap();
    world.pass(1);
    assert!(!knows(first).await && knows(second).await);
    assert_eq!(rotate(&world, 0).await.earlier_until, None);
    let third = name(&world, &world.clients, "app").await;
    assert!(!knows(second).await && knows(third).await);
}

#[tokio::test]
async fn only_a_sector_that_a_client_has_can_be_changed() {
    let world = World::new().await;
    for sector in ["app", "nobody.example", "", "coin-issuer"] {
        let refused = sectors(&world).rotate(&world.tenant, sector, DAY).await.unwrap_err();
        assert_eq!(refused.code, ProblemCode::BadRequestData, "{sector}");
    }
    let never = sectors(&world).end_overlap(&world.tenant, SECTOR).await.unwrap_err();
    assert_eq!(never.code, ProblemCode::BadRequestData);
    assert!(sectors(&world).list(&world.tenant).await.unwrap().is_empty());
}
