//! One subscription's queue.

use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tsunagu_domain::{Problem, ProblemCode, Timestamp};
use tsunagu_policy::View;
use tsunagu_store::access::{Access, Action, Decision};
use tsunagu_store::{Expect, Found, Guard, Op, Record, Scan, StoreError, WriteSet};

use super::super::compiled::Compiled;
use super::super::manage::key_of;
use super::super::model::VERSION;
use super::super::notify::{Data, Style, Told};
use super::super::of_sources::News;
use super::super::records::{
    DEAD_LETTERS, DeadLetter, Debt, OUTBOX, STATES, State, purge, put, remove, state, timed_key,
};
use super::super::{Message, SendError};
use super::{Deliverer, Place, Report, micros, side_by_side};
use crate::{Request, access};

/// A notification in the queue.
struct Queued {
    key: Vec<u8>,
    version: u64,
    debt: Debt,
}

/// What became of one.
enum Fate {
    Sent,
    /// There is nothing to tell any more.
    Dropped,
    Failed(SendError),
}

impl Deliverer {
    /// Serves the queue of one subscription until it is empty or its receiver fails.
    pub(super) async fn serve(&self, place: &Place) -> Result<Report, StoreError> {
        let mut report = Report::default();
        while self.round(place, &mut report).await? {}
        Ok(report)
    }

    /// One round; true when another may follow at once.
    async fn round(&self, place: &Place, report: &mut Report) -> Result<bool, StoreError> {
        let (tenant, uid) = place;
        let parts = &self.0.subscriptions.parts;
        let now = self.now();
        let Some((compiled, _)) = self.live(place, now).await? else {
            report.dropped += self.drop_all(place).await?;
            return Ok(false);
        };
        let (version, before) = state(&*parts.store, tenant, *uid).await?;
        if before.due > now || !self.claim(place, version, &before, now).await? {
            return Ok(false);
        }
        let (wave, whole) = self.wave(place).await?;
        if wave.is_empty() {
            return Ok(false);
        }
        let lane = if before.attempts > 0 { &self.0.slow } else { &self.0.places };
        let Ok(_place) = lane.acquire().await else { return Ok(false) };
        let style = Style::of(tenant, &compiled, self.0.broker.contexts()).await;
        // Waiting for a place and for an @context can take long: what the owner may see is decided after it.
        let Some((present, view)) = self.live(place, self.now()).await? else {
            report.dropped += self.drop_all(place).await?;
            return Ok(false);
        };
        if !Arc::ptr_eq(&compiled, &present) {
            return Ok(true);
        }
        let fates = match style {
            Ok(style) => self.carry_all(&compiled, &view, &style, &wave).await,
            // Without its @context nothing can be written.
            Err(problem) => {
                let failed = || Fate::Failed(SendError::Later(problem.detail.clone()));
                wave.iter().map(|_| Some(failed())).collect()
            }
        };
        let whole = whole && fates.iter().all(Option::is_some);
        let failed = self.book(place, &compiled, wave, fates, report).await?;
        // What came meanwhile has woken the deliverer itself.
        Ok(!failed && !whole)
    }

    /// Drops the queue of a subscription whose owner may be told nothing any more. Where it is about a resident, that is a refusal, and on record for
    /// them: one entry for the queue.
    async fn drop_all(&self, place: &Place) -> Result<u64, StoreError> {
        let (tenant, uid) = place;
        let parts = &self.0.subscriptions.parts;
        let dropped = purge(&*parts.store, tenant, OUTBOX, *uid).await?;
        let found = self.0.subscriptions.with_index(tenant, |index| index.get(*uid).cloned());
        let now = self.now();
        let Some(compiled) = found.await?.filter(|compiled| compiled.is_live(now)) else {
            return Ok(dropped);
        };
        let owner = &compiled.record.owner;
        let Some(subject) = owner.subject.filter(|_| dropped > 0) else { return Ok(dropped) };
        let refused = Access {
            at: now,
            request: format!("urn:ngsi-ld:Notification:{}", parts.ids.uuid()),
            actor: format!("client:{}", owner.client),
            subjects: vec![subject],
            purpose: None,
            grant: owner.grant.clone(),
            grant_version: None,
            action: Action::Notify,
            types: Vec::new(),
            attributes: Vec::new(),
            decision: Decision::Denied,
            reason: "no-live-consent".to_owned(),
            count: 0,
        };
        let recorded = self.0.broker.parts.access.record(tenant, &refused).await;
        recorded.map_err(|problem| StoreError::Unavailable(problem.detail))?;
        Ok(dropped)
    }

