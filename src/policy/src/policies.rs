//! The policies: those that are part of the program, what a town forbids beyond them, and how one question is put to them.
//!
//! They are written in Cedar (`policies/*.cedar`), checked against a schema when they are loaded, and proved safe by the tests
//! of this room. A town may add policies of its own, as far as they forbid: what is taken away keeps the proof.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr as _;
use std::sync::{Arc, LazyLock};

use cedar_policy::{
    ActionConstraint, AuthorizationError, Authorizer, Decision, Effect, EntityId, EntityTypeName,
    EntityUid, Policy, PolicyId, PolicySet, Request, Schema, ValidationMode, Validator,
};
use tsunagu_domain::Text;

use crate::lately::Lately;
use crate::question::{self, Known};

/// The vocabulary of the policies.
const SCHEMA: &str = include_str!("../policies/tsunagu.cedarschema");
/// The policies of the program.
const BUILT_IN: [&str; 2] =
    [include_str!("../policies/personal.cedar"), include_str!("../policies/open.cedar")];

/// What can be done, as the schema names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    ActFor,
    Read,
    Write,
    ReadOwn,
    ReadInCase,
    Publish,
    ReadOpenData,
    WriteOpenData,
    ManageSources,
    Maintain,
}

impl Action {
    const ALL: [Self; 10] = [
        Self::ActFor,
        Self::Read,
        Self::Write,
        Self::ReadOwn,
        Self::ReadInCase,
        Self::Publish,
        Self::ReadOpenData,
        Self::WriteOpenData,
        Self::ManageSources,
        Self::Maintain,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::ActFor => "actFor",
            Self::Read => "read",
            Self::Write => "write",
            Self::ReadOwn => "readOwn",
            Self::ReadInCase => "readInCase",
            Self::Publish => "publish",
            Self::ReadOpenData => "readOpenData",
            Self::WriteOpenData => "writeOpenData",
            Self::ManageSources => "manageSources",
            Self::Maintain => "maintain",
        }
    }
}

/// A policy set that is not loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Not Cedar, or not the Cedar of this schema.
    #[error("the policies are not readable: {0}")]
    Unreadable(String),
    /// They contradict the schema, or can never apply.
    #[error("the policies do not fit the schema: {0}")]
    Unfit(String),
    /// A policy without a usable `@id`, `@ja` or `@en`.
    #[error(
        "the policy {0} needs the annotations @id (small letters, digits and hyphens, used once), @ja and @en: residents read why something was decided"
    )]
    Unexplained(String),
    /// A town's policy that permits.
    #[error(
        "the policy '{0}' permits; a town can only forbid, for what is permitted has been proved safe as a whole"
    )]
    Permits(String),
}

/// A set of policies, checked and ready to decide. Cheap to clone.
#[derive(Clone)]
pub struct Policies(Arc<Rules>);

struct Rules {
    authorizer: Authorizer,
    /// For each action the policies whose scope names it: the others cannot have a say.
    by_act: BTreeMap<Action, Slice>,
    reasons: BTreeMap<String, Text>,
    types: Types,
    /// What the program's own policies say about the platform's tasks, which is the same for all of them.
    maintenance: Verdict,
    /// Whether a town forbids more.
    extended: bool,
    lately: Lately,
}

struct Slice {
    action: EntityUid,
    policies: PolicySet,
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.reasons.keys()).finish()
    }
}

