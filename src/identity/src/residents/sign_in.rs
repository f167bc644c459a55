//! From a person whom a provider vouches for to the one Tsuno ID that is theirs.

use tsunagu_domain::{Level, Problem, TenantId, Timestamp, TsunoId};
use tsunagu_ngsi_ld::EntityDoc;
use tsunagu_store::access::{Action, Decision};
use tsunagu_store::{Expect, Op, WriteSet};

use super::reviews::Opinion;
use super::same::{Shelves, Who};
use super::{Decided, Doubt, Resident, Residents, busy, identity_key, standing};
use crate::login::Identified;
use crate::person::{self, iri};
use crate::records::{self, CLOSED, IDENTITIES, IDENTITY_REVIEWS, Kept, RESIDENTS};
use crate::residency::{Residency, Verdict};

/// How signing in ended.
pub(crate) enum Signed {
    /// With a resident.
    In { resident: Resident, first_time: bool },
    /// Not a resident: no id was issued.
    NotResident { residency: Residency },
    /// A person at the counter decides, who is told this reference.
    Counter { reference: String },
    /// The provider did not make sure enough who it is to issue an id, or to lead to one.
    TooWeak,
}

/// A lost race is tried again at most so often; each time somebody else got on.
const ATTEMPTS: usize = 5;

/// One login as it is looked at.
struct Visit<'a> {
    tenant: &'a TenantId,
    provider: &'a str,
    who: &'a Identified,
    identity: [u8; 32],
    residency: Residency,
    now: Timestamp,
}

impl Visit<'_> {
    fn actor(&self) -> String {
        format!("platform:login-{}", self.provider)
    }

    /// Residency as it is kept: a person at the counter may have said what an address in no known form could not.
    fn judged(&self, before: Option<&Residency>) -> Residency {
        let mut residency = self.residency.clone();
        if residency.verdict != Verdict::NeedsCounter {
            return residency;
        }
        match before {
            Some(before) if before.evidence == residency.evidence => {
                residency.verdict = before.verdict;
                residency.method.clone_from(&before.method);
            }
            Some(_) => {}
            // Only a decision at the counter leads here.
            None => {
                residency.verdict = Verdict::Resident;
                "counter".clone_into(&mut residency.method);
            }
        }
        residency
    }
}

/// What one attempt came to; `None`: somebody else changed something at the same moment.
type Attempted = Result<Option<Signed>, Problem>;

impl Residents {
    /// Finds or registers the person whom a provider vouched for, and links the municipal record where that is certain.
    ///
    /// The same person gets the same id whenever, however often at once and through whichever provider this is called. An id is issued,
    /// and an identity led to one, only by a proof of level 2 or higher: that is also the only way back in for who lost a phone or a card.
    pub(crate) async fn sign_in(
        &self,
        tenant: &TenantId,
        provider: &str,
        who: Identified,
    ) -> Result<Signed, Problem> {
        let now = self.services.clock.micros();
        let who = &Identified { person: self.municipality.divide(who.person), ..who };
        let visit = Visit {
            tenant,
            provider,
            who,
            identity: identity_key(who),
            residency: self.municipality.decide(&who.person, &self.digests, now, provider),
            now,
        };
        for _ in 0..ATTEMPTS {
            if let Some(signed) = self.attempt(&visit).await? {
                return match signed {
                    Signed::In { resident, first_time } => {
                        let resident = self.link(tenant, resident).await?;
                        Ok(Signed::In { resident, first_time })
                    }
                    other => Ok(other),
                };
            }
        }
        Err(busy())
    }

    async fn attempt(&self, visit: &Visit<'_>) -> Attempted {
        let store = &*self.services.store;
        let proven = visit.who.assurance.ial >= Level::Substantial;
        let known =
            records::read::<TsunoId>(store, visit.tenant, IDENTITIES, &visit.identity).await?;
        if let Some(known) = &known
            && self.is_closed(visit.tenant, known.data).await?
        {
            // An identity from before they were kept with the resident outlived the closing.
            let unchanged = Expect::Version(known.version);
            let forgotten = records::delete(IDENTITIES, &visit.identity, unchanged);
            let set = WriteSet::new(visit.tenant.clone()).with(forgotten);
            records::try_commit(store, set).await?;
            return Ok(None);
        }
        match known {
            Some(known) if proven => self.refresh(visit, known.data, None).await,
            Some(known) => self.come_back(visit, known.data).await,
            None if proven => self.newcomer(visit).await,
            None => Ok(Some(Signed::TooWeak)),
        }
    }

