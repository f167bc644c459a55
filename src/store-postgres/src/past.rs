//! The past of entities: reading, writing and checking its instances.

use deadpool_postgres::{Client, Transaction};
use futures_util::future::try_join;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};
use tsunagu_domain::TenantId;
use tsunagu_ngsi_ld::{EntityDoc, PastDoc};
use tsunagu_policy::View;
use tsunagu_store::StoreError;
use tsunagu_store::temporal::{
    self, Chunk, InstanceKey, InstanceRange, Place, Recall, Series, misplaced,
};

use crate::error::{damaged, failed};
use crate::read::{bytes, limit, rows};

/// One look at the primary key for each series, and one for the end.
const SERIES: &str = "WITH RECURSIVE s AS ((SELECT series FROM instance WHERE tenant = $1 AND entity = $2 ORDER BY series LIMIT 1) UNION ALL SELECT (SELECT i.series FROM instance i WHERE i.tenant = $1 AND i.entity = $2 AND i.series > s.series ORDER BY i.series LIMIT 1) FROM s WHERE s.series IS NOT NULL) SELECT series FROM s WHERE series IS NOT NULL";
const PUT: &str = "INSERT INTO instance (tenant, entity, series, at, id, value) SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bytea[], $6::bytea[]) ON CONFLICT (tenant, entity, series, at, id) DO UPDATE SET value = excluded.value";
const DELETE: &str = "DELETE FROM instance i USING unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bytea[]) AS k (tenant, entity, series, at, id) WHERE i.tenant = k.tenant AND i.entity = k.entity AND i.series = k.series AND i.at = k.at AND i.id = k.id";
const NEXT: &str = "SELECT tenant, entity, series, at, id, value FROM instance WHERE (tenant, entity, series, at, id) > ($1, $2, $3, $4, $5) ORDER BY tenant, entity, series, at, id LIMIT $6";

pub(crate) async fn series(
    client: &Client,
    tenant: &TenantId,
    of: &EntityDoc,
) -> Result<Vec<Series>, StoreError> {
    let rows = rows(client, SERIES, &[&tenant.as_str(), &of.id()]).await?;
    rows.iter().map(|row| series_in(row, 0)).collect()
}

pub(crate) async fn instances(
    client: &Client,
    view: &View,
    of: &EntityDoc,
    range: &InstanceRange,
) -> Result<Chunk, StoreError> {
    let order = if range.reverse { "DESC" } else { "ASC" };
    let first = range.from.unwrap_or(Place::first_at(i64::MIN));
    let (first_id, most) = (first.id.as_slice(), limit(range.limit));
    let (tenant, series) = (view.tenant().as_str(), range.series.0.as_slice());
    let id = of.id();
    let mut params: Vec<&(dyn ToSql + Sync)> =
        vec![&tenant, &id, &series, &most, &first.at, &first_id];
    let to = range.to;
    let to_id = to.map(|to| to.id.to_vec());
    let end = if let (Some(to), Some(to_id)) = (&to, &to_id) {
        params.push(&to.at);
        params.push(to_id);
        "AND (at, id) < ($7, $8)"
    } else {
        ""
    };
    let sql = format!(
        "SELECT at, id, value FROM instance WHERE tenant = $1 AND entity = $2 AND series = $3 AND (at, id) >= ($5, $6) {end} ORDER BY at {order}, id {order} LIMIT $4"
    );
    let mut recall = Recall::new(view, of, range);
    for row in rows(client, &sql, &params).await? {
        recall.offer(place_in(&row, 0, 1)?, temporal::read(bytes(&row, 2)?)?);
    }
    Ok(recall.finish())
}

/// The statements that write instances.
pub(crate) struct Statements {
    put: Statement,
    delete: Statement,
}

