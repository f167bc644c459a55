//! How this room writes its records: JSON `{"v":1,"until":…,"data":{…}}`.

use serde::de::IgnoredAny;
use tsunagu_domain::{Problem, TenantId};
pub(crate) use tsunagu_store::records::{Kept, all, delete, put, read, scan, try_commit};
use tsunagu_store::{Collection, Expect, Op, Scan, WriteSet};

use crate::Services;

pub(crate) const CLIENTS: Collection = Collection("client");
pub(crate) const SECTOR_KEYS: Collection = Collection("sector-key");
/// Which client is the server of a resource, by the digest of its identifier.
pub(crate) const RESOURCES: Collection = Collection("resource-server");
pub(crate) const SIGNING_KEYS: Collection = Collection("signing-key");
pub(crate) const LOGINS: Collection = Collection("login");
pub(crate) const IDENTITIES: Collection = Collection("identity");
pub(crate) const RESIDENTS: Collection = Collection("resident");
pub(crate) const MATCH_KEYS: Collection = Collection("match-key");
pub(crate) const PERSON_KEYS: Collection = Collection("person-key");
pub(crate) const IDENTITY_REVIEWS: Collection = Collection("identity-review");
pub(crate) const CLOSED: Collection = Collection("closed-resident");
pub(crate) const SUSPENSIONS: Collection = Collection("resident-suspension");
pub(crate) const LINK_REVIEWS: Collection = Collection("link-review");
pub(crate) const SESSIONS: Collection = Collection("session");
pub(crate) const AUTHORIZATION_REQUESTS: Collection = Collection("authorization-request");
pub(crate) const CODES: Collection = Collection("authorization-code");
pub(crate) const ASSERTIONS: Collection = Collection("client-assertion");
pub(crate) const REVOKED: Collection = Collection("revoked-token");
pub(crate) const PROOFS: Collection = Collection("dpop-proof");
pub(crate) const REFRESH: Collection = Collection("refresh-token");
pub(crate) const LOGOUTS: Collection = Collection("logout-request");

/// Collections whose records may be deleted once their time is over.
const PERISHABLE: [Collection; 10] = [
    LOGINS,
    SESSIONS,
    AUTHORIZATION_REQUESTS,
    CODES,
    ASSERTIONS,
    REVOKED,
    PROOFS,
    REFRESH,
    LOGOUTS,
    IDENTITY_REVIEWS,
];

/// Deletes records and keys of sectors whose time is over, and says how many. They count for nothing already: this only frees their space.
pub async fn sweep(services: &Services, tenant: &TenantId) -> Result<u64, Problem> {
    let now = services.clock.micros();
    let mut swept = 0;
    for collection in PERISHABLE {
        let mut page = Scan { limit: 500, ..Scan::default() };
        loop {
            let found = scan::<IgnoredAny>(&*services.store, tenant, collection, &page).await?;
            let Some((last, _)) = found.last() else { break };
            page.after = Some(last.clone());
            let over = found.iter().filter(|(_, kept)| !kept.live(now));
            let gone =
                over.map(|(key, kept)| delete(collection, key, Expect::Version(kept.version)));
            let gone: Vec<Op> = gone.collect();
            swept += delete_all(services, tenant, gone).await?;
        }
    }
    swept += crate::sectors::forget_earlier(services, tenant).await?;
    Ok(swept)
}

/// Deletes in one commit; where one of the records was changed meanwhile, one by one.
async fn delete_all(services: &Services, tenant: &TenantId, ops: Vec<Op>) -> Result<u64, Problem> {
    let store = &*services.store;
    let count = ops.len() as u64;
    let all = WriteSet { tenant: tenant.clone(), ops: ops.clone() };
    if ops.is_empty() || try_commit(store, all).await? {
        return Ok(count);
    }
    let mut deleted = 0;
    for op in ops {
        let set = WriteSet::new(tenant.clone()).with(op);
        deleted += u64::from(try_commit(store, set).await?);
    }
    Ok(deleted)
}
