//! The keys under which sectors see residents, and how one is changed: from then on new ids go out, and ids of the key before are understood
//! for a while.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use tsunagu_domain::{
    Problem, ProblemCode, SectorCipher, SectorKey, SectorKeys, TenantId, Timestamp, TsunoId,
};
use tsunagu_store::{Expect, Scan, WriteSet};

use crate::person::internal;
use crate::records::{self, CLIENTS, SECTOR_KEYS};
use crate::services::seconds;
use crate::{Client, Services};

/// What another process did to a key is noticed within this, microseconds.
const ASK_AGAIN: Timestamp = 500_000;

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    generation: u32,
    /// Base64; of generation 0 not used.
    salt: String,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Earlier {
    key: StoredKey,
    /// First moment at which its ids are not understood any more.
    until: Timestamp,
}

/// A sector whose key was changed once or more.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    current: StoredKey,
    since: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    earlier: Option<Earlier>,
}

impl StoredKey {
    fn read(&self) -> Result<SectorKey, Problem> {
        let salt = STANDARD.decode(&self.salt).ok().and_then(|salt| salt.try_into().ok());
        let salt = salt.ok_or_else(|| internal("a stored key of a sector is damaged"))?;
        Ok(SectorKey { generation: self.generation, salt })
    }

    fn write(key: &SectorKey) -> Self {
        Self { generation: key.generation, salt: STANDARD.encode(key.salt) }
    }
}

impl Stored {
    fn understood(&self, now: Timestamp) -> Option<&Earlier> {
        self.earlier.as_ref().filter(|earlier| now < earlier.until)
    }
}

/// A sector as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectorState {
    /// Its name.
    pub sector: String,
    /// How many keys it had before.
    pub generation: u32,
    /// Since when ids go out under the current one; the epoch for the first.
    pub since: Timestamp,
    /// First moment at which ids of the key before are not understood any more, while they are.
    pub earlier_until: Option<Timestamp>,
}

/// A cipher with what it was made of.
struct Held {
    cipher: Arc<SectorCipher>,
    version: Option<u64>,
    until: Option<Timestamp>,
    asked: AtomicI64,
}

/// The keys of the sectors.
pub struct Sectors {
    services: Services,
    keys: Arc<SectorKeys>,
    held: RwLock<HashMap<(TenantId, String), Arc<Held>>>,
}

impl fmt::Debug for Sectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sectors(…)")
    }
}

fn underivable<E>(_: E) -> Problem {
    internal("the pairwise key of a sector could not be derived")
}

impl Sectors {
    /// Over the store, with the platform's pairwise secret.
    pub fn new(services: Services, keys: Arc<SectorKeys>) -> Self {
        Self { services, keys, held: RwLock::default() }
    }

    /// The cipher of a sector, as it was half a second ago at most. The same one as long as nothing changes.
    pub(crate) async fn cipher(
        &self,
        tenant: &TenantId,
        sector: &str,
    ) -> Result<Arc<SectorCipher>, Problem> {
        let (name, now) = ((tenant.clone(), sector.to_owned()), self.services.clock.micros());
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        let held = held.filter(|held| held.until.is_none_or(|until| now < until));
        if let Some(held) = &held {
            let asked = held.asked.load(Ordering::Relaxed);
            if (asked..asked.saturating_add(ASK_AGAIN)).contains(&now) {
                return Ok(Arc::clone(&held.cipher));
            }
        }
        let stored = self.read(tenant, sector).await?;
        let version = stored.as_ref().map(|(_, version)| *version);
        if let Some(held) = held.filter(|held| held.version == version) {
            held.asked.store(now, Ordering::Relaxed);
            return Ok(Arc::clone(&held.cipher));
        }
        let (cipher, until) = match stored {
            None => (self.keys.sector(sector).map_err(underivable)?, None),
            Some((stored, _)) => {
                let current = stored.current.read()?;
                let earlier = stored.understood(now);
                let key = earlier.map(|earlier| earlier.key.read()).transpose()?;
                let cipher = self.keys.rotated(sector, &current, key.as_ref());
                (cipher.map_err(underivable)?, earlier.map(|earlier| earlier.until))
            }
        };
        let (cipher, asked) = (Arc::new(cipher), AtomicI64::new(now));
        let held = Arc::new(Held { cipher: Arc::clone(&cipher), version, until, asked });
        self.held.write().unwrap_or_else(PoisonError::into_inner).insert(name, held);
        Ok(cipher)
    }

