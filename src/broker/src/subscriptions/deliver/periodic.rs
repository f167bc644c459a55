//! Notifications at intervals (clauses 5.8.6, 5.11.7): all entities or registrations that are meant, whether or not anything changed.

use std::collections::HashSet;
use std::sync::Arc;

use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::render::Changes;
use tsunagu_policy::View;
use tsunagu_store::{EntityQuery, Expect, Found, StoreError, WriteSet};

use super::super::SendError;
use super::super::compiled::Compiled;
use super::super::notify::{Data, Style};
use super::super::of_sources::Reason;
use super::super::records::{STATES, State, put, state};
use super::round::count;
use super::{Deliverer, Place, Report};

/// Entities of one notification at most.
const MOST: usize = 1_000;

impl Deliverer {
    /// Tells a subscription whose interval is over.
    pub(super) async fn period(&self, place: &Place) -> Result<Report, StoreError> {
        let (tenant, uid) = place;
        let parts = &self.0.subscriptions.parts;
        let now = self.now();
        let mut report = Report::default();
        let Some((compiled, _)) = self.live(place, now).await? else { return Ok(report) };
        let Some(interval) = compiled.record.interval() else { return Ok(report) };
        let (version, before) = state(&*parts.store, tenant, *uid).await?;
        let last = before.period.unwrap_or(compiled.record.created_at);
        if last.saturating_add(interval) > now {
            return Ok(report);
        }
        // Intervals that were missed are not made up for. Whoever notes the new one first is who tells.
        let set = WriteSet::new(tenant.clone());
        let noted = State { period: Some(now), ..before.clone() };
        let expect = version.map_or(Expect::Absent, Expect::Version);
        let note = put(STATES, uid.0.to_vec(), &noted, expect)?;
        match parts.store.commit(set.clone().with(note)).await {
            Ok(_) => {}
            Err(StoreError::Conflict { .. }) => return Ok(report),
            Err(error) => return Err(error),
        }
        let lane = if before.attempts > 0 { &self.0.slow } else { &self.0.places };
        let Ok(_place) = lane.acquire().await else { return Ok(report) };
        let sending = async {
            let style = Style::of(tenant, &compiled, self.0.broker.contexts()).await?;
            // Waiting for a place and for an @context can take long: what the owner may see is decided after it.
            let live = self.live(place, self.now()).await?;
            let Some(view) =
                live.filter(|(present, _)| Arc::ptr_eq(&compiled, present)).map(|(_, view)| view)
            else {
                return Ok(None);
            };
            let data = if compiled.sources.is_some() {
                let told = self.0.subscriptions.present(tenant, &compiled, self.now()).await?;
                style.registrations(&told, Reason::NewlyMatching)
            } else {
                self.all_entities(&compiled, &view, &style).await?
            };
            if data.entities == 0 {
                return Ok(None);
            }
            self.release(&compiled, &view, &style, data).await.map(Some)
        };
        let outcome = match sending.await {
            // Nothing is meant, so there is nothing to tell.
            Ok(None) => return Ok(report),
            // Nor to one whose owner has read as often as the resident consented to.
            Err(problem) if problem.code == ProblemCode::FrequencyExceeded => return Ok(report),
            Ok(Some(message)) => self.0.notifier.notify(&message).await,
            Err(problem) => Err(SendError::Later(problem.detail)),
        };
        if let Err(error) = &outcome {
            tracing::warn!(%error, "a periodic notification failed");
        }
        let (arrived, failed) = if outcome.is_ok() { (1, 0) } else { (0, 1) };
        report.sent += arrived;
        report.failed += failed;
        self.commit(place, &compiled, set, |state| {
            count(state, now, arrived, failed);
            state.attempts = if failed > 0 { state.attempts.saturating_add(1) } else { 0 };
        })
        .await?;
        Ok(report)
    }

    /// The entities that are meant, as they are.
    async fn all_entities(
        &self,
        compiled: &Compiled,
        view: &View,
        style: &Style,
    ) -> Result<Data, Problem> {
        let mut found: Vec<Found> = Vec::new();
        let mut seen: HashSet<String> = HashSet::new();
        for query in &compiled.queries {
            let query = EntityQuery {
                filter: query.clone(),
                limit: MOST.saturating_sub(found.len()),
                offset: 0,
                count: false,
                order: None,
            };
            let page = self.0.subscriptions.parts.store.query(view, &query).await?;
            let new = page.entities.into_iter();
            found.extend(new.filter(|found| seen.insert(found.doc.id().to_owned())));
        }
        let joined = style.with_linked(&self.0.broker, view, &found).await?;
        Ok(joined.unwrap_or_else(|| {
            let mut data = Data::default();
            for found in &found {
                style.add(view, &found.doc, &Changes::default(), &mut data);
            }
            data
        }))
    }
}
