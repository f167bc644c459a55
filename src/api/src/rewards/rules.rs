//! The reward rules.

use actix_web::{HttpResponse, web};

use crate::{Failure, Gateway};

/// List the reward rules
///
/// What the town pays coins for, and what is left of each budget. Open to everybody: nothing in it is about a person.
#[utoipa::path(
    get,
    path = "/rewards/v1/rules",
    tag = "Coins",
    responses((status = 200, description = "Rules in force, with total, reserved, issued and remaining coins", body = serde_json::Value))
)]
pub(crate) async fn rules(gateway: web::Data<Gateway>) -> Result<HttpResponse, Failure> {
    let Some(tenant) = gateway.tenants.first() else {
        return Ok(HttpResponse::Ok().json([(); 0]));
    };
    Ok(HttpResponse::Ok().json(gateway.rewards.rules(tenant).await?))
}