    /// Takes the queue for a while, so that no other process delivers from it; false when another has it.
    async fn claim(
        &self,
        (tenant, uid): &Place,
        version: Option<u64>,
        before: &State,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (lease, me) = (micros(self.0.pace.lease), &self.0.name);
        if lease == 0 {
            return Ok(true);
        }
        let mine = before.holder.as_ref() == Some(me);
        let left = before.until.saturating_sub(now);
        if mine && left > lease / 2 {
            return Ok(true);
        }
        if !mine && left > 0 {
            return Ok(false);
        }
        let until = now.saturating_add(lease);
        let taken = State { holder: Some(me.clone()), until, ..before.clone() };
        let expect = version.map_or(Expect::Absent, Expect::Version);
        let set = WriteSet::new(tenant.clone());
        let set = set.with(put(STATES, uid.0.to_vec(), &taken, expect)?);
        match self.0.subscriptions.parts.store.commit(set).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The subscription with what its owner sees now, if it is to be told anything at all.
    pub(super) async fn live(
        &self,
        (tenant, uid): &Place,
        now: Timestamp,
    ) -> Result<Option<(Arc<Compiled>, View)>, StoreError> {
        let found = self.0.subscriptions.with_index(tenant, |index| index.get(*uid).cloned());
        let Some(compiled) = found.await?.filter(|compiled| compiled.is_live(now)) else {
            return Ok(None);
        };
        let owners = &self.0.subscriptions.parts.owners;
        let view = owners.view(tenant, &compiled.record.owner).await.map_err(|problem| {
            StoreError::Unavailable(format!("who may see what could not be decided: {problem}"))
        })?;
        // Whoever may not manage sources any more is not told of them either.
        let view =
            view.filter(|view| compiled.sources.is_none() || view.may_manage_sources().is_ok());
        Ok(view.map(|view| (compiled, view)))
    }

    /// The next notifications that may travel side by side, in the order of their transactions, and whether that is all of the queue.
    async fn wave(&self, (tenant, uid): &Place) -> Result<(Vec<Queued>, bool), StoreError> {
        // One read, so that what is seen of an entity's changes is their beginning: between two reads a change could be missed and a later one seen.
        let most = self.0.pace.wave;
        let scan = Scan { prefix: uid.0.to_vec(), limit: most, ..Scan::default() };
        let store = &self.0.subscriptions.parts.store;
        let mut page: Vec<(Vec<u8>, Record)> = store.records(tenant, OUTBOX, &scan).await?;
        let ended = page.len() < most;
        // Keys sort by the clocks of processes, versions by what happened.
        page.sort_by(|(a_key, a), (b_key, b)| (a.version, a_key).cmp(&(b.version, b_key)));
        let queued = page.into_iter().map(|(key, record)| {
            let debt = Debt::decode(record.value)?;
            let lane = debt.lane().to_owned();
            Ok((Queued { key, version: record.version, debt }, lane))
        });
        let queued = queued.collect::<Result<Vec<_>, StoreError>>()?;
        let all = queued.len();
        let wave = side_by_side(queued);
        let whole = ended && wave.len() == all;
        Ok((wave, whole))
    }

    /// Sends a wave, a few at once. What is left has no fate: when the receiver fails, and when what its owner may see was decided too long ago.
    async fn carry_all(
        &self,
        compiled: &Compiled,
        view: &View,
        style: &Style,
        wave: &[Queued],
    ) -> Vec<Option<Fate>> {
        let until = self.now().saturating_add(micros(self.0.pace.fresh));
        let mut fates: Vec<Option<Fate>> = wave.iter().map(|_| None).collect();
        let mut left = wave.iter().enumerate();
        let mut sending = FuturesUnordered::new();
        let mut failed = false;
        loop {
            // Begun one by one: what is being sent takes far more room than what waits.
            while sending.len() < self.0.pace.at_once && !failed && self.now() <= until {
                let Some((at, queued)) = left.next() else { break };
                let carried = self.carry(compiled, view, style, queued);
                sending.push(async move { (at, carried.await) });
            }
            let Some((at, fate)) = sending.next().await else { break };
            failed |= matches!(fate, Fate::Failed(SendError::Later(_)));
            if let Some(place) = fates.get_mut(at) {
                *place = Some(fate);
            }
        }
        fates
    }

    /// Writes a notification, writes its access down, sends it.
    async fn carry(
        &self,
        compiled: &Compiled,
        view: &View,
        style: &Style,
        queued: &Queued,
    ) -> Fate {
        let message = match &queued.debt {
            Debt::Change(owed) => match style.told(view, compiled, owed) {
                Ok(Some(told)) => self.write(compiled, view, style, told).await.map(Some),
                Ok(None) => Ok(None),
                Err(problem) => Err(problem),
            },
            Debt::News(news) => self.write_news(compiled, view, style, news).await,
        };
        match message {
            Ok(None) => Fate::Dropped,
            Ok(Some(message)) => match self.0.notifier.notify(&message).await {
                Ok(()) => Fate::Sent,
                Err(error) => Fate::Failed(error),
            },
            // The reads that the resident consented to are used up; waiting would not make this one of the next.
            Err(problem) if problem.code == ProblemCode::FrequencyExceeded => Fate::Dropped,
            Err(problem) => Fate::Failed(SendError::Later(problem.detail)),
        }
    }

    /// The message about registrations.
    async fn write_news(
        &self,
        compiled: &Compiled,
        view: &View,
        style: &Style,
        news: &News,
    ) -> Result<Option<Message>, Problem> {
        let told = match &news.registration {
            Some(registration) => compiled.relevant(registration).into_iter().collect(),
            None => self.0.subscriptions.present(view.tenant(), compiled, self.now()).await?,
        };
        if told.is_empty() {
            return Ok(None);
        }
        let data = style.registrations(&told, news.reason);
        self.release(compiled, view, style, data).await.map(Some)
    }

    /// The message about a change, with linked entities where nothing is told but the entity as it is.
    async fn write(
        &self,
        compiled: &Compiled,
        view: &View,
        style: &Style,
        told: Told,
    ) -> Result<Message, Problem> {
        let mut data = told.data;
        if let Some(doc) = told.as_it_is {
            let asked = [Found { version: 0, doc }];
            let joined = style.with_linked(&self.0.broker, view, &asked).await?;
            data = joined.unwrap_or(data);
        }
        self.release(compiled, view, style, data).await
    }

    /// The message, once what it shows of persons is on record.
    pub(super) async fn release(
        &self,
        compiled: &Compiled,
        view: &View,
        style: &Style,
        data: Data,
    ) -> Result<Message, Problem> {
        let parts = &self.0.subscriptions.parts;
        let now = self.now();
        let id = format!("urn:ngsi-ld:Notification:{}", parts.ids.uuid());
        let message = style.message(&compiled.record, &id, now, &data);
        if data.shown.count > 0 {
            let request = Request { view, id: &id };
            let entry = access::allowed(&request, now, Action::Notify, data.shown);
            self.0.broker.record(&request, &entry).await?;
        }
        Ok(message)
    }

    /// Books what became of a wave in one transaction; true when the receiver failed.
    async fn book(
        &self,
        place: &Place,
        compiled: &Compiled,
        wave: Vec<Queued>,
        fates: Vec<Option<Fate>>,
        report: &mut Report,
    ) -> Result<bool, StoreError> {
        let (tenant, uid) = place;
        let parts = &self.0.subscriptions.parts;
        let now = self.now();
        let mut set = WriteSet::new(tenant.clone());
        let (mut arrived, mut failed, mut later) = (0, 0, None);
        for (queued, fate) in wave.into_iter().zip(fates) {
            let Some(fate) = fate else { continue };
            let gone = remove(OUTBOX, queued.key, Expect::Version(queued.version));
            let error = match fate {
                Fate::Sent => {
                    arrived += 1;
                    set.ops.push(gone);
                    continue;
                }
                Fate::Dropped => {
                    report.dropped += 1;
                    set.ops.push(gone);
                    continue;
                }
                Fate::Failed(error) => error,
            };
            failed += 1;
            let too_old = now.saturating_sub(queued.debt.at()) > micros(self.0.pace.keep);
            if matches!(error, SendError::Later(_)) {
                later = Some(error.clone());
                if !too_old {
                    continue;
                }
            }
            report.dead += 1;
            let changed_at = queued.debt.at();
            let letter = DeadLetter { v: VERSION, changed_at, at: now, reason: error.to_string() };
            let key = timed_key(*uid, now, parts.ids.bytes16());
            set.ops.push(gone);
            set.ops.push(put(DEAD_LETTERS, key, &letter, Expect::Absent)?);
        }
        report.sent += arrived;
        report.failed += failed;
        if let Some(error) = &later {
            tracing::warn!(%error, "a receiver of notifications failed");
        }
        self.commit(place, compiled, set, |state| {
            count(state, now, arrived, failed);
            if later.is_some() {
                state.attempts = state.attempts.saturating_add(1);
                let cooldown = compiled.record.notification.endpoint.cooldown;
                state.due = now.saturating_add(self.wait(state.attempts, cooldown));
            } else if arrived > 0 {
                (state.attempts, state.due) = (0, 0);
            }
        })
        .await?;
        Ok(later.is_some())
    }

    /// Commits with the changed state, as long as there is such a subscription.
    pub(super) async fn commit(
        &self,
        (tenant, uid): &Place,
        compiled: &Compiled,
        set: WriteSet,
        change: impl Fn(&mut State) + Send + Sync,
    ) -> Result<(), StoreError> {
        let store = &self.0.subscriptions.parts.store;
        let mut set = set;
        for _ in 0..TRIES {
            let (version, mut after) = state(&**store, tenant, *uid).await?;
            change(&mut after);
            let expect = version.map_or(Expect::Absent, Expect::Version);
            let put = put(STATES, uid.0.to_vec(), &after, expect)?;
            let collection = compiled.collection();
            let gone = Guard::Absent { collection, key: key_of(&compiled.record) };
            let book = Op::When { guards: vec![gone], then: Vec::new(), otherwise: vec![put] };
            match store.commit(set.clone().with(book)).await {
                Ok(_) => return Ok(()),
                // Somebody else has taken these away, or changed the state: the outcome counts all the same.
                Err(StoreError::Conflict { op, .. }) if op < set.ops.len() => {
                    for op in &mut set.ops {
                        if let Op::DeleteRecord { expect, .. } = op {
                            *expect = Expect::Any;
                        }
                    }
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Unavailable("a subscription is changed again and again".to_owned()))
    }
}

/// How often booking is tried anew when the subscription is changed meanwhile.
const TRIES: usize = 16;

/// The counters of clause 5.2.14.
pub(super) fn count(state: &mut State, now: Timestamp, sent: u64, failed: u64) {
    state.times_sent += sent + failed;
    state.times_failed += failed;
    if sent + failed > 0 {
        state.last_notification = Some(now);
    }
    if sent > 0 {
        state.last_success = Some(now);
    }
    if failed > 0 {
        state.last_failure = Some(now);
    }
}