impl Statements {
    pub(crate) async fn prepare(client: &tokio_postgres::Client) -> Result<Self, StoreError> {
        let prepare = async |sql| client.prepare(sql).await.map_err(|e| failed(&e));
        Ok(Self { put: prepare(PUT).await?, delete: prepare(DELETE).await? })
    }

    pub(crate) async fn run(
        &self,
        client: &tokio_postgres::Client,
        instances: &[((TenantId, InstanceKey), Option<PastDoc>)],
    ) -> Result<(), StoreError> {
        let (mut put, mut gone) = (Columns::default(), Columns::default());
        for ((tenant, key), after) in instances {
            let columns = if after.is_some() { &mut put } else { &mut gone };
            columns.push(tenant, key, after.as_ref());
        }
        let put = async {
            if put.tenants.is_empty() {
                return Ok(0);
            }
            let params: [&(dyn ToSql + Sync); 6] =
                [&put.tenants, &put.entities, &put.series, &put.times, &put.ids, &put.values];
            client.execute(&self.put, &params).await
        };
        let gone = async {
            if gone.tenants.is_empty() {
                return Ok(0);
            }
            let params: [&(dyn ToSql + Sync); 5] =
                [&gone.tenants, &gone.entities, &gone.series, &gone.times, &gone.ids];
            client.execute(&self.delete, &params).await
        };
        try_join(put, gone).await.map(drop).map_err(|e| failed(&e))
    }
}

#[derive(Default)]
struct Columns<'a> {
    tenants: Vec<&'a str>,
    entities: Vec<&'a str>,
    series: Vec<&'a [u8]>,
    times: Vec<i64>,
    ids: Vec<&'a [u8]>,
    values: Vec<&'a [u8]>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, tenant: &'a TenantId, key: &'a InstanceKey, doc: Option<&'a PastDoc>) {
        self.tenants.push(tenant.as_str());
        self.entities.push(&key.entity);
        self.series.push(&key.series.0);
        self.times.push(key.place.at);
        self.ids.push(&key.place.id);
        self.values.extend(doc.map(|doc| doc.bytes().as_ref()));
    }
}

/// Every instance must decode and stand where it belongs.
pub(crate) async fn verify(
    client: &Transaction<'_>,
    step: i64,
    findings: &mut Vec<String>,
) -> Result<(), StoreError> {
    let (mut tenant, mut entity) = (String::new(), String::new());
    let (mut last_series, mut last) = (Vec::new(), (i64::MIN, Vec::new()));
    let mut looked = 0_u64;
    loop {
        let params: [&(dyn ToSql + Sync); 6] =
            [&tenant, &entity, &last_series, &last.0, &last.1, &step];
        let rows = client.query(NEXT, &params).await.map_err(|e| failed(&e))?;
        for row in &rows {
            let finding = match temporal::read(bytes(row, 5)?) {
                Err(error) => Some(error.to_string()),
                Ok(doc) => {
                    misplaced(series_in(row, 2)?, place_in(row, 3, 4)?, &doc).map(str::to_owned)
                }
            };
            findings.extend(finding.map(|text| format!("instance {looked} in key order: {text}")));
            looked += 1;
        }
        let Some(row) = rows.last() else {
            return Ok(());
        };
        tenant = row.try_get(0).map_err(|e| failed(&e))?;
        entity = row.try_get(1).map_err(|e| failed(&e))?;
        last_series = bytes(row, 2)?;
        last = (row.try_get(3).map_err(|e| failed(&e))?, bytes(row, 4)?);
    }
}

fn series_in(row: &Row, column: usize) -> Result<Series, StoreError> {
    let series: Vec<u8> = bytes(row, column)?;
    series.try_into().map(Series).map_err(|_| damaged("the series of an instance"))
}

fn place_in(row: &Row, at: usize, id: usize) -> Result<Place, StoreError> {
    let id = bytes(row, id)?.try_into().map_err(|_| damaged("the id of an instance"))?;
    Ok(Place { at: row.try_get(at).map_err(|e| failed(&e))?, id })
}
