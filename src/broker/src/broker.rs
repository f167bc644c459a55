//! The broker itself: its parts, and what a request brings along.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};
use tsunagu_domain::{Catalogue, Clock, Problem, ProblemCode, TenantId};
use tsunagu_ngsi_ld::{EntityDoc, Projection as _, TypeSelection};
use tsunagu_policy::{Asked, Cut, Principal, View, decide};
use tsunagu_store::access::AccessLog;
use tsunagu_store::{Consequence, Store};

use crate::Contexts;
use crate::consumption::Kept;
use crate::shapes::Shapes;

/// One request to the broker.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What it may see and do.
    pub view: &'a View,
    /// Its id, for the record of access.
    pub id: &'a str,
}

/// The entity that an operation is about: its id, as the actor writes it, and the types it must have to be meant (clause 4.17).
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Its id.
    pub id: &'a str,
    /// Entities that are not selected do not exist for this request.
    pub types: Option<&'a TypeSelection>,
}

impl<'a> From<&'a str> for Target<'a> {
    fn from(id: &'a str) -> Self {
        Self { id, types: None }
    }
}

impl<'a> From<&'a String> for Target<'a> {
    fn from(id: &'a String) -> Self {
        id.as_str().into()
    }
}

impl Target<'_> {
    /// Whether anything of the stored entity is in view, and that is selected.
    pub(crate) fn is(&self, view: &View, doc: &EntityDoc) -> bool {
        view.cut(doc).is_some_and(|cut| self.selects(&cut, doc))
    }

    /// Whether what is shown of an entity is selected. A type that is hidden cannot be asked for.
    pub(crate) fn selects(&self, cut: &Cut<'_>, doc: &EntityDoc) -> bool {
        self.types.is_none_or(|types| {
            types.matches(&|iri| cut.entity_type(iri) && doc.types().any(|t| t == iri))
        })
    }
}

/// What a broker is made of.
pub struct Parts {
    /// Storage.
    pub store: Arc<dyn Store>,
    /// Where accesses are written down.
    pub access: Arc<dyn AccessLog>,
    /// What must follow from changes, in order.
    pub consequences: Vec<Arc<dyn Consequence>>,
    /// What is personal.
    pub catalogue: Arc<Catalogue>,
    /// @contexts.
    pub contexts: Contexts,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// The NGSI-LD broker.
pub struct Broker {
    pub(crate) parts: Parts,
    /// Updates of one entity queue here instead of failing on each other's versions. Other processes are kept out by versions.
    stripes: Vec<Mutex<()>>,
    hasher: std::hash::RandomState,
    pub(crate) shown: Kept,
    pub(crate) shapes: Shapes,
}

const STRIPES: usize = 1024;
/// Memory for entities as they were last shown, bytes.
const KEPT_BYTES: u64 = 32 << 20;

impl Broker {
    /// A broker of these parts.
    pub fn new(parts: Parts) -> Self {
        let stripes = (0..STRIPES).map(|_| Mutex::new(())).collect();
        let shown = Kept::new(KEPT_BYTES);
        let hasher = std::hash::RandomState::new();
        Self { parts, stripes, hasher, shown, shapes: Shapes::new() }
    }

    /// With another amount of memory, bytes, for entities as they were last shown.
    #[must_use]
    pub fn keeping(self, bytes: u64) -> Self {
        Self { shown: Kept::new(bytes), ..self }
    }

    /// The @contexts.
    pub fn contexts(&self) -> &Contexts {
        &self.parts.contexts
    }

    /// What is personal.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.parts.catalogue
    }

    pub(crate) async fn serial(&self, tenant: &TenantId, id: &str) -> MutexGuard<'_, ()> {
        let mut hash = self.hasher.build_hasher();
        hash.write(tenant.as_str().as_bytes());
        hash.write(id.as_bytes());
        let at = usize::try_from(hash.finish() % STRIPES as u64).unwrap_or(0);
        self.stripes[at].lock().await
    }

    /// The eyes of the write path: an update keeps what its actor does not see.
    pub(crate) fn whole(&self, tenant: &TenantId) -> Result<View, Problem> {
        let asked = Asked {
            tenant,
            catalogue: &self.parts.catalogue,
            now: self.parts.clock.micros(),
            principal: Principal::Platform { task: "update" },
        };
        decide(&asked).map_err(|_| {
            Problem::new(ProblemCode::InternalError, "the policy refuses the platform")
        })
    }
}
