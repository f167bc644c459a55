//! Asking for records.

use async_trait::async_trait;
use serde_json::value::RawValue;
use tsunagu_connect::{Batch, Client, ConnectError, Cursor, Item, Probe, RowReport, Source};

pub(crate) struct List(pub(crate) Client);

#[async_trait]
impl Source for List {
    async fn poll(&mut self, _cursor: Option<&Cursor>) -> Result<Batch, ConnectError> {
        let reply = self.0.get(self.0.url().clone()).await?;
        let records: Vec<Box<RawValue>> = serde_json::from_slice(&reply.body).map_err(|_| {
            ConnectError::Unavailable("the answer is no JSON list of records".to_owned())
        })?;
        let items = (1u64..).zip(records).map(|(line, record)| Item::record(record, "list", line));
        // The list is whole each time, so there is no place in it to remember.
        let cursor = Cursor("whole".to_owned());
        Ok(Batch { items: items.collect(), report: RowReport::default(), cursor, more: false })
    }

    async fn acknowledge(&mut self, _cursor: &Cursor) -> Result<(), ConnectError> {
        Ok(())
    }
}

pub(crate) struct Reachable(pub(crate) Client);

#[async_trait]
impl Probe for Reachable {
    async fn probe(&self) -> Result<(), ConnectError> {
        self.0.get(self.0.url().clone()).await.map(drop)
    }
}
