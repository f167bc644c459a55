//! Deletion orders in the ledger: ordered, looked at, acknowledged.

use tsunagu_domain::{ClientId, Problem, TenantId, Timestamp};
use tsunagu_store::access::{Access, Action, Decision};
use tsunagu_store::{Expect, Op, Scan};

use super::keys::{self, OPEN_ORDERS, ORDERS, OUTBOX};
use super::{ATTEMPTS, Ledger, raced};
use crate::{Consent, ConsentedData, DeletionOrder};

/// What orders are called in records of access.
const ORDER_TYPE: &str = "urn:tsunagu:type:DeletionOrder";

impl Ledger {
    /// The operations that order the deletion of `data`, in the transaction that ended the consent.
    pub(super) fn order(
        &self,
        consent: &Consent,
        data: &[ConsentedData],
        now: Timestamp,
        ops: &mut Vec<Op>,
    ) -> Result<(), Problem> {
        let Some(order) = DeletionOrder::of(consent, data, || self.ids.uuid(), now) else {
            return Ok(());
        };
        let value = keys::pointer(&order.consent)?;
        let open = keys::timed(order.delete_by, &order.consent);
        let due = keys::timed(now, &order.consent);
        for (collection, key) in [(OPEN_ORDERS, open), (OUTBOX, due)] {
            let value = value.clone();
            ops.push(Op::PutRecord { collection, key, value, expect: Expect::Absent });
        }
        ops.push(put(&order, Expect::Absent)?);
        Ok(())
    }

    /// The order that the end of this consent brought about.
    pub async fn deletion(
        &self,
        tenant: &TenantId,
        consent: &str,
    ) -> Result<Option<DeletionOrder>, Problem> {
        Ok(self.ordered(tenant, consent).await?.map(|(_, order)| order))
    }

    /// The same with the version of its record.
    pub(crate) async fn ordered(
        &self,
        tenant: &TenantId,
        consent: &str,
    ) -> Result<Option<(u64, DeletionOrder)>, Problem> {
        let Some(record) = self.store.record(tenant, ORDERS, consent.as_bytes()).await? else {
            return Ok(None);
        };
        Ok(Some((record.version, keys::decode(&record.value)?)))
    }

    /// Orders that are not done, the one due first first: those after `after`, at most `limit`. What is overdue comes before everything else.
    pub async fn open_deletions(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<Vec<DeletionOrder>, Problem> {
        let scan = Scan { limit, ..Scan::default() };
        let mut orders = Vec::new();
        for (_, record) in self.store.records(tenant, OPEN_ORDERS, &scan).await? {
            // Done meanwhile is open no more.
            let order = self.deletion(tenant, &keys::pointed(&record.value)?).await?;
            orders.extend(order.filter(|order| order.done_at.is_none()));
        }
        Ok(orders)
    }

    /// Records that the client said that it has deleted what it was ordered to. Repeating it changes nothing; an order of another client
    /// is not found.
    pub async fn acknowledge_deletion(
        &self,
        tenant: &TenantId,
        client: &ClientId,
        request: &str,
        consent: &str,
    ) -> Result<DeletionOrder, Problem> {
        for _ in 0..ATTEMPTS {
            let found = self.ordered(tenant, consent).await?;
            let (version, order) = found
                .filter(|(_, order)| order.client == *client)
                .ok_or_else(Problem::not_found)?;
            if order.done_at.is_some() {
                return Ok(order);
            }
            let mut ops = Vec::new();
            let order = self.done(order, version, request, &mut ops)?;
            if self.commit(tenant, ops).await? {
                return Ok(order);
            }
        }
        Err(raced())
    }

    /// The operations that book an order as done.
    pub(crate) fn done(
        &self,
        mut order: DeletionOrder,
        version: u64,
        request: &str,
        ops: &mut Vec<Op>,
    ) -> Result<DeletionOrder, Problem> {
        let now = self.clock.micros();
        order.taken_at = order.taken_at.or(Some(now));
        order.done_at = Some(now);
        ops.push(put(&order, Expect::Version(version))?);
        let key = keys::timed(order.delete_by, &order.consent);
        ops.push(Op::DeleteRecord { collection: OPEN_ORDERS, key, expect: Expect::Any });
        let attributes = order.data.iter().flat_map(|part| &part.attributes);
        let access = Access {
            at: now,
            request: request.to_owned(),
            actor: format!("client:{}", order.client),
            subjects: vec![order.subject],
            purpose: None,
            grant: Some(order.consent.clone()),
            grant_version: Some(order.consent_version),
            action: Action::Consent,
            types: vec![ORDER_TYPE.to_owned()],
            attributes: attributes.map(|attribute| attribute.iri.clone()).collect(),
            decision: Decision::Allowed,
            reason: "deleted".to_owned(),
            count: 1,
        };
        ops.extend(self.log.ops(&access)?);
        Ok(order)
    }
}

/// The operation that stores an order.
pub(crate) fn put(order: &DeletionOrder, expect: Expect) -> Result<Op, Problem> {
    Ok(Op::PutRecord {
        collection: ORDERS,
        key: order.consent.as_bytes().to_vec(),
        value: keys::encode(order)?,
        expect,
    })
}
