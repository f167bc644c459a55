//! Consumption of entities (TS 104-175 clause 5.7): retrieve, query and discovery.

mod discovery;
mod linked;
mod query;
mod retrieve;
mod shown;
mod subquery;
mod take_out;

use tsunagu_domain::{Problem, TsunoId};
use tsunagu_ngsi_ld::{RenderOptions, Shown as ShownAs};
use tsunagu_store::access::{Action, Ticket};

pub use discovery::{Discover, Discovered};
pub use query::{Asked, Listing};
pub(crate) use shown::Kept;

use crate::{Broker, Request, access};

/// A rendered answer. When it shows personal data, it carries the ticket of its entry in the access log.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// JSON.
    pub body: Vec<u8>,
    /// Index of the access in the log.
    pub ticket: Option<Ticket>,
    /// Whether it is in other words than it was stored in, for an earlier version of the specification.
    pub amended: bool,
}

/// Whether the options show an attribute of this expanded name.
pub(crate) fn selected(options: &RenderOptions) -> impl Fn(&str) -> bool + '_ {
    |name| ShownAs::Asked.wants(options, name) || options.is_geometry(name)
}

impl Broker {
    /// Writes down that someone asked for an entity in vain, when the id names a person or the actor acts for one.
    pub(crate) async fn note_missed(
        &self,
        request: &Request<'_>,
        id: &str,
        action: Action,
        problem: &Problem,
    ) -> Result<(), Problem> {
        let subject = TsunoId::from_urn(id).or_else(|| request.view.only_subject());
        if subject.is_none() {
            return Ok(());
        }
        let now = self.parts.clock.micros();
        let entry = access::denied(request, now, action, subject, Vec::new(), problem);
        self.parts.access.record(request.view.tenant(), &entry).await.map(|_| ())
    }
}
