//! Residents: the Tsuno ID is issued here, once per person of a provider.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tsunagu_domain::{Problem, ProblemCode, TenantId, Timestamp, TsunoId};
use tsunagu_ngsi_ld::EntityDoc;
use tsunagu_store::access::{Action, Decision};
use tsunagu_store::{Expect, Op, WriteSet};

use crate::jose::sha256;
use crate::login::Identified;
use crate::person::{self, iri};
use crate::records::{self, IDENTITIES, Kept, RESIDENTS};
use crate::residency::{Municipality, Residency, Verdict};
use crate::services::{DigestKey, Services};

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
}

impl fmt::Debug for Resident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resident(…)")
    }
}

/// How signing in ended.
pub(crate) enum Signed {
    /// With a resident.
    In { resident: Resident, first_time: bool },
    /// No id was issued.
    NotResident { residency: Residency },
}

/// A lost race is tried again at most so often; each time somebody else got on.
const ATTEMPTS: usize = 5;

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

    /// Finds or registers the person whom a provider vouched for, and links the municipal record where that is certain.
    ///
    /// The same person gets the same id whenever and however often at once this is called.
    pub(crate) async fn sign_in(
        &self,
        tenant: &TenantId,
        provider: &str,
        who: Identified,
    ) -> Result<Signed, Problem> {
        let now = self.services.clock.micros();
        let who = &Identified { person: self.municipality.divide(who.person), ..who };
        let residency = self.municipality.decide(&who.person, &self.digests, now, provider);
        for _ in 0..ATTEMPTS {
            let store = &*self.services.store;
            let known =
                records::read::<TsunoId>(store, tenant, IDENTITIES, &identity_key(who)).await?;
            let signed = match known {
                Some(known) => self.refresh(tenant, provider, who, known.data, &residency).await?,
                None if residency.verdict == Verdict::Resident => {
                    self.register(tenant, provider, who, &residency).await?
                }
                None => {
                    self.turn_away(tenant, provider, &residency).await?;
                    return Ok(Signed::NotResident { residency });
                }
            };
            if let Some((resident, first_time)) = signed {
                let resident = self.link(tenant, resident).await?;
                return Ok(Signed::In { resident, first_time });
            }
        }
        Err(busy())
    }

    /// Issues an id. `None`: somebody else did at the same moment.
    async fn register(
        &self,
        tenant: &TenantId,
        provider: &str,
        who: &Identified,
        residency: &Residency,
    ) -> Result<Option<(Resident, bool)>, Problem> {
        let now = self.services.clock.micros();
        let id = TsunoId::generate(&*self.services.ids);
        let resident = Resident {
            tsuno_id: id,
            residency: residency.clone(),
            linked_record: None,
            created_at: now,
            verified: self.verified(who),
            match_keys: self.keys_of(&who.person),
        };
        let entity = person::entity(id, &who.person, now)?;
        let mut set = WriteSet::new(tenant.clone())
            .with(records::put(IDENTITIES, &identity_key(who), None, &id, Expect::Absent)?)
            .with(records::put(RESIDENTS, id.as_bytes(), None, &resident, Expect::Absent)?)
            .with(Op::PutEntity { doc: EntityDoc::from(&entity), expect: Expect::Absent });
        set.ops.extend(self.written(provider, id, Action::Identify, "tsuno-id-issued")?);
        let done = records::try_commit(&*self.services.store, set).await?;
        Ok(done.then_some((resident, true)))
    }

    /// Brings Person and residency up to what the provider verified now. `None`: somebody else changed them at the same moment.
    async fn refresh(
        &self,
        tenant: &TenantId,
        provider: &str,
        who: &Identified,
        id: TsunoId,
        residency: &Residency,
    ) -> Result<Option<(Resident, bool)>, Problem> {
        let missing = || person::internal("an identity points to a resident who is not there");
        let kept = self.kept(tenant, id).await?.ok_or_else(missing)?;
        let mut resident = kept.data;
        let verified = self.verified(who);
        let mut set = WriteSet::new(tenant.clone());
        if resident.verified != verified {
            let view = self.services.view(tenant, "identity")?;
            let found = self.services.store.entity(&view, &id.urn()).await?;
            let (mut entity, expect) = match found {
                Some(found) => {
                    let entity = found
                        .doc
                        .decode()
                        .map_err(|_| person::internal("a stored person is damaged"))?;
                    (entity, Expect::Version(found.version))
                }
                None => {
                    (person::entity(id, &who.person, self.services.clock.micros())?, Expect::Absent)
                }
            };
            person::apply(&mut entity, &who.person, self.services.clock.micros())?;
            set.ops.push(Op::PutEntity { doc: EntityDoc::from(&entity), expect });
            resident.verified = verified;
            resident.match_keys = self.keys_of(&who.person);
        }
        resident.residency = residency.clone();
        set.ops.push(records::put(
            RESIDENTS,
            id.as_bytes(),
            None,
            &resident,
            Expect::Version(kept.version),
        )?);
        set.ops.extend(self.written(provider, id, Action::Identify, "login")?);
        let done = records::try_commit(&*self.services.store, set).await?;
        Ok(done.then_some((resident, false)))
    }

    /// Writes down that somebody's verified data were looked at and no id was issued.
    async fn turn_away(
        &self,
        tenant: &TenantId,
        provider: &str,
        residency: &Residency,
    ) -> Result<(), Problem> {
        let mut access =
            self.services.access(format!("platform:login-{provider}"), None, Action::Identify);
        access.types = vec![iri("Person")];
        access.attributes = person::attribute_names();
        access.decision = Decision::Denied;
        let reason = match residency.verdict {
            Verdict::NeedsCounter => "address-needs-counter",
            Verdict::NonResident | Verdict::Resident => "not-a-resident",
        };
        reason.clone_into(&mut access.reason);
        self.services.log.record(tenant, &access).await?;
        Ok(())
    }

    fn written(
        &self,
        provider: &str,
        id: TsunoId,
        action: Action,
        reason: &str,
    ) -> Result<Vec<Op>, Problem> {
        let mut access =
            self.services.access(format!("platform:login-{provider}"), Some(id), action);
        access.types = vec![iri("Person")];
        access.attributes = person::attribute_names();
        reason.clone_into(&mut access.reason);
        access.count = 1;
        self.services.log.ops(&access)
    }

    fn verified(&self, who: &Identified) -> String {
        let person = &who.person;
        crate::hex(&self.digests.digest(
            "verified data",
            &[
                person.family_name.as_str(),
                &person.given_name,
                &person.birth_date,
                person.gender.as_str(),
                &person.prefecture,
                &person.city,
                &person.street_address,
            ],
        ))
    }
}
