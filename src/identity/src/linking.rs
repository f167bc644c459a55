//! Linking a resident to the municipal record: only where it is certain, else a person at the counter decides.
//!
//! Certain means: exactly one record, not linked to anybody else, agrees on at least two keys. A key is a keyed digest of birth date,
//! sex and one of address, name and reading, each folded so that two systems' spellings meet. The digests tell nothing
//! without the platform's secret.
//!
//! A hint is a weaker digest: of name and address without birth date and sex, which a record may not know (不詳), or of the name as a reading,
//! which certificates write where they lack a character. Hints find records for a person to look at, and never link one. How well a record
//! agrees is said from 0 to 100: two keys 100, one key 70 and with a hint 85, hints alone 50.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tsunagu_domain::{Problem, ProblemCode, TenantId, Timestamp, TsunoId};
use tsunagu_japanese::keys as spelling;
use tsunagu_ngsi_ld::{Entity, EntityDoc, Instance};
use tsunagu_store::access::Action;
use tsunagu_store::{Change, Consequence, Expect, Op, Scan, WriteSet};

use crate::login::{Gender, VerifiedPerson};
use crate::person::{self, PUBLISHER, iri};
use crate::records::{self, LINK_REVIEWS, MATCH_KEYS, RESIDENTS};
use crate::residency::Municipality;
use crate::residents::{Resident, Residents, Staff, Suspension, busy};
use crate::services::DigestKey;
use crate::unhex;

/// Two keys must agree.
const ENOUGH: usize = 2;
/// So many records under one key are no key: nothing is certain then.
const MOST: usize = 50;
/// 異動区分 after which somebody is no resident any more.
const ENDED: [&str; 5] = ["死亡", "転出", "消除", "deceased", "moved-out"];

/// Why a person must decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReviewReason {
    /// No record agrees on anything.
    None,
    /// One agrees, or several do, but not well enough.
    Uncertain,
    /// Several do.
    Several,
    /// One does, but its person left or died, the register says. Until it is decided, nothing is given that is for residents.
    Ended,
}

/// A resident whose municipal record a person at the counter must find.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkReview {
    /// Who.
    pub tsuno_id: TsunoId,
    /// Why.
    pub reason: ReviewReason,
    /// Entity ids of records that agree on something, the best first.
    pub candidates: Vec<String>,
    /// How well each of them agrees, 0 to 100, in the same order. Empty in one from before they were kept.
    #[serde(default)]
    pub scores: Vec<u8>,
    /// Since when.
    pub since: Timestamp,
}

impl fmt::Debug for LinkReview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkReview").field("reason", &self.reason).finish_non_exhaustive()
    }
}

/// What of a person goes into keys.
struct Traits<'a> {
    birth_date: &'a str,
    gender: Gender,
    address: Option<&'a str>,
    name: Option<&'a str>,
    kana: Option<&'a str>,
}

