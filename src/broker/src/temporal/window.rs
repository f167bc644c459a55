//! The instances of an entity within an interval: those of the past, and what the entity is now.

use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::model::AttrSlot;
use tsunagu_ngsi_ld::render::{ScopeMoment, visible_times};
use tsunagu_ngsi_ld::temporal::{
    Aggregate, Duration, Method, Summary, TemporalQuery, TimeProperty,
};
use tsunagu_ngsi_ld::time::parse_date_time;
use tsunagu_ngsi_ld::{EntityDoc, Kind, PastDoc, Projection as _};
use tsunagu_policy::View;
use tsunagu_store::Store;
use tsunagu_store::temporal::{InstanceKey, InstanceRange, Place, Series};

use super::record::{SCOPE, counts};
use crate::ngsi_problem;

/// Instances read at once.
const STEP: usize = 1_024;
/// Conditions are checked against all instances of an interval, so many of each attribute at most.
const MOST_CHECKED: usize = 100_000;

/// An entity whose past is asked for.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    /// As it is, or what was kept of it.
    pub(super) doc: EntityDoc,
    /// Whether it is there.
    pub(super) live: bool,
}

/// Which instances are wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) query: &'a TemporalQuery,
    /// Only these attributes; none named is all.
    pub(super) attrs: &'a [String],
    /// Only these datasets, `@none` for the default instance; none named is all.
    pub(super) datasets: &'a [String],
    /// At most so many of each attribute.
    pub(super) most: usize,
    /// Instances that have expired are gone. µs since the epoch.
    pub(super) now: i64,
}

/// An instance within the interval.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) at: i64,
    pub(super) place: Place,
    pub(super) doc: PastDoc,
}

/// An attribute within the interval.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// In the direction of reading.
    pub(super) kept: Vec<Kept>,
    /// Whether there are more than were wanted.
    pub(super) more: bool,
    pub(super) summaries: Vec<(Kind, Option<String>, Summary)>,
}

/// What was found of an entity.
#[derive(Debug, Default)]
pub(super) struct Window {
    pub(super) attributes: Vec<Attribute>,
    /// Whether there is anything of the attributes wanted, at whatever time.
    pub(super) known: bool,
}

/// One series to be read, with the instance that the entity has now.
struct Lane {
    series: Series,
    present: Option<Kept>,
}

/// Reads the past of one entity.
pub(super) struct Reader<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) view: &'a View,
    pub(super) of: &'a Subject,
}

