//! From what is proven about a request to what it may see and do: each question is put to the policies, once, when the view is
//! compiled. No policy is asked for an entity.

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::EntityUid;
use tsunagu_domain::{Assurance, TsunoId};

use crate::policies::{Action, Policies, uid};
use crate::question::{self, Acting, Known, Registration};
use crate::view::{Actor, Because, Compiled, Open, Personal, View};
use crate::{Asked, Client, Denied, Grant, GrantedType, Principal, StaffCase};

/// Compiles what `asked` may see and do under the policies of the program alone.
pub fn decide(asked: &Asked<'_>) -> Result<View, Denied> {
    Policies::built_in().map_err(|_| Denied::Undecided)?.decide(asked)
}

impl Policies {
    /// Compiles what `asked` may see and do. What no policy permits is not in the view. The same facts have the same answer, so that one given
    /// lately is given again; everything that can change is a fact.
    pub fn decide(&self, asked: &Asked<'_>) -> Result<View, Denied> {
        self.lately().view(asked, self.is_steady(), || self.compile(asked))
    }

    fn compile(&self, asked: &Asked<'_>) -> Result<View, Denied> {
        let case = Case { policies: self, asked };
        match &asked.principal {
            Principal::Anonymous { reads_open_data } => case.anonymous(*reads_open_data),
            Principal::Machine { client } => case.machine(client),
            Principal::Consumer { client, subject, grant, purpose, assurance } => {
                let (subject, grant, purpose) = (*subject, *grant, *purpose);
                case.consumer(
                    client,
                    &Acting { now: asked.now, subject, grant, purpose, assurance },
                )
            }
            Principal::Resident { subject, assurance } => case.resident(*subject, assurance),
            Principal::Staff { name, account, case: of } => case.staff(name, account, of),
            Principal::Platform { task } => case.platform(task),
        }
    }
}

/// One request before the policies.
struct Case<'a> {
    policies: &'a Policies,
    asked: &'a Asked<'a>,
}

