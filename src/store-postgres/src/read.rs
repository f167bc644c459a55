//! Single reads and scans.

use bytes::Bytes;
use deadpool_postgres::Client;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use tsunagu_domain::TenantId;
use tsunagu_ngsi_ld::EntityDoc;
use tsunagu_store::{Collection, Found, Log, Record, Scan, StoreError};

use crate::error::{damaged, failed};

/// A count or limit as the database takes it.
pub(crate) fn limit(of: usize) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}

/// A version or index as the database takes it. None is ever given that does not fit.
pub(crate) fn big(of: u64) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}

/// A version or index in a column.
pub(crate) fn number(row: &Row, column: usize) -> Result<u64, StoreError> {
    let number: i64 = row.try_get(column).map_err(|e| failed(&e))?;
    u64::try_from(number).map_err(|_| damaged("a version or index"))
}

/// An entity from its columns.
pub(crate) fn found(version: u64, doc: Vec<u8>) -> Result<Found, StoreError> {
    let doc = EntityDoc::from_bytes(Bytes::from(doc))
        .map_err(|_| damaged(&format!("the entity of version {version}")))?;
    Ok(Found { version, doc })
}

/// A column of bytes.
pub(crate) fn bytes(row: &Row, column: usize) -> Result<Vec<u8>, StoreError> {
    row.try_get(column).map_err(|e| failed(&e))
}

/// A prepared statement's rows.
pub(crate) async fn rows(
    client: &Client,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, StoreError> {
    let statement = client.prepare_cached(sql).await.map_err(|e| failed(&e))?;
    client.query(&statement, params).await.map_err(|e| failed(&e))
}

pub(crate) async fn entity(
    client: &Client,
    tenant: &TenantId,
    id: &str,
) -> Result<Option<Found>, StoreError> {
    // Text of the database holds no zero byte, so such an id is not there.
    if id.contains('\0') {
        return Ok(None);
    }
    let sql = "SELECT version, doc FROM entity WHERE tenant = $1 AND id = $2";
    let rows = rows(client, sql, &[&tenant.as_str(), &id]).await?;
    rows.first().map(|row| found(number(row, 0)?, bytes(row, 1)?)).transpose()
}

pub(crate) async fn record(
    client: &Client,
    tenant: &TenantId,
    collection: Collection,
    key: &[u8],
) -> Result<Option<Record>, StoreError> {
    let sql =
        "SELECT version, value FROM record WHERE tenant = $1 AND collection = $2 AND key = $3";
    let rows = rows(client, sql, &[&tenant.as_str(), &collection.0, &key]).await?;
    let record = |row| Ok(Record { version: number(row, 0)?, value: bytes(row, 1)? });
    rows.first().map(record).transpose()
}

pub(crate) async fn records(
    client: &Client,
    tenant: &TenantId,
    collection: Collection,
    scan: &Scan,
) -> Result<Vec<(Vec<u8>, Record)>, StoreError> {
    let Some((from, to)) = scan.range() else {
        return Ok(Vec::new());
    };
    let order = if scan.reverse { "DESC" } else { "ASC" };
    let (tenant, most) = (tenant.as_str(), limit(scan.limit));
    let mut params: Vec<&(dyn ToSql + Sync)> = vec![&tenant, &collection.0, &most, &from];
    let end = to.as_ref().map_or("", |to| {
        params.push(to);
        "AND key < $5"
    });
    let sql = format!(
        "SELECT key, version, value FROM record WHERE tenant = $1 AND collection = $2 AND key >= $4 {end} ORDER BY key {order} LIMIT $3"
    );
    let rows = rows(client, &sql, &params).await?;
    let pair = |row| {
        let record = Record { version: number(row, 1)?, value: bytes(row, 2)? };
        Ok((bytes(row, 0)?, record))
    };
    rows.iter().map(pair).collect()
}

pub(crate) async fn log_size(
    client: &Client,
    tenant: &TenantId,
    log: Log,
) -> Result<u64, StoreError> {
    let sql = "SELECT coalesce(max(index) + 1, 0) FROM log_entry WHERE tenant = $1 AND log = $2";
    let rows = rows(client, sql, &[&tenant.as_str(), &log.0]).await?;
    rows.first().map_or(Ok(0), |row| number(row, 0))
}

pub(crate) async fn log_entries(
    client: &Client,
    tenant: &TenantId,
    log: Log,
    from: u64,
    most: usize,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let sql = "SELECT entry FROM log_entry WHERE tenant = $1 AND log = $2 AND index >= $3 ORDER BY index LIMIT $4";
    let params: [&(dyn ToSql + Sync); 4] = [&tenant.as_str(), &log.0, &big(from), &limit(most)];
    let rows = rows(client, sql, &params).await?;
    rows.iter().map(|row| bytes(row, 0)).collect()
}

pub(crate) async fn log_entries_at(
    client: &Client,
    tenant: &TenantId,
    log: Log,
    indexes: &[u64],
) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
    let sql = "SELECT l.entry FROM unnest($3::bigint[]) WITH ORDINALITY AS k (index, place) LEFT JOIN log_entry l ON l.tenant = $1 AND l.log = $2 AND l.index = k.index ORDER BY k.place";
    let indexes: Vec<i64> = indexes.iter().map(|index| big(*index)).collect();
    let rows = rows(client, sql, &[&tenant.as_str(), &log.0, &indexes]).await?;
    rows.iter().map(|row| row.try_get::<_, Option<Vec<u8>>>(0).map_err(|e| failed(&e))).collect()
}
