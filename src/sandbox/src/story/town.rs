//! The municipal side of the story.

use std::sync::Mutex;

use serde_json::Value;

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
            ensure(status.is_success(), || format!("the publisher was answered {status}"))?;
            // It is whole when it stops growing.
            let last = before.lock().ok().and_then(|mut last| last.replace(count));
            let settled = count.filter(|n| *n > 0 && last == Some(count));
            Ok(settled.map(|n| n.to_string()))
        }
    })
    .await?;
    let (status, _, _) = machine::read(&http, &world.gateway, "nobody", path).await?;
    ensure(status.as_u16() == 401, || format!("a stranger was answered {status}"))?;
    let refused = refused(world, &http).await?;
    Ok(format!("{seen} resident records; refused row by row: {refused}"))
}

/// What staff read about the rows that were refused: line, column and rule, never a value.
async fn refused(world: &World, http: &reqwest::Client) -> Told {
    let token = machine::token(http, &world.gateway, &world.staff, "staff").await?;
    let path = format!("/connectors/v1/{}/runs", world.municipal.client_id);
    eventually("the report of the import", || async {
        let (status, _, body) = machine::read(http, &world.gateway, &token, &path).await?;
        ensure(status.is_success(), || format!("staff were answered {status}"))?;
        let Some(rows) = find(&body, "refused").and_then(Value::as_array) else {
            return Ok(None);
        };
        ensure(rows.len() == crate::town::BAD_ROWS.len(), || {
            format!("{} rows were refused", rows.len())
        })?;
        let lines: Vec<String> =
            rows.iter().map(|row| format!("line {} {}", row["line"], row["rule"])).collect();
        Ok(Some(lines.join(", ")))
    })
    .await
}

/// The first member of this name, however deep.
fn find<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(members) => {
            members.get(name).or_else(|| members.values().find_map(|member| find(member, name)))
        }
        Value::Array(items) => items.iter().find_map(|item| find(item, name)),
        _ => None,
    }
}