impl Reader<'_> {
    /// The instances wanted, attribute by attribute: those that the entity has first, in its order.
    pub(super) async fn read(&self, wanted: &Wanted<'_>) -> Result<Window, Problem> {
        let mut window = Window::default();
        // One more tells whether there are more.
        let need = wanted.query.last.unwrap_or(usize::MAX).min(wanted.most.saturating_add(1));
        for lane in self.lanes(wanted).await? {
            window.known = true;
            let mut kept = Vec::new();
            let direct = direct(wanted.query);
            let (latest, room) = (wanted.query.last.is_some(), need.max(512).saturating_mul(2));
            self.each(&lane, wanted, latest, &mut |one| {
                kept.push(one);
                if !direct && kept.len() >= room {
                    // In no order: only those that can be shown are held.
                    kept.sort_by_key(|one: &Kept| (one.at, one.place));
                    if latest {
                        kept.drain(..kept.len().saturating_sub(need));
                    } else {
                        kept.truncate(need);
                    }
                }
                !direct || kept.len() <= need
            })
            .await?;
            window.take(kept);
        }
        for attribute in &mut window.attributes {
            attribute.kept.sort_by_key(|one| (one.at, one.place));
            if let Some(last) = wanted.query.last {
                attribute.kept.reverse();
                attribute.kept.truncate(last);
            }
            attribute.more = attribute.kept.len() > wanted.most;
            attribute.kept.truncate(wanted.most);
        }
        Ok(window)
    }

    /// The same as aggregated values; instances go through one by one.
    pub(super) async fn aggregate(
        &self,
        wanted: &Wanted<'_>,
        every: Duration,
        methods: &[Method],
    ) -> Result<Window, Problem> {
        let lanes = self.lanes(wanted).await?;
        let mut window = Window { known: !lanes.is_empty(), ..Window::default() };
        let mut origin = wanted.query.from;
        if origin.is_none() {
            for lane in &lanes {
                self.each(lane, wanted, false, &mut |one| {
                    origin = Some(origin.map_or(one.at, |first| first.min(one.at)));
                    !direct(wanted.query)
                })
                .await?;
            }
        }
        let Some(origin) = origin else {
            return Ok(window);
        };
        let distinct = methods.contains(&Method::DistinctCount);
        let how = Aggregate { every, origin, most: wanted.most, distinct };
        for lane in lanes {
            self.each(&lane, wanted, false, &mut |one| {
                one.doc.slot().is_none_or(|slot| {
                    slot.is_deletion() || window.summary(&slot).add(&how, &slot, one.at)
                })
            })
            .await?;
        }
        for (_, _, summary) in window.attributes.iter_mut().flat_map(|a| &mut a.summaries) {
            if let (true, Some(end), Some(only)) =
                (every.is_zero(), wanted.query.to, summary.periods.first_mut())
            {
                only.to = end;
            }
        }
        for attribute in &mut window.attributes {
            attribute.more = attribute.summaries.iter().any(|(_, _, summary)| summary.cut);
        }
        Ok(window)
    }

    /// The entity with all instances of the interval that conditions look at, so that they can be checked against any of them.
    pub(super) async fn checked(
        &self,
        query: &TemporalQuery,
        attrs: &[String],
        now: i64,
    ) -> Result<EntityDoc, Problem> {
        let all = TemporalQuery { last: None, ..*query };
        let wanted = Wanted { query: &all, attrs, datasets: &[], most: MOST_CHECKED, now };
        let window = self.read(&wanted).await?;
        if window.attributes.iter().any(|attribute| attribute.more) {
            return Err(Problem::new(
                ProblemCode::TooManyResults,
                "the interval has too many instances for a condition on their values; ask for a shorter one",
            ));
        }
        window.doc(&self.of.doc)
    }

    /// The scopes and when they were valid, from the beginning on; only when nothing is hidden.
    pub(super) async fn scopes(&self) -> Result<Vec<ScopeMoment>, Problem> {
        let doc = &self.of.doc;
        let now: Vec<String> = doc.scopes().map(str::to_owned).collect();
        let Some(cut) = self.view.cut(doc) else { return Ok(Vec::new()) };
        let whole = cut.is_whole();
        let mut moments: Vec<ScopeMoment> = Vec::new();
        // Where the time of its creation is hidden, nobody can say since when the scopes are there.
        let Some((mut since, _)) = visible_times(doc, &cut) else { return Ok(Vec::new()) };
        if whole {
            let series = Series::of(SCOPE, None);
            let mut range = Some(InstanceRange::all(series, STEP));
            while let Some(next) = range {
                let chunk = self.store.instances(self.view, doc, &next).await?;
                for past in chunk.instances {
                    if let Some(slot) = past.doc.slot() {
                        let scopes: Vec<String> =
                            serde_json::from_str(slot.instance().value).unwrap_or_default();
                        moments.push(ScopeMoment { scopes, at: since.min(past.place.at) });
                        since = past.place.at;
                    }
                }
                range = chunk.last.and_then(|last| next.after(last));
            }
        }
        if self.of.live {
            moments.push(ScopeMoment { scopes: now, at: since });
        } else if !moments.is_empty() {
            moments.push(ScopeMoment { scopes: Vec::new(), at: since });
        }
        // Before the first there was none, which is no deletion.
        let first = moments.iter().position(|moment| !moment.scopes.is_empty());
        Ok(first.map(|first| moments.split_off(first)).unwrap_or_default())
    }

    /// The series to be read.
    async fn lanes(&self, wanted: &Wanted<'_>) -> Result<Vec<Lane>, Problem> {
        let doc = &self.of.doc;
        let Some(cut) = self.view.cut(doc) else {
            return Ok(Vec::new());
        };
        let mut lanes: Vec<Lane> = Vec::new();
        // What is hidden gives its series no place among those that are seen.
        let seen = |slot: &AttrSlot<'_>| cut.attribute(slot.name(), slot.publisher());
        for slot in doc.attributes().filter(|slot| self.of.live && seen(slot)) {
            let key = InstanceKey::derived(doc.id(), &slot);
            let present = if counts(&slot) {
                let past = PastDoc::from_slot(slot.bytes(), doc.subject()).map_err(ngsi_problem)?;
                Some(Kept { at: key.place.at, place: key.place, doc: past })
            } else {
                None
            };
            lanes.push(Lane { series: key.series, present });
        }
        for series in self.store.series(self.view, doc).await? {
            if !lanes.iter().any(|lane| lane.series == series) {
                lanes.push(Lane { series, present: None });
            }
        }
        let wants = |series: Series| {
            wanted.attrs.is_empty() || wanted.attrs.iter().any(|name| series.is_of(name))
        };
        lanes.retain(|lane| lane.series != Series::of(SCOPE, None) && wants(lane.series));
        if wanted.attrs.is_empty() {
            return Ok(lanes);
        }
        // Asked for by name, what is hidden must look like what never was.
        let mut seen = Vec::with_capacity(lanes.len());
        for lane in lanes {
            if lane.present.is_some() || self.shows_any(lane.series).await? {
                seen.push(lane);
            }
        }
        Ok(seen)
    }

    /// Whether any instance of a series is in view.
    async fn shows_any(&self, series: Series) -> Result<bool, Problem> {
        // Mostly the first one is.
        let mut range = Some(InstanceRange::all(series, 1));
        while let Some(next) = range {
            let chunk = self.store.instances(self.view, &self.of.doc, &next).await?;
            if !chunk.instances.is_empty() {
                return Ok(true);
            }
            let rest = chunk.last.and_then(|last| next.after(last));
            range = rest.map(|rest| InstanceRange { limit: STEP, ..rest });
        }
        Ok(false)
    }

    /// Gives every instance of a series within the interval to `take`, until it wants no more. With `direct` queries they come in order.
    async fn each(
        &self,
        lane: &Lane,
        wanted: &Wanted<'_>,
        reverse: bool,
        take: &mut (dyn FnMut(Kept) -> bool + Send),
    ) -> Result<(), Problem> {
        let query = wanted.query;
        let mut present = lane.present.as_ref().and_then(|one| within(one.clone(), wanted));
        // No more than are shown, where those come first.
        let shown = query.last.unwrap_or(usize::MAX).min(wanted.most).saturating_add(1);
        let limit = if direct(query) { shown.clamp(16, STEP) } else { STEP };
        let mut range = InstanceRange { reverse, ..InstanceRange::all(lane.series, limit) };
        if direct(query) {
            range.from = query.from.map(Place::first_at);
            range.to = query.to.map(Place::first_at);
        }
        let mut next = Some(range);
        while let Some(range) = next {
            let chunk = self.store.instances(self.view, &self.of.doc, &range).await?;
            for past in chunk.instances {
                if present.as_ref().is_some_and(|one| one.place == past.place) {
                    present = None;
                }
                // What the entity is now stands where its time says.
                let before = |one: &Kept| (one.place < past.place) != reverse;
                if let Some(one) = present.take_if(|one| before(one))
                    && !take(one)
                {
                    return Ok(());
                }
                let one = Kept { at: past.place.at, place: past.place, doc: past.doc };
                if let Some(one) = within(one, wanted)
                    && !take(one)
                {
                    return Ok(());
                }
            }
            next = chunk.last.and_then(|last| range.after(last));
        }
        if let Some(one) = present {
            take(one);
        }
        Ok(())
    }
}

