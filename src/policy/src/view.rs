//! The view: what one request may see of the store and do to it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use tsunagu_domain::{
    Catalogue, ClientId, Level, PERSON_URN, Problem, ProblemCode, SectorCipher, TenantId,
    Timestamp, TsunoId,
};
use tsunagu_ngsi_ld::{EntityDoc, Projection};

use crate::{Grant, GrantedType};

/// What stands before the identity of an instance.
const INSTANCE_URN: &str = "urn:ngsi-ld:Instance:";
const HEX: [char; 16] =
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];

/// Who acts, for the record of access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Nobody in particular.
    Anonymous,
    /// A registered client.
    Client(ClientId),
    /// A resident.
    Resident(TsunoId),
    /// A member of staff in a case.
    Staff {
        /// What the log calls them.
        name: String,
        /// The case and its reason, as the log names them.
        case: String,
    },
    /// A task of the platform.
    Platform(&'static str),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Open {
    pub(crate) read: bool,
    pub(crate) write: bool,
    /// Context sources: other brokers and what they have.
    pub(crate) sources: bool,
}

#[derive(Debug)]
pub(crate) enum Personal {
    None,
    Granted(Arc<Grant>),
    Own(TsunoId),
    /// Everybody's is read, nobody's written.
    Everybody,
    All,
}

/// What one request may see and do. Made by [`crate::decide`] alone, cheap to clone.
#[derive(Clone)]
pub struct View(Arc<Compiled>, Timestamp);

/// What the policies made of one request.
pub(crate) struct Compiled {
    pub(crate) tenant: TenantId,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) actor: Actor,
    pub(crate) open: Open,
    pub(crate) personal: Personal,
    /// What the resident's login reaches, where there is one.
    pub(crate) login: Option<Level>,
    pub(crate) publishes: Vec<String>,
    pub(crate) mask: Option<Arc<SectorCipher>>,
    pub(crate) because: Because,
}

/// Which policies let personal data be read and written, by their ids.
#[derive(Default)]
pub(crate) struct Because {
    pub(crate) read: BTreeSet<String>,
    pub(crate) write: BTreeSet<String>,
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("tenant", &self.0.tenant)
            .field("actor", &self.0.actor)
            .finish_non_exhaustive()
    }
}

impl View {
    pub(crate) fn compile(compiled: Compiled, now: Timestamp) -> Self {
        Self(Arc::new(compiled), now)
    }

    /// The same at another moment at which the decision holds.
    pub(crate) fn at(&self, now: Timestamp) -> Self {
        Self(Arc::clone(&self.0), now)
    }

    /// The municipality whose data this is.
    pub fn tenant(&self) -> &TenantId {
        &self.0.tenant
    }

    /// The moment of the decision: what has ended by then (clause 4.22) does not exist for the request.
    pub fn now(&self) -> Timestamp {
        self.1
    }

    /// Who acts.
    pub fn actor(&self) -> &Actor {
        &self.0.actor
    }

    /// The ids of the policies that let personal data be read, or written, through this view.
    pub fn allowed_by(&self, writing: bool) -> impl Iterator<Item = &str> {
        let because = &self.0.because;
        let policies = if writing { &because.write } else { &because.read };
        policies.iter().map(String::as_str)
    }

