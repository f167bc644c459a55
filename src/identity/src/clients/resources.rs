//! Clients that serve a resource of their own (RFC 8707).

use std::sync::Arc;

use tsunagu_domain::{ClientId, Problem, TenantId};
use tsunagu_store::{Expect, Op};

use super::{Client, ClientKind, Clients, Known, check_redirect_uri, wrong};
use crate::jose::sha256;
use crate::records::{self, RESOURCES};

/// What tokens for the platform itself may have.
const OWN_SCOPES: [&str; 5] = ["openid", "ngsi-ld", "offline_access", "staff", "audit"];

impl Client {
    pub(super) fn check_resource(&self) -> Result<(), Problem> {
        let is_server = self.kind == ClientKind::ResourceServer;
        match &self.resource {
            Some(resource) if is_server => check_redirect_uri(resource).map_err(|problem| {
                wrong("/resource", problem.detail.replace("redirect uri", "resource"))
            })?,
            Some(_) => return Err(wrong("/resource", "only a resource server has a resource")),
            None if is_server => {
                return Err(wrong("/resource", "a resource server needs its identifier"));
            }
            None => {}
        }
        let is_word = |scope: &String| {
            !scope.is_empty()
                && scope.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
        };
        let is_foreign = |scope: &String| is_word(scope) && !OWN_SCOPES.contains(&scope.as_str());
        if is_server && !self.scopes.iter().all(is_foreign) {
            let detail = "the scopes of a resource are words that mean nothing to this platform";
            return Err(wrong("/scopes", detail));
        }
        Ok(())
    }
}

impl Clients {
    /// The operation by which a resource becomes that of its server, unless it is already. No two servers have one.
    pub(super) async fn claim(
        &self,
        tenant: &TenantId,
        client: &Client,
    ) -> Result<Option<Op>, Problem> {
        let Some(resource) = &client.resource else { return Ok(None) };
        let (store, key) = (&*self.services.store, sha256(resource.as_bytes()));
        let kept = records::read::<ClientId>(store, tenant, RESOURCES, &key).await?;
        let expect = match kept {
            Some(kept) if kept.data == client.id => return Ok(None),
            Some(kept) if self.resource_server(tenant, resource).await?.is_some() => {
                let detail = format!("this resource is that of the client '{}'", kept.data);
                return Err(wrong("/resource", detail));
            }
            Some(kept) => Expect::Version(kept.version),
            None => Expect::Absent,
        };
        Ok(Some(records::put(RESOURCES, &key, None, &client.id, expect)?))
    }

    /// The server of a resource, suspended or not.
    pub(crate) async fn resource_server(
        &self,
        tenant: &TenantId,
        resource: &str,
    ) -> Result<Option<Arc<Known>>, Problem> {
        let (store, key) = (&*self.services.store, sha256(resource.as_bytes()));
        let Some(kept) = records::read::<ClientId>(store, tenant, RESOURCES, &key).await? else {
            return Ok(None);
        };
        let known = self.known(tenant, &kept.data).await?;
        // Whose resource is another by now has given this one up.
        Ok(known.filter(|known| known.client.resource.as_deref() == Some(resource)))
    }
}