impl Case<'_> {
    fn anonymous(&self, reads_open_data: bool) -> Result<View, Denied> {
        let published = Registration { reads_open_data, ..Registration::default() };
        let nobody = uid(&self.policies.types().anonymous, "");
        let open = self.open(&nobody, &[Action::ReadOpenData], published)?;
        Ok(self.view(self.compiled(Actor::Anonymous, open)))
    }

    fn machine(&self, client: &Client) -> Result<View, Denied> {
        let types = self.policies.types();
        let me = uid(&types.machine, client.id.as_str());
        let acts = [Action::ReadOpenData, Action::WriteOpenData, Action::ManageSources];
        let open = self.open(&me, &acts, client.into())?;
        let (mut publishes, mut because) = (Vec::new(), Because::default());
        if !client.publishes.is_empty() {
            let known = question::publishing(types, &client.publishes)?;
            for name in &client.publishes {
                let resource = uid(&types.personal_type, name);
                let verdict = self.policies.ask(&me, Action::Publish, &resource, &known);
                if verdict.allowed {
                    publishes.push(name.clone());
                    because.read.extend(verdict.by.iter().cloned());
                    because.write.extend(verdict.by);
                }
            }
        }
        let mask = client.sector.clone();
        let rest = self.compiled(Actor::Client(client.id.clone()), open);
        Ok(self.view(Compiled { publishes, mask, because, ..rest }))
    }

    fn consumer(&self, client: &Client, acting: &Acting<'_>) -> Result<View, Denied> {
        let types = self.policies.types();
        let me = uid(&types.consumer, client.id.as_str());
        let known = acting.known(types)?;
        let resident = question::resident(types, acting.subject);
        let verdict = self.policies.ask(&me, Action::ActFor, &resident, &known);
        let Some(grant) = acting.grant.filter(|_| verdict.allowed) else {
            return Err(Denied::by(&verdict));
        };
        let mut because = Because::default();
        let read = self.attributes(&me, Action::Read, &grant.read, &known, &mut because.read);
        let write = self.attributes(&me, Action::Write, &grant.write, &known, &mut because.write);
        let allowed = if read == grant.read && write == grant.write {
            Arc::clone(grant)
        } else {
            Arc::new(Grant { read, write, ..Grant::clone(grant) })
        };
        let personal = Personal::Granted(allowed);
        let open = self.open(&me, &[Action::ReadOpenData], client.into())?;
        // A consumer has no publisher's eyes: after withdrawal not even its own writes may be read back.
        let rest = self.compiled(Actor::Client(client.id.clone()), open);
        let login = Some(acting.assurance.level());
        Ok(self.view(Compiled { personal, login, mask: client.sector.clone(), because, ..rest }))
    }

    /// The attributes that may be read or written, type by type; a type none of whose attributes may be is left out.
    fn attributes(
        &self,
        me: &EntityUid,
        act: Action,
        granted: &[GrantedType],
        known: &Known,
        because: &mut BTreeSet<String>,
    ) -> Vec<GrantedType> {
        let types = self.policies.types();
        let mut allowed = |entity_type: &str, name: &str| {
            let resource = question::attribute(types, entity_type, name);
            let verdict = self.policies.ask(me, act, &resource, known);
            let allowed = verdict.allowed;
            because.extend(verdict.by.into_iter().filter(|_| allowed));
            allowed
        };
        let of_type = |granted: &GrantedType| {
            let entity_type = granted.entity_type.clone();
            let names = granted.attributes.iter().filter(|name| allowed(&entity_type, name));
            let attributes: Vec<String> = names.cloned().collect();
            (!attributes.is_empty()).then_some(GrantedType { entity_type, attributes })
        };
        granted.iter().filter_map(of_type).collect()
    }

    fn resident(&self, subject: TsunoId, assurance: &Assurance) -> Result<View, Denied> {
        let me = question::resident(self.policies.types(), subject);
        let own = self.policies.ask(&me, Action::ReadOwn, &me, &question::own(assurance)?);
        if !own.allowed {
            return Err(Denied::by(&own));
        }
        let open = self.open(&me, &[Action::ReadOpenData], Registration::default())?;
        let because = Because { read: own.by, write: BTreeSet::new() };
        let rest = self.compiled(Actor::Resident(subject), open);
        let (personal, login) = (Personal::Own(subject), Some(assurance.level()));
        Ok(self.view(Compiled { personal, login, because, ..rest }))
    }

    fn staff(&self, name: &str, account: &str, case: &StaffCase) -> Result<View, Denied> {
        let types = self.policies.types();
        let me = uid(&types.member, account);
        let (resource, personal) = match case.subject {
            Some(subject) => (question::resident(types, subject), Personal::Own(subject)),
            None => (uid(&types.everything, ""), Personal::Everybody),
        };
        let known = question::in_case(types, case, self.asked.now)?;
        let verdict = self.policies.ask(&me, Action::ReadInCase, &resource, &known);
        if !verdict.allowed {
            return Err(Denied::by(&verdict));
        }
        let because = Because { read: verdict.by, write: BTreeSet::new() };
        let actor = Actor::Staff { name: name.to_owned(), case: case.said.clone() };
        let open = Open { read: false, write: false, sources: false };
        Ok(self.view(Compiled { personal, because, ..self.compiled(actor, open) }))
    }

    fn platform(&self, task: &'static str) -> Result<View, Denied> {
        let by = self.policies.maintenance();
        if !by.allowed {
            return Err(Denied::by(by));
        }
        let open = Open { read: true, write: true, sources: true };
        let because = Because { read: by.by.clone(), write: by.by.clone() };
        let rest = self.compiled(Actor::Platform(task), open);
        Ok(self.view(Compiled { personal: Personal::All, because, ..rest }))
    }

    /// What is allowed of these acts with data about nobody.
    fn open(
        &self,
        me: &EntityUid,
        acts: &[Action],
        registered: Registration,
    ) -> Result<Open, Denied> {
        let resource = uid(&self.policies.types().open_data, self.asked.tenant.as_str());
        let known = registered.known()?;
        let may =
            |act| acts.contains(&act) && self.policies.ask(me, act, &resource, &known).allowed;
        Ok(Open {
            read: may(Action::ReadOpenData),
            write: may(Action::WriteOpenData),
            sources: may(Action::ManageSources),
        })
    }

    fn view(&self, compiled: Compiled) -> View {
        View::compile(compiled, self.asked.now)
    }

    /// A view of open data, as far as it is allowed, and of nobody's own.
    fn compiled(&self, actor: Actor, open: Open) -> Compiled {
        Compiled {
            tenant: self.asked.tenant.clone(),
            catalogue: Arc::clone(self.asked.catalogue),
            actor,
            open,
            personal: Personal::None,
            login: None,
            publishes: Vec::new(),
            mask: None,
            because: Because::default(),
        }
    }
}

impl From<&Client> for Registration {
    fn from(client: &Client) -> Self {
        Self {
            reads_open_data: client.reads_open_data,
            writes_open_data: client.writes_open_data,
            manages_sources: client.manages_sources,
        }
    }
}
