//! Views compiled lately: the policies are asked once about the same facts, not for every request.

use std::sync::Arc;

use quick_cache::sync::Cache;
use tsunagu_domain::{Assurance, ClientId, Level, SectorCipher, TenantId, Timestamp, TsunoId};

use crate::{Asked, Client, Grant, Principal, View};

/// So many views are kept.
const KEPT: usize = 20_000;
/// What a town forbids may depend on the moment in ways of its own: such a decision is made anew after this, microseconds.
const SECOND: Timestamp = 1_000_000;

/// The facts that a decision rests on. What is shared by many requests is told apart by where it is in memory; the entry holds on to it, so that
/// nothing else can be there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Facts {
    tenant: TenantId,
    catalogue: usize,
    who: Who,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Who {
    Anonymous {
        reads_open_data: bool,
    },
    Machine(Registered),
    Consumer {
        client: Registered,
        subject: TsunoId,
        grant: usize,
        purpose: Option<String>,
        login: [Level; 2],
    },
    Resident {
        subject: TsunoId,
        login: [Level; 2],
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Registered {
    id: ClientId,
    sector: usize,
    publishes: Vec<String>,
    open: [bool; 3],
}

impl Registered {
    fn of(client: &Client) -> Self {
        Self {
            id: client.id.clone(),
            sector: client.sector.as_ref().map_or(0, place),
            publishes: client.publishes.clone(),
            open: [client.reads_open_data, client.writes_open_data, client.manages_sources],
        }
    }
}

fn place<T>(shared: &Arc<T>) -> usize {
    Arc::as_ptr(shared).addr()
}

fn levels(login: &Assurance) -> [Level; 2] {
    [login.ial, login.aal]
}

impl Facts {
    /// `None` where asking is cheap or the answer is a refusal anyway.
    fn of(asked: &Asked<'_>) -> Option<Self> {
        let who = match &asked.principal {
            Principal::Anonymous { reads_open_data } => {
                Who::Anonymous { reads_open_data: *reads_open_data }
            }
            Principal::Machine { client } => Who::Machine(Registered::of(client)),
            Principal::Consumer { client, subject, grant, purpose, assurance } => Who::Consumer {
                client: Registered::of(client),
                subject: *subject,
                grant: place((*grant)?),
                purpose: purpose.map(str::to_owned),
                login: levels(assurance),
            },
            Principal::Resident { subject, assurance } => {
                Who::Resident { subject: *subject, login: levels(assurance) }
            }
            Principal::Staff { .. } | Principal::Platform { .. } => return None,
        };
        Some(Self { tenant: asked.tenant.clone(), catalogue: place(asked.catalogue), who })
    }
}

#[derive(Clone)]
struct Kept {
    view: View,
    from: Timestamp,
    until: Timestamp,
    /// Held for their places; the view holds the catalogue.
    _grant: Option<Arc<Grant>>,
    _sector: Option<Arc<SectorCipher>>,
}

/// The cache.
pub(crate) struct Lately(Cache<Facts, Kept>);

impl Default for Lately {
    fn default() -> Self {
        Self(Cache::new(KEPT))
    }
}

impl Lately {
    /// The view of the same facts, as of now, or what `compile` makes of them. Refusals are not kept. `steady` says that no policy lets a
    /// decision change within the period of a consent.
    pub(crate) fn view<E>(
        &self,
        asked: &Asked<'_>,
        steady: bool,
        compile: impl FnOnce() -> Result<View, E>,
    ) -> Result<View, E> {
        let Some(facts) = Facts::of(asked) else { return compile() };
        if let Some(kept) = self.0.get(&facts)
            && (kept.from..kept.until).contains(&asked.now)
        {
            return Ok(kept.view.at(asked.now));
        }
        let view = compile()?;
        let (grant, sector) = match &asked.principal {
            Principal::Consumer { client, grant, .. } => (grant.cloned(), client.sector.clone()),
            Principal::Machine { client } => (None, client.sector.clone()),
            _ => (None, None),
        };
        let (from, until) = grant.as_ref().map_or((Timestamp::MIN, Timestamp::MAX), |grant| {
            (grant.valid_from, grant.valid_until)
        });
        let (from, until) = if steady {
            (from, until)
        } else {
            (asked.now, until.min(asked.now.saturating_add(SECOND)))
        };
        let kept = Kept { view: view.clone(), from, until, _grant: grant, _sector: sector };
        self.0.insert(facts, kept);
        Ok(view)
    }
}
