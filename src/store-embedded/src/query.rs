//! Answering queries.

use std::collections::HashSet;
use std::ops::{Bound, ControlFlow};

use tsunagu_domain::TenantId;
use tsunagu_policy::View;
use tsunagu_store::index::Range;
use tsunagu_store::plan::{Candidates, Gather, candidates};
use tsunagu_store::{EntityQuery, Page, StoreError, index};

use crate::engine::{Engine, Reader};
use crate::keys;

/// One page, or `None` when more than `budget` candidates would have to be looked at.
pub(crate) fn run(
    engine: &Engine,
    view: &View,
    tenant: &TenantId,
    query: &EntityQuery,
    budget: usize,
) -> Result<Option<Page>, StoreError> {
    let reader = engine.reader();
    let mut gather = Gather::new(view, query);
    let mut left = budget;
    let mut spend = || {
        let some = left > 0;
        left = left.saturating_sub(1);
        some
    };
    match candidates(view, &query.filter, &engine.declared) {
        Candidates::Nothing => {}
        Candidates::Ids(ids) => {
            let mut seen = HashSet::new();
            for id in &ids {
                if seen.insert(id) {
                    if !spend() {
                        return Ok(None);
                    }
                    if offer(&reader, &mut gather, view, &keys::entity(tenant, id))?.is_break() {
                        break;
                    }
                }
            }
        }
        Candidates::Every => {
            let range = keys::with_prefix(&keys::of_tenant(tenant, b""));
            for pair in reader.pairs(&engine.entities, range) {
                if !spend() {
                    return Ok(None);
                }
                let Some(found) = keys::read_entity(&pair?.1)?.live(view)? else {
                    continue;
                };
                if gather.offer(found).is_break() {
                    break;
                }
            }
        }
        Candidates::Ranges(ranges) => {
            let once = ranges.len() <= 1 && ranges.iter().all(Range::holds_once);
            let mut seen = (!once).then(HashSet::new);
            let start = keys::of_tenant(tenant, b"").len();
            'ranges: for range in ranges {
                let from = Bound::Included(keys::of_tenant(tenant, &range.from));
                let to = Bound::Excluded(keys::of_tenant(tenant, &range.to));
                if range.from >= range.to {
                    continue;
                }
                for entry in reader.keys(&engine.index, (from, to)) {
                    let entry = entry?;
                    let Some(id) = index::id_of(&entry) else {
                        return Err(StoreError::Corrupt("an index entry has no id".to_owned()));
                    };
                    if seen.as_ref().is_some_and(|seen: &HashSet<String>| seen.contains(id)) {
                        continue;
                    }
                    if !spend() {
                        return Ok(None);
                    }
                    let found = reader.entity(&keys::entity(tenant, id))?;
                    let Some(found) = found.map_or(Ok(None), |found| found.live(view))? else {
                        continue;
                    };
                    let Some(place) = entry.get(start..) else {
                        return Err(StoreError::Corrupt("an index entry is cut short".to_owned()));
                    };
                    if !gather.stands_at(&found, place, &engine.declared) {
                        continue;
                    }
                    if let Some(seen) = &mut seen {
                        seen.insert(id.to_owned());
                    }
                    if gather.offer(found).is_break() {
                        break 'ranges;
                    }
                }
            }
        }
    }
    Ok(Some(gather.finish()))
}

fn offer(
    reader: &Reader<'_>,
    gather: &mut Gather<'_>,
    view: &View,
    key: &[u8],
) -> Result<ControlFlow<()>, StoreError> {
    let found = reader.entity(key)?;
    Ok(match found.map_or(Ok(None), |found| found.live(view))? {
        Some(found) => gather.offer(found),
        None => ControlFlow::Continue(()),
    })
}