    /// The catalogue that the decisions rest on.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.0.catalogue
    }

    /// The grant under which personal data is seen, if that is how, with those of its attributes that the policies let through.
    pub fn grant(&self) -> Option<&Grant> {
        match &self.0.personal {
            Personal::Granted(grant) => Some(grant),
            _ => None,
        }
    }

    /// How surely the resident was known in the login that the decision rests on: behind a consumer's token that in which the app was
    /// connected. `None` where no resident logged in.
    pub fn assurance(&self) -> Option<Level> {
        self.0.login
    }

    /// The one person whose personal entities can be in view at all: a planner may start from them. `None` says nothing.
    pub fn only_subject(&self) -> Option<TsunoId> {
        match &self.0.personal {
            Personal::Granted(grant) => Some(grant.subject),
            Personal::Own(subject) => Some(*subject),
            Personal::None | Personal::Everybody | Personal::All => None,
        }
    }

    /// Whether anything about persons can be in view at all.
    pub fn may_see_persons(&self) -> bool {
        !self.0.publishes.is_empty()
            || match &self.0.personal {
                Personal::None => false,
                Personal::Granted(grant) => !grant.read.is_empty(),
                Personal::Own(_) | Personal::Everybody | Personal::All => true,
            }
    }

    /// Whether entities of this (expanded) type can be in view at all.
    pub fn may_see_type(&self, entity_type: &str) -> bool {
        if self.0.catalogue.personal_type(entity_type).is_none() {
            return self.0.open.read;
        }
        self.publishes(entity_type)
            || match &self.0.personal {
                Personal::None => false,
                Personal::Granted(grant) => grant.read.iter().any(|g| g.entity_type == entity_type),
                Personal::Own(_) | Personal::Everybody | Personal::All => true,
            }
    }

    /// What of `doc` is in view; `None` when nothing is, which must look the same as a document that is not there.
    pub fn cut<'a>(&'a self, doc: &'a EntityDoc) -> Option<Cut<'a>> {
        let inner = &*self.0;
        let whole = || Cut { view: self, seen: Seen::Whole };
        if !inner.catalogue.is_personal(doc.types()) {
            return inner.open.read.then(whole);
        }
        let about = |subject: TsunoId| doc.subject().and_then(|s| s.parse().ok()) == Some(subject);
        let granted = match &inner.personal {
            Personal::Everybody | Personal::All => return Some(whole()),
            Personal::Own(subject) if about(*subject) => return Some(whole()),
            Personal::Granted(grant) if about(grant.subject) => {
                let types: Vec<&GrantedType> =
                    grant.read.iter().filter(|g| doc.types().any(|t| t == g.entity_type)).collect();
                (!types.is_empty()).then_some(Seen::Granted(types))
            }
            _ => None,
        };
        if let Some(seen) = granted {
            return Some(Cut { view: self, seen });
        }
        // A publisher reads back what it wrote itself, and of the entity only the types it publishes.
        let me = self.client()?;
        let mine = doc.types().any(|t| self.publishes(t))
            && doc.attributes().any(|a| a.publisher() == Some(me.as_str()));
        mine.then_some(Cut { view: self, seen: Seen::Published(me) })
    }

    /// Whether an entity with these types about this person may be created, or changed in this attribute.
    pub fn may_write(
        &self,
        types: &[String],
        subject: Option<TsunoId>,
        attribute: &str,
    ) -> Result<(), Problem> {
        let inner = &*self.0;
        if matches!(inner.personal, Personal::All) {
            return Ok(());
        }
        let personal: Vec<&String> =
            types.iter().filter(|t| inner.catalogue.personal_type(t).is_some()).collect();
        if personal.is_empty() {
            return if inner.open.write { Ok(()) } else { Err(no_scope()) };
        }
        // Every type of a personal entity must be one the actor may write, or types could be smuggled in.
        if types.iter().all(|t| self.publishes(t)) {
            return Ok(());
        }
        if let Personal::Granted(grant) = &inner.personal {
            let covered = |t: &String| {
                grant
                    .write
                    .iter()
                    .any(|g| g.entity_type == *t && g.attributes.iter().any(|a| a == attribute))
            };
            if subject == Some(grant.subject) && types.iter().all(covered) {
                return Ok(());
            }
        }
        Err(Problem::new(
            ProblemCode::Forbidden,
            "this client may not write this attribute of this entity type about this person; it needs a consent with the action 'write' or a registration as publisher",
        ))
    }

    /// Whether entities about nobody may be written, and with them what belongs to no entity, such as hosted @contexts.
    pub fn may_write_open_data(&self) -> Result<(), Problem> {
        if self.0.open.write { Ok(()) } else { Err(no_scope()) }
    }

    /// Whether context sources may be registered here.
    pub fn may_manage_sources(&self) -> Result<(), Problem> {
        if self.0.open.sources {
            return Ok(());
        }
        Err(Problem::new(
            ProblemCode::Forbidden,
            "this client is not registered to manage context sources; it needs manages_sources",
        ))
    }

    /// Whether context sources may be looked for: like open data, of which they have more.
    pub fn may_find_sources(&self) -> Result<(), Problem> {
        if self.0.open.read || self.0.open.sources {
            return Ok(());
        }
        Err(Problem::new(
            ProblemCode::Forbidden,
            "this client may not read open data, and so not look for sources of it",
        ))
    }

    /// Whether the stored entity may be deleted whole: by its platform, by a writer of open data, or by the one who wrote all of it.
    pub fn may_delete(&self, doc: &EntityDoc) -> Result<(), Problem> {
        let types: Vec<String> = doc.types().map(str::to_owned).collect();
        let subject = doc.subject().and_then(|s| s.parse().ok());
        let me = self.client().map(ClientId::as_str);
        let personal = self.0.catalogue.is_personal(doc.types());
        for attribute in doc.attributes() {
            self.may_write(&types, subject, attribute.name())?;
            let own = matches!(self.0.personal, Personal::All) || attribute.publisher() == me;
            if personal && !own {
                return Err(Problem::new(
                    ProblemCode::Forbidden,
                    "parts of this entity were written by others; only its publisher may delete it",
                ));
            }
        }
        // An entity without attributes is decided like one with an attribute of no name.
        self.may_write(&types, subject, "").or_else(|problem| {
            if doc.attributes().next().is_some() { Ok(()) } else { Err(problem) }
        })
    }

    /// The client's name to keep beside what it writes.
    pub fn publisher(&self) -> Option<&str> {
        self.client().map(ClientId::as_str)
    }

    /// An id as the actor writes it → as it is stored.
    pub fn inward_id<'a>(&self, id: &'a str) -> Cow<'a, str> {
        match &self.0.mask {
            Some(cipher) => cipher.inward_urn(id),
            None => Cow::Borrowed(id),
        }
    }

    /// An id as it is stored → as the actor may see it.
    pub fn outward_id<'a>(&self, id: &'a str) -> Cow<'a, str> {
        match &self.0.mask {
            Some(cipher) => cipher.outward_urn(id),
            None => Cow::Borrowed(id),
        }
    }

    /// An id as the actor writes it, by whatever name it knows the person → as it may see it now.
    pub fn current_id<'a>(&self, id: &'a str) -> Cow<'a, str> {
        match &self.0.mask {
            Some(cipher) if cipher.understands_earlier() => {
                let inward = cipher.inward_urn(id);
                Cow::Owned(cipher.outward_urn(&inward).into_owned())
            }
            _ => Cow::Borrowed(id),
        }
    }

    /// The identity of an instance in a temporal evolution, as the actor may see it: another one in each sector.
    pub fn outward_instance(&self, id: [u8; 16]) -> String {
        write_instance(self.0.mask.as_ref().map_or(id, |cipher| cipher.outward_block(id)))
    }

    /// The instances that the actor may mean: none when it was never shown one of this name, and a second as long as the key of its sector
    /// before the current one is understood.
    pub fn inward_instances(&self, urn: &str) -> Vec<[u8; 16]> {
        let Some(block) = read_instance(urn) else { return Vec::new() };
        match &self.0.mask {
            Some(cipher) => cipher.inward_blocks(block).collect(),
            None => vec![block],
        }
    }

    /// Whether ids are rewritten for this actor.
    pub fn is_masked(&self) -> bool {
        self.0.mask.is_some()
    }

    /// Whether all open data is seen whole and unmasked: such answers are the same for everybody and may be shared.
    pub fn sees_open_data_plainly(&self) -> bool {
        self.0.open.read
    }

    fn client(&self) -> Option<&ClientId> {
        match &self.0.actor {
            Actor::Client(client) => Some(client),
            _ => None,
        }
    }

    fn publishes(&self, entity_type: &str) -> bool {
        self.0.publishes.iter().any(|t| t == entity_type)
    }
}