fn keys(digests: &DigestKey, town: &Municipality, traits: &Traits<'_>) -> Vec<[u8; 32]> {
    if traits.birth_date.is_empty() {
        return Vec::new();
    }
    let key = |usage: &str, text: String| {
        let texts = [traits.birth_date, traits.gender.as_str(), &text];
        (!text.is_empty()).then(|| digests.digest(usage, &texts))
    };
    let address =
        traits.address.map(|text| spelling::address(text, &town.prefecture, &town.county));
    [
        address.and_then(|text| key("match address", text)),
        traits.name.map(spelling::name).and_then(|text| key("match name", text)),
        traits.kana.map(spelling::kana).and_then(|text| key("match kana", text)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The digest of name and address alone.
fn hint(digests: &DigestKey, town: &Municipality, traits: &Traits<'_>) -> Option<[u8; 32]> {
    let name = spelling::name(traits.name?);
    let address = spelling::address(traits.address?, &town.prefecture, &town.county);
    let both = !name.is_empty() && !address.is_empty();
    both.then(|| digests.digest("match name and address", &[&name, &address]))
}

/// Whether a name is written as a reading.
fn is_reading(name: &str) -> bool {
    let folded = spelling::kana(name);
    !folded.is_empty() && folded.chars().all(|c| matches!(c, 'ァ'..='ヺ' | 'ー'))
}

/// How well a record agrees with so many keys and hints.
fn score(keys: usize, hints: usize) -> u8 {
    match (keys, hints) {
        (ENOUGH.., _) => 100,
        (1, 1..) => 85,
        (1, 0) => 70,
        (_, 1..) => 50,
        (_, 0) => 0,
    }
}

/// The rule that keeps the match keys of municipal records, in the transaction that writes the record.
#[derive(Debug)]
pub struct MatchKeys {
    digests: DigestKey,
    municipality: Municipality,
}

impl MatchKeys {
    /// Keys under the same secret and for the same municipality as [`Residents`].
    pub fn new(digests: DigestKey, municipality: Municipality) -> Self {
        Self { digests, municipality }
    }

    fn of(&self, doc: Option<&EntityDoc>) -> BTreeSet<[u8; 32]> {
        let record_type = iri("ResidentRecord");
        let Some(doc) = doc.filter(|doc| doc.types().any(|t| t == record_type)) else {
            return BTreeSet::new();
        };
        // Not decoded as a whole: this is done for every record that a register brings.
        let text = |term: &str| {
            let name = iri(term);
            let mut slots = doc.attributes();
            let slot = slots.find(|slot| slot.name() == name && slot.dataset_id().is_none())?;
            text_in(slot.instance().value)
        };
        let (born, gender) = (text("birthDate"), text("gender"));
        let (name, kana, address) = (text("name"), text("nameKana"), text("address"));
        let traits = Traits {
            birth_date: born.as_deref().unwrap_or_default().trim(),
            gender: Gender::read(gender.as_deref().unwrap_or_default()),
            address: address.as_deref(),
            name: name.as_deref(),
            kana: kana.as_deref(),
        };
        let keys = keys(&self.digests, &self.municipality, &traits).into_iter();
        keys.chain(hint(&self.digests, &self.municipality, &traits)).collect()
    }
}

/// The text of a Property; of an address object, its parts in order.
fn text_of(entity: &Entity, term: &str) -> Option<String> {
    text_in(entity.attribute(&iri(term))?.instance(None)?.value.get())
}

fn text_in(value: &str) -> Option<String> {
    match serde_json::from_str(value).ok()? {
        Value::String(text) => Some(text),
        Value::Object(parts) => {
            let part = |name: &str| parts.get(name).and_then(Value::as_str).unwrap_or_default();
            let street = parts.get("streetAddress").or(parts.get("street")).and_then(Value::as_str);
            Some(format!("{}{}{}", part("prefecture"), part("city"), street.unwrap_or_default()))
        }
        _ => None,
    }
}

/// Whether the register says that the person died or left: such a record is never linked without a person looking.
pub(crate) fn has_ended(record: &Entity) -> bool {
    let status =
        text_of(record, "status").map(|status| spelling::width(&status)).unwrap_or_default();
    ENDED.iter().any(|ended| status.contains(ended))
}

/// The record of a key for one municipal record: adding and removing one does not touch another's.
fn record_key(digest: &[u8], entity_id: &str) -> Vec<u8> {
    [digest, entity_id.as_bytes()].concat()
}

#[async_trait]
impl Consequence for MatchKeys {
    async fn follow(&self, change: &Change<'_>, ops: &mut Vec<Op>) -> Result<(), Problem> {
        let (before, after) = (self.of(change.before), self.of(change.after));
        if let Some(doc) = change.before {
            let gone = before.difference(&after);
            ops.extend(
                gone.map(|d| records::delete(MATCH_KEYS, &record_key(d, doc.id()), Expect::Any)),
            );
        }
        if let Some(doc) = change.after {
            for digest in &after {
                let key = record_key(digest, doc.id());
                ops.push(records::put(MATCH_KEYS, &key, None, &(), Expect::Any)?);
            }
        }
        Ok(())
    }
}

/// What the search came to.
enum Match {
    One(String),
    /// Records with how well they agree, the best first.
    Unclear(ReviewReason, Vec<(String, u8)>),
}

impl Residents {
    pub(crate) fn keys_of(&self, person: &VerifiedPerson) -> Vec<String> {
        let address = format!("{}{}{}", person.prefecture, person.city, person.street_address);
        let name = format!("{}{}", person.family_name, person.given_name);
        let traits = Traits {
            birth_date: &person.birth_date,
            gender: person.gender,
            address: Some(&address),
            name: Some(&name),
            kana: None,
        };
        keys(&self.digests, &self.municipality, &traits).iter().map(|key| crate::hex(key)).collect()
    }

    /// Digests under which a record is found that agrees less well.
    pub(crate) fn hints_of(&self, person: &VerifiedPerson) -> Vec<String> {
        let address = format!("{}{}{}", person.prefecture, person.city, person.street_address);
        let name = format!("{}{}", person.family_name, person.given_name);
        let traits = Traits {
            birth_date: &person.birth_date,
            gender: person.gender,
            address: Some(&address),
            name: Some(&name),
            kana: None,
        };
        let hint = hint(&self.digests, &self.municipality, &traits);
        let reading = is_reading(&name).then(|| Traits {
            address: None,
            name: None,
            kana: Some(&name),
            ..traits
        });
        let reading = reading.map(|traits| keys(&self.digests, &self.municipality, &traits));
        hint.into_iter().chain(reading.into_iter().flatten()).map(|key| crate::hex(&key)).collect()
    }

    /// Links the resident's municipal record if that is certain, else puts the resident before a person at the counter. Linked
    /// already: nothing happens.
    pub async fn link(&self, tenant: &TenantId, resident: Resident) -> Result<Resident, Problem> {
        if resident.linked_record.is_some() {
            return Ok(resident);
        }
        for _ in 0..3 {
            match self.search(tenant, &resident).await? {
                Match::One(record) => {
                    let id = resident.tsuno_id;
                    if let Some(linked) = self.join(tenant, id, &record, None).await? {
                        return Ok(linked);
                    }
                }
                Match::Unclear(reason, candidates) => {
                    self.review(tenant, &resident, reason, candidates).await?;
                    return Ok(resident);
                }
            }
        }
        Err(busy())
    }

    /// Residents before a person at the counter, in no particular order; `after` is the last of the previous page.
    pub async fn reviews(
        &self,
        tenant: &TenantId,
        after: Option<TsunoId>,
        limit: usize,
    ) -> Result<Vec<LinkReview>, Problem> {
        let page = Scan { limit, after: after.map(|id| id.as_bytes().to_vec()), ..Scan::default() };
        let found =
            records::scan::<LinkReview>(&*self.services.store, tenant, LINK_REVIEWS, &page).await?;
        Ok(found.into_iter().map(|(_, kept)| kept.data).collect())
    }

    /// Why this resident waits for a person at the counter.
    pub async fn link_review(&self, tenant: &TenantId, id: TsunoId) -> Result<LinkReview, Problem> {
        let store = &*self.services.store;
        let review =
            records::read::<LinkReview>(store, tenant, LINK_REVIEWS, id.as_bytes()).await?;
        Ok(review.ok_or_else(Problem::not_found)?.data)
    }

    /// Links the record that a person at the counter found for a resident in the queue.
    pub async fn decide_link(
        &self,
        tenant: &TenantId,
        staff: Staff<'_>,
        id: TsunoId,
        record: &str,
    ) -> Result<(), Problem> {
        let review = self.link_review(tenant, id).await?;
        if !review.candidates.iter().any(|candidate| candidate == record) {
            let detail = "it can only be one of the candidates";
            return Err(Problem::new(ProblemCode::BadRequestData, detail).at("record"));
        }
        self.join(tenant, id, record, Some(staff)).await?.map(|_| ()).ok_or_else(busy)
    }

    async fn search(&self, tenant: &TenantId, resident: &Resident) -> Result<Match, Problem> {
        let store = &*self.services.store;
        let mut agreeing: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        let mut crowded = false;
        let (keys, hints) = (&resident.match_keys, &resident.hints);
        let all = keys.iter().map(|key| (key, true)).chain(hints.iter().map(|key| (key, false)));
        for (key, is_key) in all {
            let prefix = unhex(key);
            let page = Scan { prefix: prefix.clone(), limit: MOST, ..Scan::default() };
            let found = store.records(tenant, MATCH_KEYS, &page).await?;
            crowded |= is_key && found.len() == MOST;
            for (key, _) in found {
                if let Some(Ok(id)) = key.strip_prefix(prefix.as_slice()).map(std::str::from_utf8) {
                    let (keys, hints) = agreeing.entry(id.to_owned()).or_default();
                    *if is_key { keys } else { hints } += 1;
                }
            }
        }
        let view = self.services.view(tenant, "link")?;
        let (mut enough, mut some, mut ended) = (Vec::new(), Vec::new(), false);
        for (id, (keys, hints)) in agreeing {
            let Some(found) = store.entity(&view, &id).await? else {
                continue;
            };
            let record =
                found.doc.decode().map_err(|_| person::internal("a stored record is damaged"))?;
            if record.attribute(&iri("person")).is_some() {
                continue;
            }
            if keys >= ENOUGH && has_ended(&record) {
                ended = true;
            } else if keys >= ENOUGH {
                enough.push(id.clone());
            }
            some.push((id, score(keys, hints)));
        }
        // The best first; those that agree as well in the order of their ids.
        some.sort_by_key(|(_, score)| std::cmp::Reverse(*score));
        Ok(match (enough.pop(), enough.is_empty() && !crowded) {
            (Some(one), true) => Match::One(one),
            (Some(_), false) => Match::Unclear(ReviewReason::Several, some),
            (None, _) if ended => Match::Unclear(ReviewReason::Ended, some),
            (None, _) if some.is_empty() => Match::Unclear(ReviewReason::None, some),
            (None, _) => Match::Unclear(ReviewReason::Uncertain, some),
        })
    }

    /// Writes the link on both sides and its record of access, in one transaction. `None`: something changed meanwhile.
    async fn join(
        &self,
        tenant: &TenantId,
        id: TsunoId,
        record: &str,
        staff: Option<Staff<'_>>,
    ) -> Result<Option<Resident>, Problem> {
        let store = &*self.services.store;
        let now = self.services.clock.micros();
        let (view, person) = (self.services.view(tenant, "link")?, iri("person"));
        let (Some(found), Some(kept)) =
            (store.entity(&view, record).await?, self.kept(tenant, id).await?)
        else {
            return Ok(None);
        };
        if let Some(linked) = &kept.data.linked_record {
            tracing::debug!(same = linked == record, "a record was linked at the same moment");
            return Ok(Some(kept.data));
        }
        let mut entity =
            found.doc.decode().map_err(|_| person::internal("a stored record is damaged"))?;
        if entity.attribute(&person).is_some() {
            return Ok(None);
        }
        let mut relationship = Instance::relationship(&id.urn(), now)
            .map_err(|_| person::internal("a relationship could not be written"))?;
        relationship.publisher = Some(PUBLISHER.to_owned());
        entity.set(person.clone(), relationship);
        entity.subject = Some(id.to_string());
        entity.modified_at = now;
        let mut resident = kept.data;
        resident.linked_record = Some(record.to_owned());
        let mut access = self.services.access("platform:link".to_owned(), Some(id), Action::Link);
        access.types = vec![iri("ResidentRecord")];
        access.attributes = vec![person];
        "two-keys-agree".clone_into(&mut access.reason);
        if let Some(staff) = staff {
            staff.actor.clone_into(&mut access.actor);
            staff.request.clone_into(&mut access.request);
            "counter-linked".clone_into(&mut access.reason);
        }
        access.count = 1;
        let mut set = WriteSet::new(tenant.clone())
            .with(Op::PutEntity {
                doc: EntityDoc::from(&entity),
                expect: Expect::Version(found.version),
            })
            .with(records::put(
                RESIDENTS,
                id.as_bytes(),
                None,
                &resident,
                Expect::Version(kept.version),
            )?)
            .with(records::delete(LINK_REVIEWS, id.as_bytes(), Expect::Any));
        set.ops.push(if has_ended(&entity) {
            Suspension::MovedOut.begin(id, now)?
        } else {
            Suspension::MovedOut.end(id)
        });
        set.ops.extend(self.services.log.ops(&access)?);
        Ok(records::try_commit(store, set).await?.then_some(resident))
    }

    async fn review(
        &self,
        tenant: &TenantId,
        resident: &Resident,
        reason: ReviewReason,
        candidates: Vec<(String, u8)>,
    ) -> Result<(), Problem> {
        let id = resident.tsuno_id;
        let store = &*self.services.store;
        let known = records::read::<LinkReview>(store, tenant, LINK_REVIEWS, id.as_bytes()).await?;
        let since = known.as_ref().map_or(self.services.clock.micros(), |kept| kept.data.since);
        let (candidates, scores) = candidates.into_iter().unzip();
        let review = LinkReview { tsuno_id: id, reason, candidates, scores, since };
        if known.is_some_and(|kept| kept.data == review) {
            return Ok(());
        }
        let op = records::put(LINK_REVIEWS, id.as_bytes(), None, &review, Expect::Any)?;
        let mut set = WriteSet::new(tenant.clone()).with(op);
        if reason == ReviewReason::Ended {
            set.ops.push(Suspension::MovedOut.begin(id, self.services.clock.micros())?);
        }
        store.commit(set).await?;
        Ok(())
    }
}