    /// Somebody known whom the provider is not sure enough of: nothing that it says is written.
    async fn come_back(&self, visit: &Visit<'_>, id: TsunoId) -> Attempted {
        let resident = self.whom(visit, id).await?.data;
        let ops = self.written(visit.actor(), id, Action::Identify, "weak-login")?;
        self.services.store.commit(WriteSet { tenant: visit.tenant.clone(), ops }).await?;
        Ok(Some(Signed::In { resident, first_time: false }))
    }

    async fn newcomer(&self, visit: &Visit<'_>) -> Attempted {
        if visit.residency.verdict == Verdict::NonResident {
            self.turn_away(visit, "not-a-resident").await?;
            return Ok(Some(Signed::NotResident { residency: visit.residency.clone() }));
        }
        let opinion = self.opinion(visit.tenant, &visit.identity).await?;
        let decided = opinion.on(&self.verified(visit.who));
        let shelves = self.shelves(visit.tenant, &self.keys_of(&visit.who.person)).await?;
        let vouched = matches!(decided, Some(Decided::New | Decided::SameAs(_)));
        if visit.residency.verdict == Verdict::NeedsCounter && !vouched {
            let candidates = shelves.who().candidates();
            return self.to_the_counter(visit, opinion, Doubt::Address, candidates).await;
        }
        // Who was named at the counter may have closed the id, or moved, since.
        let named = match decided {
            Some(Decided::SameAs(id)) => self.get(visit.tenant, id).await?,
            _ => None,
        };
        match (named, shelves.who()) {
            (Some(named), _) => self.refresh(visit, named.tsuno_id, Some(&opinion)).await,
            (None, Who::Resident(id)) => self.refresh(visit, id, Some(&opinion)).await,
            (None, Who::Unclear(candidates)) if decided != Some(Decided::New) => {
                self.to_the_counter(visit, opinion, Doubt::Person, candidates).await
            }
            (None, Who::Unclear(_) | Who::Nobody) => self.register(visit, shelves, &opinion).await,
        }
    }

    /// Issues an id.
    async fn register(&self, visit: &Visit<'_>, shelves: Shelves, opinion: &Opinion) -> Attempted {
        let id = TsunoId::generate(&*self.services.ids);
        let resident = Resident {
            tsuno_id: id,
            residency: visit.judged(None),
            linked_record: None,
            created_at: visit.now,
            verified: self.verified(visit.who),
            match_keys: self.keys_of(&visit.who.person),
            hints: self.hints_of(&visit.who.person),
            identities: vec![crate::hex(&visit.identity)],
        };
        let entity = person::entity(id, &visit.who.person, visit.now)?;
        let mut set = WriteSet::new(visit.tenant.clone())
            // An id that was closed is nobody's again.
            .with(records::delete(CLOSED, id.as_bytes(), Expect::Absent))
            .with(records::put(IDENTITIES, &visit.identity, None, &id, Expect::Absent)?)
            .with(records::put(RESIDENTS, id.as_bytes(), None, &resident, Expect::Absent)?)
            .with(Op::PutEntity { doc: EntityDoc::from(&entity), expect: Expect::Absent });
        shelves.enter(id, &mut set.ops)?;
        standing::follow_verdict(id, &resident.residency, visit.now, &mut set.ops)?;
        set.ops.push(records::delete(IDENTITY_REVIEWS, &visit.identity, opinion.expect));
        set.ops.extend(self.written(visit.actor(), id, Action::Identify, "tsuno-id-issued")?);
        let done = records::try_commit(&*self.services.store, set).await?;
        Ok(done.then_some(Signed::In { resident, first_time: true }))
    }