fn write_instance(block: [u8; 16]) -> String {
    let mut urn = String::with_capacity(INSTANCE_URN.len() + 36);
    urn.push_str(INSTANCE_URN);
    for (at, byte) in block.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            urn.push('-');
        }
        urn.push(HEX[usize::from(byte >> 4)]);
        urn.push(HEX[usize::from(byte & 15)]);
    }
    urn
}

fn read_instance(urn: &str) -> Option<[u8; 16]> {
    let digits = urn.strip_prefix(INSTANCE_URN)?.chars().filter(|c| *c != '-');
    let digits: Option<Vec<u8>> = digits.map(|c| u8::try_from(c.to_digit(16)?).ok()).collect();
    let bytes: Vec<u8> =
        digits?.chunks_exact(2).map(|pair| pair.iter().fold(0, |all, d| all << 4 | d)).collect();
    let block: [u8; 16] = bytes.try_into().ok()?;
    // In exactly one spelling.
    (write_instance(block) == urn).then_some(block)
}

fn no_scope() -> Problem {
    Problem::new(
        ProblemCode::Forbidden,
        "this client is not registered to write open data in this tenant",
    )
}

/// What of one document is in view.
#[derive(Debug)]
pub struct Cut<'a> {
    view: &'a View,
    seen: Seen<'a>,
}

#[derive(Debug)]
enum Seen<'a> {
    Whole,
    Granted(Vec<&'a GrantedType>),
    Published(&'a ClientId),
}

impl Cut<'_> {
    /// Whether nothing is hidden: but for ids of persons, which may be rewritten, everybody with a whole cut is shown the same.
    pub fn is_whole(&self) -> bool {
        matches!(self.seen, Seen::Whole)
    }

    /// Whether nothing is hidden and no id rewritten, so that the answer may be shared.
    pub fn is_plain(&self) -> bool {
        matches!(self.seen, Seen::Whole) && !self.view.is_masked()
    }
}

impl Projection for Cut<'_> {
    fn entity_type(&self, iri: &str) -> bool {
        match &self.seen {
            Seen::Whole => true,
            Seen::Granted(types) => types.iter().any(|g| g.entity_type == iri),
            Seen::Published(_) => self.view.publishes(iri),
        }
    }

    fn attribute(&self, name: &str, publisher: Option<&str>) -> bool {
        match &self.seen {
            Seen::Whole => true,
            Seen::Granted(types) => types.iter().any(|g| g.attributes.iter().any(|a| a == name)),
            Seen::Published(me) => publisher == Some(me.as_str()),
        }
    }

    fn shows_all(&self) -> bool {
        self.is_whole()
    }

    fn outward_id<'a>(&self, id: &'a str) -> Cow<'a, str> {
        self.view.outward_id(id)
    }

    fn current_id<'a>(&self, id: &'a str) -> Cow<'a, str> {
        self.view.current_id(id)
    }

    fn id_marker(&self) -> Option<&str> {
        self.view.is_masked().then_some(PERSON_URN)
    }
}
