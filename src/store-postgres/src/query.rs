//! Answering queries: candidates in the order of an index or of ids, page by page, until the page of the answer is full.

use std::collections::HashSet;
use std::ops::ControlFlow;

use deadpool_postgres::{Client, GenericClient};
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Row};
use tsunagu_domain::TenantId;
use tsunagu_policy::View;
use tsunagu_store::index::{Declared, Range};
use tsunagu_store::plan::{Candidates, Gather, candidates};
use tsunagu_store::{EntityQuery, Found, Page, StoreError};

use crate::error::failed;
use crate::read::{bytes, found, limit, number};

/// Candidates fetched at once.
const STEP: usize = 1_000;
/// Candidates fetched beyond the page that is asked for, since some may not match.
const SPARE: usize = 16;

const BY_ID: &str = "SELECT e.version, e.doc FROM unnest($2::text[]) WITH ORDINALITY AS k (id, place) JOIN entity e ON e.tenant = $1 AND e.id = k.id ORDER BY k.place";
const BY_INDEX: &str = "SELECT e.version, e.doc, i.entry FROM index_entry i JOIN entity e ON e.tenant = i.tenant AND e.id = i.id WHERE i.tenant = $1 AND i.entry >= $2 AND i.entry < $3 ORDER BY i.entry LIMIT $4";
const BY_RANGES: &str = "SELECT e.version, e.doc, i.entry FROM unnest($2::bytea[], $3::bytea[]) WITH ORDINALITY AS r (low, high, place) CROSS JOIN LATERAL (SELECT entry, id FROM index_entry WHERE tenant = $1 AND entry >= r.low AND entry < r.high ORDER BY entry LIMIT $4) i JOIN entity e ON e.tenant = $1 AND e.id = i.id ORDER BY r.place, i.entry LIMIT $4";
const BY_TENANT: &str =
    "SELECT version, doc FROM entity WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3";

pub(crate) async fn run(
    client: &mut Client,
    view: &View,
    tenant: &TenantId,
    query: &EntityQuery,
    declared: &Declared,
) -> Result<Page, StoreError> {
    let candidates = candidates(view, &query.filter, declared);
    let step = query.limit.saturating_add(query.offset).saturating_add(SPARE).min(STEP);
    // An order has to see all of them.
    let step = if query.order.is_some() { STEP } else { step };
    // One statement is one snapshot, and mostly enough.
    let mut first = Search::new(view, tenant, query, declared, step, true);
    if first.run(client, &candidates).await? {
        return Ok(first.gather.finish());
    }
    let transaction = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead);
    let transaction = transaction.read_only(true).start().await.map_err(|e| failed(&e))?;
    let mut whole = Search::new(view, tenant, query, declared, STEP, false);
    whole.run(&transaction, &candidates).await?;
    transaction.commit().await.map_err(|e| failed(&e))?;
    Ok(whole.gather.finish())
}

struct Search<'a> {
    view: &'a View,
    tenant: &'a TenantId,
    declared: &'a Declared,
    gather: Gather<'a>,
    seen: HashSet<String>,
    step: usize,
    once: bool,
}

impl<'a> Search<'a> {
    fn new(
        view: &'a View,
        tenant: &'a TenantId,
        query: &'a EntityQuery,
        declared: &'a Declared,
        step: usize,
        once: bool,
    ) -> Self {
        Self {
            view,
            tenant,
            declared,
            gather: Gather::new(view, query),
            seen: HashSet::new(),
            step,
            once,
        }
    }

    /// Whether the page is complete. When it may use only one statement, it can be left incomplete.
    async fn run(
        &mut self,
        client: &impl GenericClient,
        candidates: &Candidates,
    ) -> Result<bool, StoreError> {
        let tenant = self.tenant.as_str();
        match candidates {
            Candidates::Nothing => {}
            Candidates::Ids(ids) => {
                let ids: Vec<&str> =
                    ids.iter().map(String::as_str).filter(|id| !id.contains('\0')).collect();
                for row in rows(client, BY_ID, &[&tenant, &ids]).await? {
                    if self.offer(&row)?.is_break() {
                        break;
                    }
                }
            }
            Candidates::Every => {
                let mut after = String::new();
                loop {
                    let page =
                        rows(client, BY_TENANT, &[&tenant, &after, &limit(self.step)]).await?;
                    for row in &page {
                        let one = read(row)?;
                        one.doc.id().clone_into(&mut after);
                        if self.take(one)?.is_break() {
                            return Ok(true);
                        }
                    }
                    if page.len() < self.step {
                        break;
                    }
                    if self.once {
                        return Ok(false);
                    }
                }
            }
            Candidates::Ranges(ranges) => {
                if self.once && ranges.len() > 1 {
                    return self.at_once(client, tenant, ranges).await;
                }
                for range in ranges {
                    let mut from = range.from.clone();
                    loop {
                        let params: [&(dyn ToSql + Sync); 4] =
                            [&tenant, &from, &range.to, &limit(self.step)];
                        let page = rows(client, BY_INDEX, &params).await?;
                        for row in &page {
                            let Some(one) = read(row)?.live(self.view)? else {
                                continue;
                            };
                            if self.gather.stands_at(&one, &bytes(row, 2)?, self.declared)
                                && self.take(one)?.is_break()
                            {
                                return Ok(true);
                            }
                        }
                        let Some(last) = page.last().filter(|_| page.len() == self.step) else {
                            break;
                        };
                        if self.once {
                            return Ok(false);
                        }
                        from = bytes(last, 2)?;
                        from.push(0);
                    }
                }
            }
        }
        Ok(true)
    }

    /// The first candidates of several ranges in one statement.
    async fn at_once(
        &mut self,
        client: &impl GenericClient,
        tenant: &str,
        ranges: &[Range],
    ) -> Result<bool, StoreError> {
        let low: Vec<&[u8]> = ranges.iter().map(|range| range.from.as_slice()).collect();
        let high: Vec<&[u8]> = ranges.iter().map(|range| range.to.as_slice()).collect();
        let params: [&(dyn ToSql + Sync); 4] = [&tenant, &low, &high, &limit(self.step)];
        let page = rows(client, BY_RANGES, &params).await?;
        for row in &page {
            let Some(one) = read(row)?.live(self.view)? else {
                continue;
            };
            if self.gather.stands_at(&one, &bytes(row, 2)?, self.declared)
                && self.take(one)?.is_break()
            {
                return Ok(true);
            }
        }
        Ok(page.len() < self.step)
    }

    fn offer(&mut self, row: &Row) -> Result<ControlFlow<()>, StoreError> {
        self.take(read(row)?)
    }

    fn take(&mut self, one: Found) -> Result<ControlFlow<()>, StoreError> {
        Ok(match one.live(self.view)? {
            Some(one) if self.seen.insert(one.doc.id().to_owned()) => self.gather.offer(one),
            _ => ControlFlow::Continue(()),
        })
    }
}

fn read(row: &Row) -> Result<Found, StoreError> {
    found(number(row, 0)?, bytes(row, 1)?)
}

async fn rows(
    client: &impl GenericClient,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, StoreError> {
    let statement = client.prepare_cached(sql).await.map_err(|e| failed(&e))?;
    client.query(&statement, params).await.map_err(|e| failed(&e))
}
