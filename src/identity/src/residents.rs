//! Residents: the Tsuno ID is issued here, once per person.

mod birth;
mod close;
mod moves;
mod reviews;
mod same;
mod sign_in;
mod standing;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tsunagu_domain::{Problem, ProblemCode, TenantId, Timestamp, TsunoId};
use tsunagu_store::Op;
use tsunagu_store::access::Action;

use crate::jose::sha256;
use crate::login::Identified;
use crate::person::{self, iri};
use crate::records::{self, Kept, RESIDENTS};
use crate::residency::{Municipality, Residency};
use crate::services::{DigestKey, Services};

pub use moves::Moves;
pub use reviews::{Decided, Doubt, IdentityReview, Staff};
pub(crate) use sign_in::Signed;
pub use standing::{Suspension, in_good_standing};
pub(crate) use standing::{is_in_force, is_open};

/// What this room keeps of a resident beside the Person entity.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resident {
    /// The id.
    pub tsuno_id: TsunoId,
    /// Whether they live in the town, as last decided.
    pub residency: Residency,
    /// Entity id of the municipal record, once linked.
    pub linked_record: Option<String>,
    /// When the id was issued.
    pub created_at: Timestamp,
    /// Keyed digest of the verified data as last written to the Person, hexadecimal.
    pub verified: String,
    /// Digests under which the municipal record of this person would be found.
    pub(crate) match_keys: Vec<String>,
    /// Digests under which a record is found that a person has to look at.
    #[serde(default)]
    pub(crate) hints: Vec<String>,
    /// Digests of the identities at providers that lead here, hexadecimal. One from before they were kept is added at its next login.
    #[serde(default)]
    pub(crate) identities: Vec<String>,
}

impl fmt::Debug for Resident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resident(…)")
    }
}

/// The register of residents.
pub struct Residents {
    pub(crate) services: Services,
    pub(crate) municipality: Municipality,
    pub(crate) digests: DigestKey,
}

impl fmt::Debug for Residents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Residents(…)")
    }
}

fn identity_key(identified: &Identified) -> [u8; 32] {
    sha256(&[identified.issuer.as_bytes(), &[0], identified.subject.as_bytes()].concat())
}

pub(crate) fn busy() -> Problem {
    Problem::new(
        ProblemCode::Conflict,
        "too much happened to this resident at the same moment; try again",
    )
}

impl Residents {
    /// The register of one municipality's residents.
    pub fn new(services: Services, municipality: Municipality, digests: DigestKey) -> Arc<Self> {
        Arc::new(Self { services, municipality, digests })
    }

    /// The resident of this id.
    pub async fn get(&self, tenant: &TenantId, id: TsunoId) -> Result<Option<Resident>, Problem> {
        Ok(self.kept(tenant, id).await?.map(|kept| kept.data))
    }

    pub(crate) async fn kept(
        &self,
        tenant: &TenantId,
        id: TsunoId,
    ) -> Result<Option<Kept<Resident>>, Problem> {
        let store = &*self.services.store;
        Ok(records::read(store, tenant, RESIDENTS, id.as_bytes()).await?)
    }

    /// The record of an access to a Person by `actor`, as operations.
    fn written(
        &self,
        actor: String,
        id: TsunoId,
        action: Action,
        reason: &str,
    ) -> Result<Vec<Op>, Problem> {
        let mut access = self.services.access(actor, Some(id), action);
        access.types = vec![iri("Person")];
        access.attributes = person::attribute_names();
        reason.clone_into(&mut access.reason);
        access.count = 1;
        self.services.log.ops(&access)
    }
}
