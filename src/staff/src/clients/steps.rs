//! What members do to clients.

use tsunagu_domain::{ClientId, Problem, ProblemCode, TenantId};
use tsunagu_identity::{COIN_ISSUER_SECTOR, Client, ClientKind, ClientStatus};
use tsunagu_store::{Expect, Op};

use super::{Act, Application, By, ClientLives, Life, LifeState, Origin, Step, object, reason};
use crate::records::{self, ATTEMPTS, Kept};
use crate::{Acting, Object, Role};

/// A decision on an application that was seen in this revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It becomes the registration.
    Approve,
    /// It does not.
    Deny,
}

/// A change of an active or suspended client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It may do nothing from now on.
    Suspend,
    /// It may act again.
    Resume,
    /// It may never act again.
    End,
}

impl Change {
    fn act(self) -> &'static str {
        match self {
            Self::Suspend => "client-suspend",
            Self::Resume => "client-resume",
            Self::End => "client-end",
        }
    }
}

/// Refuses what no application brings, whoever approves it: it is part of the configuration.
fn of_configuration_alone(client: &Client) -> Result<(), Problem> {
    let tool = client.kind == ClientKind::Operator || !client.scopes.is_empty();
    let wrong = [
        (tool, "/client/kind", "tools of the town hall are"),
        (!client.tenants.is_empty(), "/client/tenants", "further tenants are"),
        (client.canonical_ids, "/client/canonical_ids", "who sees Tsuno IDs is"),
        (client.manages_sources, "/client/manages_sources", "who registers sources is"),
        (client.sector == COIN_ISSUER_SECTOR, "/client/sector", "the issuer of the coin is"),
    ];
    match wrong.into_iter().find(|(wrong, ..)| *wrong) {
        Some((_, pointer, what)) => {
            let detail = format!("{what} part of the configuration, not of an application");
            Err(Problem::new(ProblemCode::BadRequestData, detail).at(pointer))
        }
        None => Ok(()),
    }
}

fn conflict(detail: impl Into<String>) -> Problem {
    Problem::new(ProblemCode::Conflict, detail)
}

impl ClientLives {
    /// Applies for a client, or for a change of one that an application made, or changes what is applied for. Gives the revision to be approved.
    ///
    /// Needs the role `operator`. A client of the configuration is changed there, an ended one never. Tools of the town hall (operator clients, who
    /// are not subject to cases), and what reaches beyond one service of this tenant, belong to the configuration.
    pub async fn apply(
        &self,
        tenant: &TenantId,
        by: &Acting,
        client: &Client,
        note: &str,
    ) -> Result<u32, Problem> {
        let what = object("client-apply", &client.id);
        self.desk.demand(tenant, by, &[Role::Operator], what).await?;
        let note = reason(note, "/note")?;
        self.clients.check(client)?;
        of_configuration_alone(client)?;
        if client.status != ClientStatus::Active {
            let detail = "an application is for an active client; suspending is a step of its own";
            return Err(Problem::new(ProblemCode::BadRequestData, detail).at("/client/status"));
        }
        for _ in 0..ATTEMPTS {
            let kept = self.kept(tenant, &client.id).await?;
            if kept.is_none() && self.clients.stored(tenant, &client.id).await?.is_some() {
                let detail = "this client is part of the configuration; change it there";
                return Err(self.wrong_state(tenant, by, what, detail).await);
            }
            let mut life = match &kept {
                Some(kept) => kept.data.clone(),
                None => Life::new(client.id.clone(), Origin::Application),
            };
            if life.state == LifeState::Ended {
                let detail = "this client has ended for good; choose another id";
                return Err(self.wrong_state(tenant, by, what, detail).await);
            }
            if life.origin == Origin::Configuration {
                let detail = "this client is part of the configuration; change it there";
                return Err(self.wrong_state(tenant, by, what, detail).await);
            }
            if life.state == LifeState::Denied {
                life.state = LifeState::Applied;
            }
            life.revisions = life.revisions.saturating_add(1);
            let revision = life.revisions;
            let mut hands = life.application.take().map(|was| was.by).unwrap_or_default();
            if !hands.iter().any(|who| by.is(who)) {
                hands.push(by.who());
            }
            let (at, client, words) = (self.services.clock.micros(), client.clone(), note.clone());
            life.application = Some(Application { revision, client, by: hands, at, note: words });
            life.steps.push(self.step(by, Act::Applied, Some(revision), note.clone()));
            if self.done(tenant, by, kept.as_ref(), &life, Vec::new()).await? {
                return Ok(revision);
            }
        }
        Err(records::busy())
    }