    /// Changes the key of a sector that a client has: from now on new ids go out, and those of the key before are understood for so many
    /// seconds. Gives the new state. Refused while ids of a still earlier key are understood.
    pub async fn rotate(
        &self,
        tenant: &TenantId,
        sector: &str,
        overlap: i64,
    ) -> Result<SectorState, Problem> {
        if !self.is_registered(tenant, sector).await? {
            let detail = "no client has this sector; it is the `sector` of its registration";
            return Err(Problem::new(ProblemCode::BadRequestData, detail));
        }
        let now = self.services.clock.micros();
        let (before, expect) = match self.read(tenant, sector).await? {
            None => (StoredKey::write(&SectorKey::FIRST), Expect::Absent),
            Some((stored, _)) if stored.understood(now).is_some() => {
                let detail = "ids of the key before are still understood; end that first";
                return Err(Problem::new(ProblemCode::Conflict, detail));
            }
            Some((stored, version)) => (stored.current, Expect::Version(version)),
        };
        let generation = before.generation.saturating_add(1);
        let current = SectorKey { generation, salt: self.services.ids.bytes() };
        let until = now.saturating_add(seconds(overlap.max(0)));
        let stored = Stored {
            current: StoredKey::write(&current),
            since: now,
            earlier: (until > now).then_some(Earlier { key: before, until }),
        };
        self.write(tenant, sector, &stored, expect).await?;
        Ok(state(sector.to_owned(), &stored, now))
    }

    /// Ends the overlap of a sector: ids of the key before name nobody from now on, and the key is gone.
    pub async fn end_overlap(&self, tenant: &TenantId, sector: &str) -> Result<(), Problem> {
        let Some((stored, version)) = self.read(tenant, sector).await? else {
            let detail = "the key of this sector was never changed";
            return Err(Problem::new(ProblemCode::BadRequestData, detail));
        };
        let ended = Stored { earlier: None, ..stored };
        self.write(tenant, sector, &ended, Expect::Version(version)).await
    }

    /// Every sector whose key was changed.
    pub async fn list(&self, tenant: &TenantId) -> Result<Vec<SectorState>, Problem> {
        let now = self.services.clock.micros();
        let found = changed(&self.services, tenant).await?;
        let state = |(name, kept): (Vec<u8>, records::Kept<Stored>)| {
            state(String::from_utf8_lossy(&name).into_owned(), &kept.data, now)
        };
        Ok(found.into_iter().map(state).collect())
    }

    /// The state of a sector.
    pub async fn state(&self, tenant: &TenantId, sector: &str) -> Result<SectorState, Problem> {
        let (name, now) = (sector.to_owned(), self.services.clock.micros());
        Ok(match self.read(tenant, sector).await? {
            Some((stored, _)) => state(name, &stored, now),
            None => SectorState { sector: name, generation: 0, since: 0, earlier_until: None },
        })
    }

    /// The name of a resident in one token, which tells nobody but this platform who it is.
    pub(crate) fn name_in_token(&self, jti: &str, id: TsunoId) -> Result<TsunoId, Problem> {
        Ok(self.of_token(jti)?.outward(id))
    }

    /// The resident who has this name in one token.
    pub(crate) fn named_in_token(&self, jti: &str, name: TsunoId) -> Result<TsunoId, Problem> {
        Ok(self.of_token(jti)?.inward(name))
    }