    /// Brings Person, residency and keys up to what the provider verified now; with an opinion, leads a new identity to the resident.
    async fn refresh(
        &self,
        visit: &Visit<'_>,
        id: TsunoId,
        joining: Option<&Opinion>,
    ) -> Attempted {
        let kept = self.whom(visit, id).await?;
        let mut resident = kept.data;
        let verified = self.verified(visit.who);
        let mut ops = Vec::new();
        if resident.verified != verified {
            ops.push(self.written_over(visit, id).await?);
            resident.verified = verified;
        }
        let keys = self.keys_of(&visit.who.person);
        let gone = resident.match_keys.iter().filter(|key| !keys.contains(key));
        let gone: Vec<String> = gone.cloned().collect();
        self.shelves(visit.tenant, &gone).await?.leave(id, &mut ops)?;
        self.shelves(visit.tenant, &keys).await?.enter(id, &mut ops)?;
        resident.match_keys = keys;
        resident.hints = self.hints_of(&visit.who.person);
        resident.residency = visit.judged(Some(&resident.residency));
        standing::follow_verdict(id, &resident.residency, visit.now, &mut ops)?;
        let identity = crate::hex(&visit.identity);
        if !resident.identities.contains(&identity) {
            resident.identities.push(identity);
        }
        let unchanged = Expect::Version(kept.version);
        ops.push(records::put(RESIDENTS, id.as_bytes(), None, &resident, unchanged)?);
        if let Some(opinion) = joining {
            ops.push(records::put(IDENTITIES, &visit.identity, None, &id, Expect::Absent)?);
            ops.push(records::delete(IDENTITY_REVIEWS, &visit.identity, opinion.expect));
            ops.extend(self.written(visit.actor(), id, Action::Link, "identity-linked")?);
        } else {
            ops.extend(self.written(visit.actor(), id, Action::Identify, "login")?);
        }
        let set = WriteSet { tenant: visit.tenant.clone(), ops };
        let done = records::try_commit(&*self.services.store, set).await?;
        Ok(done.then_some(Signed::In { resident, first_time: false }))
    }

    async fn whom(&self, visit: &Visit<'_>, id: TsunoId) -> Result<Kept<Resident>, Problem> {
        let missing = || person::internal("an identity points to a resident who is not there");
        self.kept(visit.tenant, id).await?.ok_or_else(missing)
    }

    /// The Person with the verified data written over it.
    async fn written_over(&self, visit: &Visit<'_>, id: TsunoId) -> Result<Op, Problem> {
        let view = self.services.view(visit.tenant, "identity")?;
        let found = self.services.store.entity(&view, &id.urn()).await?;
        let (mut entity, expect) = match found {
            Some(found) => {
                let damaged = |_| person::internal("a stored person is damaged");
                (found.doc.decode().map_err(damaged)?, Expect::Version(found.version))
            }
            None => (person::entity(id, &visit.who.person, visit.now)?, Expect::Absent),
        };
        person::apply(&mut entity, &visit.who.person, visit.now)?;
        Ok(Op::PutEntity { doc: EntityDoc::from(&entity), expect })
    }

    /// Puts the person before somebody at the counter.
    async fn to_the_counter(
        &self,
        visit: &Visit<'_>,
        opinion: Opinion,
        doubt: Doubt,
        candidates: Vec<TsunoId>,
    ) -> Attempted {
        let evidence = self.verified(visit.who);
        let asked = self.ask(
            visit.tenant,
            &visit.identity,
            visit.provider,
            opinion,
            doubt,
            candidates,
            evidence,
        );
        let Some(reference) = asked.await? else { return Ok(None) };
        let reason = match doubt {
            Doubt::Address => "address-needs-counter",
            Doubt::Person => "person-needs-counter",
        };
        self.turn_away(visit, reason).await?;
        Ok(Some(Signed::Counter { reference }))
    }

    /// Writes down that somebody's verified data were looked at and no id was issued.
    async fn turn_away(&self, visit: &Visit<'_>, reason: &str) -> Result<(), Problem> {
        let mut access = self.services.access(visit.actor(), None, Action::Identify);
        access.types = vec![iri("Person")];
        access.attributes = person::attribute_names();
        access.decision = Decision::Denied;
        reason.clone_into(&mut access.reason);
        self.services.log.record(visit.tenant, &access).await?;
        Ok(())
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
