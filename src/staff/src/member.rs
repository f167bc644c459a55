//! Who is a member of staff.
//!
//! The configuration says it, and it alone (ADR 0015): a provider vouches for an account and nothing more. What the configuration says is kept in
//! the store, so that a change of it is in the log and counts in every process; who is taken out has no role from then on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use tsunagu_domain::{Problem, ProblemCode, TenantId};
use tsunagu_identity::Services;
use tsunagu_store::WriteSet;
use tsunagu_store::access::{Access, Action, Decision};

use crate::Role;
use crate::records::{self, ATTEMPTS, Kept, MEMBERS};

/// What members are called in records of access.
const MEMBER_TYPE: &str = "urn:tsunagu:type:StaffMember";
/// Longest name.
const MAX_NAME: usize = 64;

/// An account at a provider: issuer and subject, as a digest. One person is one account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Account(String);

impl Account {
    /// The digest, hexadecimal.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The account `subject` at `issuer` (OpenID Connect Core section 5.7: only both together name somebody).
    pub fn of(issuer: &str, subject: &str) -> Self {
        let bytes = [issuer.as_bytes(), &[0], subject.as_bytes()].concat();
        let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
        let digest = digest(&SHA256, &bytes);
        Self(digest.as_ref().iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect())
    }
}

/// A member as the configuration says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configured {
    /// What the log and the command line call them, e.g. `kato`. It stays with the account for good.
    pub name: String,
    /// Issuer identifier of the provider that they log in through.
    pub issuer: String,
    /// Their identifier at that provider (`sub`).
    pub subject: String,
    /// What they may do.
    pub roles: Vec<Role>,
}

/// A member with the roles that they have now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// What the log calls them.
    pub name: String,
    /// Who they are.
    pub account: Account,
    /// What they may do.
    pub roles: BTreeSet<Role>,
}

impl Member {
    /// Whether they have one of these roles.
    pub fn has(&self, roles: &[Role]) -> bool {
        roles.iter().any(|role| self.roles.contains(role))
    }
}

/// A member as records name them: by both, so that it is the same person under another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Who {
    /// What they were called then.
    pub name: String,
    /// Who it was.
    pub account: Account,
}

impl From<&Member> for Who {
    fn from(member: &Member) -> Self {
        Self { name: member.name.clone(), account: member.account.clone() }
    }
}

/// The register of members.
#[derive(Clone)]
pub struct Members {
    services: Services,
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Members(…)")
    }
}

fn wrong(detail: impl Into<String>) -> Problem {
    Problem::new(ProblemCode::BadRequestData, detail)
}

impl Members {
    /// The register in the store.
    pub fn new(services: Services) -> Self {
        Self { services }
    }

    /// Whether these members can stand beside one another: plain names, each once, and each account once.
    pub fn check(members: &[Configured]) -> Result<(), Problem> {
        let (mut names, mut accounts) = (BTreeSet::new(), BTreeSet::new());
        for member in members {
            let name = &member.name;
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            if !(1..=MAX_NAME).contains(&name.len()) || !name.bytes().all(plain) {
                return Err(wrong(format!(
                    "the name of the member '{name}' must have 1 to {MAX_NAME} small letters, digits and hyphens"
                )));
            }
            if member.issuer.is_empty() || member.subject.is_empty() {
                return Err(wrong(format!("the member '{name}' has no issuer or no subject")));
            }
            if !names.insert(name) {
                return Err(wrong(format!("there are two members of the name '{name}'")));
            }
            if !accounts.insert((&member.issuer, &member.subject)) {
                return Err(wrong(format!(
                    "the account of the member '{name}' is another member's already: one person is one member"
                )));
            }
        }
        Ok(())
    }

    /// Puts what the configuration says into the store: who is not in it any more loses every role, and every change of roles is in the log. A name
    /// that belonged to another account is refused, so that history stays unambiguous.
    pub async fn configure(
        &self,
        tenant: &TenantId,
        members: &[Configured],
    ) -> Result<(), Problem> {
        Self::check(members)?;
        let named: BTreeMap<&str, &Configured> =
            members.iter().map(|member| (member.name.as_str(), member)).collect();
        for member in members {
            let now = Member {
                name: member.name.clone(),
                account: Account::of(&member.issuer, &member.subject),
                roles: member.roles.iter().copied().collect(),
            };
            self.write(tenant, &now).await?;
        }
        for (_, kept) in records::all::<Member>(&*self.services.store, tenant, MEMBERS).await? {
            if !named.contains_key(kept.data.name.as_str()) && !kept.data.roles.is_empty() {
                self.write(tenant, &Member { roles: BTreeSet::new(), ..kept.data }).await?;
            }
        }
        Ok(())
    }

    async fn write(&self, tenant: &TenantId, member: &Member) -> Result<(), Problem> {
        let (store, key) = (&*self.services.store, member.name.as_bytes());
        for _ in 0..ATTEMPTS {
            let kept: Option<Kept<Member>> = records::read(store, tenant, MEMBERS, key).await?;
            if let Some(before) = &kept {
                if before.data.account != member.account {
                    return Err(wrong(format!(
                        "the name '{}' belonged to another account; choose another name",
                        member.name
                    )));
                }
                if before.data == *member {
                    return Ok(());
                }
            }
            let mut set = WriteSet::new(tenant.clone());
            let expect = records::unchanged(kept.as_ref());
            set.ops.push(records::put(MEMBERS, key, None, member, expect)?);
            set.ops.extend(self.services.log.ops(&self.changed(member))?);
            if records::try_commit(store, set).await? {
                return Ok(());
            }
        }
        Err(records::busy())
    }

    /// The record of the configuration giving roles.
    fn changed(&self, member: &Member) -> Access {
        let roles: Vec<&str> = member.roles.iter().map(|role| role.as_str()).collect();
        let roles = if roles.is_empty() { "none".to_owned() } else { roles.join(",") };
        Access {
            at: self.services.clock.micros(),
            request: self.services.ids.uuid(),
            actor: "platform:configuration".to_owned(),
            subjects: Vec::new(),
            purpose: None,
            grant: None,
            grant_version: None,
            action: Action::Write,
            types: vec![MEMBER_TYPE.to_owned()],
            attributes: Vec::new(),
            decision: Decision::Allowed,
            reason: format!("staff-roles {} {roles}", member.name),
            count: 1,
        }
    }

    /// The member of this name, if they have a role.
    pub async fn named(&self, tenant: &TenantId, name: &str) -> Result<Option<Member>, Problem> {
        if name.is_empty() || name.len() > MAX_NAME {
            return Ok(None);
        }
        let store = &*self.services.store;
        let kept = records::read::<Member>(store, tenant, MEMBERS, name.as_bytes()).await?;
        Ok(kept.map(|kept| kept.data).filter(|member| !member.roles.is_empty()))
    }

    /// The member with this account, if they have a role.
    pub async fn with(
        &self,
        tenant: &TenantId,
        account: &Account,
    ) -> Result<Option<Member>, Problem> {
        let all = records::all::<Member>(&*self.services.store, tenant, MEMBERS).await?;
        let mut all = all.into_iter().map(|(_, kept)| kept.data);
        Ok(all.find(|member| member.account == *account && !member.roles.is_empty()))
    }
}