/// Whether the instances of a query are those of a part of the series, in its order.
fn direct(query: &TemporalQuery) -> bool {
    query.property.unwrap_or_default() == TimeProperty::ObservedAt
}

/// The instance, if it is wanted.
fn within(mut one: Kept, wanted: &Wanted<'_>) -> Option<Kept> {
    let slot = one.doc.slot()?;
    let dataset = slot.dataset_id().unwrap_or("@none");
    if !wanted.datasets.is_empty() && !wanted.datasets.iter().any(|wanted| wanted == dataset) {
        return None;
    }
    if slot.expires() {
        let expires = slot.instance().expires_at.and_then(parse_date_time);
        if expires.is_some_and(|at| at <= wanted.now) {
            return None;
        }
    }
    // By the property that series are ordered by, the time is in the place.
    one.at = if direct(wanted.query) && slot.is_observed() {
        wanted.query.holds(one.place.at).then_some(one.place.at)?
    } else {
        wanted.query.moment(&slot)?
    };
    Some(one)
}

impl Window {
    /// Puts the instances of a series to their attribute.
    fn take(&mut self, kept: Vec<Kept>) {
        let Some((name, kind)) = kept.last().and_then(|one| {
            let slot = one.doc.slot()?;
            Some((slot.name().to_owned(), slot.kind()))
        }) else {
            return;
        };
        self.attribute(&name, kind).kept.extend(kept);
    }