    /// What stands in one token for an id (UUID) that means something to this platform alone: in no other token it is the same.
    pub(crate) fn id_in_token(&self, jti: &str, id: &str) -> Result<String, Problem> {
        let enciphered = self.of_token(jti)?.outward_uuid(id);
        enciphered.ok_or_else(|| internal("an id that a token is to carry is no UUID"))
    }

    /// The id that stands in one token as this; `None` when no token of ours says so.
    pub(crate) fn id_of_token(&self, jti: &str, name: &str) -> Result<Option<String>, Problem> {
        Ok(self.of_token(jti)?.inward_uuid(name))
    }

    fn of_token(&self, jti: &str) -> Result<SectorCipher, Problem> {
        // No configured sector has such a name.
        self.keys.sector(&format!("\0token\0{jti}")).map_err(underivable)
    }

    async fn is_registered(&self, tenant: &TenantId, sector: &str) -> Result<bool, Problem> {
        let mut page = Scan { limit: 200, ..Scan::default() };
        loop {
            let store = &*self.services.store;
            let found = records::scan::<Client>(store, tenant, CLIENTS, &page).await?;
            let Some((last, _)) = found.last() else { return Ok(false) };
            page.after = Some(last.clone());
            if found.iter().any(|(_, kept)| kept.data.sector == sector) {
                return Ok(true);
            }
        }
    }

    async fn read(
        &self,
        tenant: &TenantId,
        sector: &str,
    ) -> Result<Option<(Stored, u64)>, Problem> {
        let store = &*self.services.store;
        let kept = records::read::<Stored>(store, tenant, SECTOR_KEYS, sector.as_bytes()).await?;
        Ok(kept.map(|kept| (kept.data, kept.version)))
    }

    async fn write(
        &self,
        tenant: &TenantId,
        sector: &str,
        stored: &Stored,
        expect: Expect,
    ) -> Result<(), Problem> {
        let op = records::put(SECTOR_KEYS, sector.as_bytes(), None, stored, expect)?;
        let set = WriteSet::new(tenant.clone()).with(op);
        if records::try_commit(&*self.services.store, set).await? {
            return Ok(());
        }
        let detail = "somebody else is changing the key of this sector; look at it and try again";
        Err(Problem::new(ProblemCode::Conflict, detail))
    }
}

fn state(sector: String, stored: &Stored, now: Timestamp) -> SectorState {
    SectorState {
        sector,
        generation: stored.current.generation,
        since: stored.since,
        earlier_until: stored.understood(now).map(|earlier| earlier.until),
    }
}

async fn changed(
    services: &Services,
    tenant: &TenantId,
) -> Result<Vec<(Vec<u8>, records::Kept<Stored>)>, Problem> {
    let mut all = Vec::new();
    let mut page = Scan { limit: 200, ..Scan::default() };
    loop {
        let store = &*services.store;
        let found = records::scan::<Stored>(store, tenant, SECTOR_KEYS, &page).await?;
        let Some((last, _)) = found.last() else { return Ok(all) };
        page.after = Some(last.clone());
        all.extend(found);
    }
}

/// Removes the keys whose ids are not understood any more, and says how many.
pub(crate) async fn forget_earlier(services: &Services, tenant: &TenantId) -> Result<u64, Problem> {
    let (now, mut forgotten) = (services.clock.micros(), 0);
    for (name, kept) in changed(services, tenant).await? {
        if kept.data.earlier.is_none() || kept.data.understood(now).is_some() {
            continue;
        }
        let rest = Stored { earlier: None, ..kept.data };
        let op = records::put(SECTOR_KEYS, &name, None, &rest, Expect::Version(kept.version))?;
        let set = WriteSet::new(tenant.clone()).with(op);
        forgotten += u64::from(records::try_commit(&*services.store, set).await?);
    }
    Ok(forgotten)
}
