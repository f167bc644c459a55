//! The register of clients.

use std::sync::Arc;

use serde_json::json;
use tsunagu_domain::TsunoId;
use tsunagu_identity::{Client, ClientStatus, JwkSet};

use super::world::{CALLBACK, World, consumer, key};

#[tokio::test]
async fn a_client_is_kept_as_registered_and_seen_by_the_policy() {
    let world = World::new().await;
    let all = world.clients.list(&world.tenant).await.unwrap();
    let ids: Vec<&str> = all.iter().map(|client| client.id.as_str()).collect();
    assert_eq!(ids, ["app", "juki", "other"]);
    let policy =
        world.clients.policy(&world.tenant, &"juki".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(policy.publishes, ["https://uri.etsi.org/ngsi-ld/default-context/ResidentRecord"]);
    let again =
        world.clients.policy(&world.tenant, &"juki".parse().unwrap()).await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&policy, &again));
    assert!(world.clients.get(&world.tenant, &"nobody".parse().unwrap()).await.unwrap().is_none());
}

#[tokio::test]
async fn two_clients_see_ids_that_have_nothing_in_common() {
    let world = World::new().await;
    let of = async |id: &str| {
        world.clients.policy(&world.tenant, &id.parse().unwrap()).await.unwrap().unwrap()
    };
    let (app, other) = (of("app").await, of("other").await);
    let id = TsunoId::from_bytes([1; 16]);
    let seen = |client: &tsunagu_policy::Client| client.sector.as_ref().unwrap().outward(id);
    assert_ne!(seen(&app), seen(&other));
    assert_ne!(seen(&app), id);
}

#[tokio::test]
async fn a_suspended_client_is_gone_for_the_policy_at_once() {
    let world = World::new().await;
    let mut client = consumer("app", CALLBACK, &world.app);
    client.status = ClientStatus::Suspended;
    assert!(world.clients.policy(&world.tenant, &client.id).await.unwrap().is_some());
    world.clients.put(&world.tenant, &client).await.unwrap();
    assert!(world.clients.policy(&world.tenant, &client.id).await.unwrap().is_none());
    assert!(!world.clients.get(&world.tenant, &client.id).await.unwrap().unwrap().is_active());
}

type Flaw = fn(&mut Client);

#[tokio::test]
async fn registrations_that_make_no_sense_are_refused() {
    let world = World::new().await;
    let good = consumer("new", CALLBACK, &key());
    let flaws: [(&str, Flaw); 10] = [
        ("plain http", |c| {
            c.redirect_uris = vec!["http://app.example/".to_owned()];
        }),
        ("fragment", |c| {
            c.redirect_uris = vec!["https://app.example/#a".to_owned()];
        }),
        ("user information", |c| {
            c.redirect_uris = vec!["https://a@app.example/".to_owned()];
        }),
        ("no url", |c| c.redirect_uris = vec!["/callback".to_owned()]),
        ("nowhere to go", |c| c.redirect_uris = vec![]),
        ("no keys", |c| c.jwks = None),
        ("two sources of keys", |c| {
            c.jwks_uri = Some("https://app.example/jwks".parse().unwrap());
        }),
        ("empty key set", |c| c.jwks = Some(JwkSet::default())),
        ("unknown purpose", |c| {
            c.purposes = vec!["marketing".to_owned()];
        }),
        ("unknown data class", |c| {
            c.data_classes = vec!["everything".to_owned()];
        }),
    ];
    for (name, flaw) in flaws {
        let mut client = good.clone();
        flaw(&mut client);
        assert!(world.clients.put(&world.tenant, &client).await.is_err(), "{name}");
    }
    world.clients.put(&world.tenant, &good).await.unwrap();
    let mut private = serde_json::to_value(&good).unwrap();
    private["jwks"]["keys"][0]["d"] = json!("AQ");
    let private: Client = serde_json::from_value(private).unwrap();
    assert!(world.clients.put(&world.tenant, &private).await.is_err());
    let mut unknown = serde_json::to_value(&good).unwrap();
    unknown["admin"] = json!(true);
    assert!(serde_json::from_value::<Client>(unknown).is_err());
}