    fn attribute(&mut self, name: &str, kind: Kind) -> &mut Attribute {
        let at = self.attributes.iter().position(|attribute| attribute.name == name);
        let at = at.unwrap_or_else(|| {
            self.attributes.push(Attribute {
                name: name.to_owned(),
                kind,
                kept: Vec::new(),
                more: false,
                summaries: Vec::new(),
            });
            self.attributes.len() - 1
        });
        &mut self.attributes[at]
    }

    /// The values of the attribute, kind and dataset of an instance.
    fn summary(&mut self, slot: &AttrSlot<'_>) -> &mut Summary {
        let (kind, dataset) = (slot.kind(), slot.dataset_id());
        let all = &mut self.attribute(slot.name(), kind).summaries;
        let at = all.iter().position(|(k, d, _)| *k == kind && d.as_deref() == dataset);
        let at = at.unwrap_or_else(|| {
            all.push((kind, dataset.map(str::to_owned), Summary::default()));
            all.len() - 1
        });
        &mut all[at].2
    }

    /// Leaves what is within one of these spans, if there are any.
    pub(super) fn within(&mut self, spans: Option<&[(i64, i64)]>) {
        let Some(spans) = spans else { return };
        let inside = |at: i64| spans.iter().any(|(from, to)| (*from..*to).contains(&at));
        for attribute in &mut self.attributes {
            attribute.kept.retain(|one| inside(one.at));
            for (_, _, summary) in &mut attribute.summaries {
                summary.periods.retain(|period| inside(period.from));
            }
        }
        self.attributes.retain(|attribute| {
            let sums = attribute.summaries.iter().any(|(_, _, s)| !s.periods.is_empty());
            !attribute.kept.is_empty() || sums
        });
    }

    /// Whether nothing is within the interval.
    pub(super) fn is_empty(&self) -> bool {
        self.attributes.is_empty()
    }

    /// The entity with these instances as its attributes.
    pub(super) fn doc(&self, head: &EntityDoc) -> Result<EntityDoc, Problem> {
        let slots = self.attributes.iter().flat_map(|attribute| &attribute.kept);
        let slots: Vec<&[u8]> = slots.filter_map(|one| one.doc.slot()).map(|s| s.bytes()).collect();
        EntityDoc::assemble(&head.decode_head(), &slots).map_err(ngsi_problem)
    }
}