impl Policies {
    /// The policies of the program alone.
    pub fn built_in() -> Result<&'static Self, PolicyError> {
        static BUILT: LazyLock<Result<Policies, PolicyError>> =
            LazyLock::new(|| Policies::load(&program()?, &[]));
        BUILT.as_ref().map_err(Clone::clone)
    }

    /// The policies of the program and those by which a town forbids more, as Cedar text.
    pub fn with_forbids(cedar: &str) -> Result<Self, PolicyError> {
        let town = read(cedar)?;
        if let Some(permit) = town.iter().find(|policy| policy.effect() != Effect::Forbid) {
            return Err(PolicyError::Permits(permit.id().to_string()));
        }
        Self::load(&program()?, &town)
    }

    fn load(program: &[Policy], town: &[Policy]) -> Result<Self, PolicyError> {
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA)
            .map_err(|error| PolicyError::Unreadable(error.to_string()))?;
        let unexplained = |policy: &Policy| PolicyError::Unexplained(policy.id().to_string());
        let mut reasons = BTreeMap::new();
        let mut all = PolicySet::new();
        for policy in program.iter().chain(town) {
            let text = |key| policy.annotation(key).filter(|text| !text.is_empty());
            let (Some(ja), Some(en)) = (text("ja"), text("en")) else {
                return Err(unexplained(policy));
            };
            let reason = Text { ja: ja.to_owned(), en: en.to_owned() };
            reasons.insert(policy.id().to_string(), reason);
            // An id that is there already is refused here.
            all.add(policy.clone()).map_err(|_| unexplained(policy))?;
        }
        let checked = Validator::new(schema).validate(&all, ValidationMode::Strict);
        if !checked.validation_passed_without_warnings() {
            return Err(PolicyError::Unfit(checked.to_string()));
        }
        let types = Types::new().ok_or_else(|| PolicyError::Unreadable("a name".to_owned()))?;
        let by_act = Action::ALL.into_iter().map(|act| {
            let action = uid(&types.action, act.name());
            // The platform could not work if a town forbade it to.
            let town = town.iter().filter(|_| act != Action::Maintain);
            let named = program.iter().chain(town).filter(|policy| applies(policy, &action));
            PolicySet::from_policies(named.cloned())
                .map(|policies| (act, Slice { action, policies }))
                .map_err(|error| PolicyError::Unreadable(error.to_string()))
        });
        let by_act = by_act.collect::<Result<_, _>>()?;
        let authorizer = Authorizer::new();
        let maintenance = Verdict::default();
        let (extended, lately) = (!town.is_empty(), Lately::default());
        let mut rules = Rules { authorizer, by_act, reasons, types, maintenance, extended, lately };
        let task = uid(&rules.types.task, "");
        let everything = uid(&rules.types.everything, "");
        rules.maintenance = rules.ask(&task, Action::Maintain, &everything, &question::nothing());
        Ok(Self(Arc::new(rules)))
    }

    /// Why a policy decides, in the words of residents; `None` for what is no policy of this set.
    pub fn reason(&self, id: &str) -> Option<&Text> {
        self.0.reasons.get(id)
    }

    /// Whether decisions about a consent stay as they are within its period: the program's own policies look at the moment for that alone.
    pub(crate) fn is_steady(&self) -> bool {
        !self.0.extended
    }

    pub(crate) fn lately(&self) -> &Lately {
        &self.0.lately
    }

    pub(crate) fn types(&self) -> &Types {
        &self.0.types
    }

    /// Whether the platform's tasks may do what they have to, which no policy lets depend on the request.
    pub(crate) fn maintenance(&self) -> &Verdict {
        &self.0.maintenance
    }

    /// Puts one question. A policy that cannot be evaluated allows nothing.
    pub(crate) fn ask(
        &self,
        principal: &EntityUid,
        act: Action,
        resource: &EntityUid,
        known: &Known,
    ) -> Verdict {
        self.0.ask(principal, act, resource, known)
    }
}