    /// Decides on an application as it was seen: another revision is refused, and an approval by anybody who had a hand in it. Needs the role
    /// `approver`; who made an application may also take it back.
    pub async fn decide(
        &self,
        tenant: &TenantId,
        by: &Acting,
        id: &ClientId,
        revision: u32,
        decision: Decision,
        note: &str,
    ) -> Result<(), Problem> {
        let (act, step) = match decision {
            Decision::Approve => ("client-approve", Act::Approved),
            Decision::Deny => ("client-deny", Act::Denied),
        };
        let what = object(act, id);
        self.desk.demand(tenant, by, &[Role::Approver, Role::Operator], what).await?;
        let note = super::note(note, "/note")?;
        let actor = by.actor();
        let refused = async |why: &str, problem: Problem| {
            Err(self.desk.refused(tenant, (&actor, &by.request), what, why, problem).await)
        };
        for _ in 0..ATTEMPTS {
            let kept = self.kept(tenant, id).await?.ok_or_else(Problem::not_found)?;
            let mut life = kept.data.clone();
            let Some(application) = life.application.take() else {
                let problem = conflict("nothing of this client waits for approval");
                return refused("nothing-waits", problem).await;
            };
            let own = application.by.iter().any(|who| by.is(who));
            let takes_back = decision == Decision::Deny && own;
            if !takes_back {
                self.desk.demand(tenant, by, &[Role::Approver], what).await?;
            }
            if decision == Decision::Approve && own {
                let detail = "who applied for a client or entered it cannot approve it";
                let problem = Problem::new(ProblemCode::Forbidden, detail);
                return refused("own-request", problem).await;
            }
            if application.revision != revision {
                let detail = format!(
                    "the application was changed: revision {} waits, not {revision}; look at it and decide again",
                    application.revision
                );
                return refused("changed-since", conflict(detail)).await;
            }
            let mut ops = Vec::new();
            if decision == Decision::Approve {
                let stays = life.state == LifeState::Suspended;
                let status = if stays { ClientStatus::Suspended } else { ClientStatus::Active };
                let client = Client { status, ..application.client };
                ops.extend(self.registration(tenant, &client).await?);
                life.state = if stays { LifeState::Suspended } else { LifeState::Active };
            } else if life.state == LifeState::Applied {
                life.state = LifeState::Denied;
            }
            life.steps.push(self.step(by, step, Some(revision), note.clone()));
            if self.done(tenant, by, Some(&kept), &life, ops).await? {
                return Ok(());
            }
        }
        Err(records::busy())
    }

    /// Suspends, resumes or ends a client. Suspending needs one person with the role `operator` or `approver` and works at once. Resuming and ending
    /// need the client to be suspended, the role `approver`, and another person than who suspended it.
    pub async fn change(
        &self,
        tenant: &TenantId,
        by: &Acting,
        id: &ClientId,
        change: Change,
        note: &str,
    ) -> Result<(), Problem> {
        let what = object(change.act(), id);
        let roles: &[Role] = match change {
            Change::Suspend => &[Role::Operator, Role::Approver],
            Change::Resume | Change::End => &[Role::Approver],
        };
        self.desk.demand(tenant, by, roles, what).await?;
        let note = reason(note, "/note")?;
        for _ in 0..ATTEMPTS {
            let kept = self.kept(tenant, id).await?.ok_or_else(Problem::not_found)?;
            let mut life = kept.data.clone();
            let (from, to, act, status) = match change {
                Change::Suspend => (
                    LifeState::Active,
                    LifeState::Suspended,
                    Act::Suspended,
                    ClientStatus::Suspended,
                ),
                Change::Resume => {
                    (LifeState::Suspended, LifeState::Active, Act::Resumed, ClientStatus::Active)
                }
                Change::End => {
                    (LifeState::Suspended, LifeState::Ended, Act::Ended, ClientStatus::Suspended)
                }
            };
            if life.state != from {
                let (is, needed) = (life.state.as_str(), from.as_str());
                let detail = format!("the client is {is}; this needs it to be {needed}");
                return Err(self.wrong_state(tenant, by, what, detail).await);
            }
            if change != Change::Suspend {
                self.second(tenant, by, &life, change).await?;
            }
            if change == Change::End {
                life.application = None;
            }
            let (_, client) =
                self.clients.stored(tenant, id).await?.ok_or_else(Problem::not_found)?;
            let ops = self.registration(tenant, &Client { status, ..client }).await?;
            life.state = to;
            life.steps.push(self.step(by, act, None, note.clone()));
            if self.done(tenant, by, Some(&kept), &life, ops).await? {
                if change == Change::End {
                    self.wind_up(tenant, id).await?;
                }
                return Ok(());
            }
        }
        Err(records::busy())
    }

    /// Refuses the one who suspended the client to go further alone.
    async fn second(
        &self,
        tenant: &TenantId,
        by: &Acting,
        life: &Life,
        change: Change,
    ) -> Result<(), Problem> {
        let what = object(change.act(), &life.id);
        match life.suspension().map(|step| &step.by) {
            Some(By::Member { who, .. }) if by.is(who) => {
                let detail = "who suspended a client cannot resume or end it; another person does";
                Err(self.desk.refuse(tenant, by, what, "own-request", detail).await)
            }
            // Nobody but the configuration suspended it.
            None if change == Change::Resume => {
                let detail = "this client is suspended in the configuration; change it there";
                Err(self.wrong_state(tenant, by, what, detail).await)
            }
            _ => Ok(()),
        }
    }

    /// The refusal of a step that the client's state does not allow, written down.
    async fn wrong_state(
        &self,
        tenant: &TenantId,
        by: &Acting,
        what: Object<'_>,
        detail: impl Into<String>,
    ) -> Problem {
        let (actor, problem) = (by.actor(), conflict(detail));
        self.desk.refused(tenant, (&actor, &by.request), what, "wrong-state", problem).await
    }

    fn step(&self, by: &Acting, act: Act, revision: Option<u32>, note: String) -> Step {
        Step { at: self.services.clock.micros(), act, by: By::member(by), revision, note }
    }

    /// The operations that make this the registration, unless it changes first.
    pub(super) async fn registration(
        &self,
        tenant: &TenantId,
        client: &Client,
    ) -> Result<Vec<Op>, Problem> {
        let stored = self.clients.stored(tenant, &client.id).await?;
        let expect = stored.map_or(Expect::Absent, |(version, _)| Expect::Version(version));
        self.clients.registering(tenant, client, expect).await
    }

    async fn done(
        &self,
        tenant: &TenantId,
        by: &Acting,
        before: Option<&Kept<Life>>,
        life: &Life,
        further: Vec<Op>,
    ) -> Result<bool, Problem> {
        self.commit(tenant, before, life, further, (&by.actor(), &by.request)).await
    }
}
