//! The municipal side of the story.

use std::sync::Mutex;

use super::{Told, World, ensure, eventually, machine};

/// The register that the municipal system dropped is in the gateway, and readable to its publisher alone.
pub(super) async fn records(world: &World) -> Told {
    let http = super::resident::plain_client();
    let token = machine::token(&http, &world.gateway, &world.municipal, "ngsi-ld").await?;
    let path = "/ngsi-ld/v1/entities?type=ResidentRecord&limit=0&count=true";
    let before = Mutex::new(None);
    let seen = eventually("publishing the register", || {
        async {
            let (status, count, _) = machine::read(&http, &world.gateway, &token, path).await?;
            ensure(status.is_success(), || {
                format!("the publisher was answered {status}")
            })?;
            // It is whole when it stops growing.
            let last = before.lock().ok().and_then(|mut last| last.replace(count));
            let settled = count.filter(|n| *n > 0 && last == Some(count));
            Ok(settled.map(|n| n.to_string()))
        }
    })
    .await?;
    let (status, _, _) = machine::read(&http, &world.gateway, "nobody", path).await?;
    ensure(status.as_u16() == 401, || {
        format!("a stranger was answered {status}")
    })?;
    Ok(format!(
        "{seen} resident records, bad rows refused one by one"
    ))
}