impl Rules {
    fn ask(
        &self,
        principal: &EntityUid,
        act: Action,
        resource: &EntityUid,
        known: &Known,
    ) -> Verdict {
        let Some(slice) = self.by_act.get(&act) else {
            return Verdict::default();
        };
        let (context, action) = (known.context.clone(), slice.action.clone());
        let request = Request::new(principal.clone(), action, resource.clone(), context, None);
        let Ok(request) = request else {
            return Verdict::default();
        };
        let answer = self.authorizer.is_authorized(&request, &slice.policies, &known.entities);
        let mut failed = answer.diagnostics().errors().peekable();
        if failed.peek().is_some() {
            for AuthorizationError::PolicyEvaluationError(error) in failed {
                tracing::error!(policy = %error.policy_id(), "a policy could not be evaluated");
            }
            return Verdict::default();
        }
        Verdict {
            allowed: answer.decision() == Decision::Allow,
            by: answer.diagnostics().reason().map(ToString::to_string).collect(),
        }
    }
}

/// The types of the schema.
pub(crate) struct Types {
    action: EntityTypeName,
    pub(crate) anonymous: EntityTypeName,
    pub(crate) consumer: EntityTypeName,
    pub(crate) machine: EntityTypeName,
    pub(crate) resident: EntityTypeName,
    pub(crate) member: EntityTypeName,
    pub(crate) task: EntityTypeName,
    pub(crate) attribute: EntityTypeName,
    pub(crate) personal_type: EntityTypeName,
    pub(crate) open_data: EntityTypeName,
    pub(crate) everything: EntityTypeName,
}

impl Types {
    fn new() -> Option<Self> {
        let named = |name| EntityTypeName::from_str(name).ok();
        Some(Self {
            action: named("Action")?,
            anonymous: named("Anonymous")?,
            consumer: named("Consumer")?,
            machine: named("Machine")?,
            resident: named("Resident")?,
            member: named("Member")?,
            task: named("Task")?,
            attribute: named("Attribute")?,
            personal_type: named("PersonalType")?,
            open_data: named("OpenData")?,
            everything: named("Everything")?,
        })
    }
}

pub(crate) fn uid(of: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(of.clone(), EntityId::new(id))
}

/// The answer to one question: by default nothing is allowed, by no policy in particular.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) allowed: bool,
    /// The ids of the policies that decided it.
    pub(crate) by: BTreeSet<String>,
}

/// The policies of the program.
fn program() -> Result<Vec<Policy>, PolicyError> {
    read(&BUILT_IN.concat())
}

/// Reads policies and names them by their `@id`.
fn read(cedar: &str) -> Result<Vec<Policy>, PolicyError> {
    let set =
        PolicySet::from_str(cedar).map_err(|error| PolicyError::Unreadable(error.to_string()))?;
    if let Some(template) = set.templates().next() {
        return Err(PolicyError::Unfit(format!("{} is a template", template.id())));
    }
    let usable = |id: &&str| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        (1..=64).contains(&id.len()) && id.chars().all(plain)
    };
    let named = set.policies().map(|policy| {
        let id = policy.annotation("id").filter(usable);
        let id = id.ok_or_else(|| PolicyError::Unexplained(policy.id().to_string()))?;
        Ok(policy.new_id(PolicyId::new(id)))
    });
    named.collect()
}

/// Whether the scope of the policy lets it have a say about the action. The schema has no groups of actions.
fn applies(policy: &Policy, action: &EntityUid) -> bool {
    match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(one) => one == *action,
        ActionConstraint::In(several) => several.contains(action),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left out of the policies that are asked about an action could never have had a say.
    #[test]
    fn each_action_asks_every_policy_that_can_apply() {
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA).unwrap();
        let rules = &Policies::built_in().unwrap().0;
        assert_eq!(rules.by_act.len(), schema.actions().count());
        for policy in program().unwrap() {
            let kinds = policy.get_valid_request_envs(&schema);
            let actions: BTreeSet<String> = kinds.map(|kind| kind.action().to_string()).collect();
            assert!(!actions.is_empty());
            for slice in rules.by_act.values() {
                let asked = slice.policies.policy(policy.id()).is_some();
                let applies = actions.contains(&slice.action.to_string());
                assert!(asked || !applies, "{} about {}", policy.id(), slice.action);
            }
        }
    }
}
