//! How this room writes its records: JSON `{"v":1,"until":…,"data":{…}}`.

use serde::de::IgnoredAny;
use tsunagu_domain::{Problem, ProblemCode, TenantId};
use tsunagu_identity::Services;
pub(crate) use tsunagu_store::records::{
    Kept, all, delete, put, read, scan, try_commit, unchanged,
};
use tsunagu_store::{Collection, Expect, WriteSet};

/// Name → the member of this name, of whom no other account has it again.
pub(crate) const MEMBERS: Collection = Collection("staff-member");
/// Digest of a cookie → session.
pub(crate) const SESSIONS: Collection = Collection("staff-session");

/// So often a race may be lost before the caller is told.
pub(crate) const ATTEMPTS: usize = 8;

/// What is told when a race was lost too often.
pub(crate) fn busy() -> Problem {
    Problem::new(
        ProblemCode::Conflict,
        "something else changed this at the same moment; look at it again and repeat",
    )
}

/// Deletes sessions whose time is over, and says how many. They count for nothing already: this only frees their space.
pub async fn sweep(services: &Services, tenant: &TenantId) -> Result<u64, Problem> {
    let (store, now) = (&*services.store, services.clock.micros());
    let mut swept = 0;
    for (key, kept) in all::<IgnoredAny>(store, tenant, SESSIONS).await? {
        if !kept.live(now) {
            let op = delete(SESSIONS, &key, Expect::Version(kept.version));
            swept += u64::from(try_commit(store, WriteSet::new(tenant.clone()).with(op)).await?);
        }
    }
    Ok(swept)
}
