//! Giving entities.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::value::RawValue;
use tsunagu_connect::{Call, Delivery, Reply, Sink, SinkError};

use crate::config::Broker;

pub(crate) struct Give {
    pub(crate) broker: Broker,
}

/// What is read of a notification (clause 5.3.1).
#[derive(Deserialize)]
struct Notification {
    data: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Head {
    id: String,
    #[serde(rename = "deletedAt", default)]
    deleted_at: Option<serde::de::IgnoredAny>,
}

#[async_trait]
impl Sink for Give {
    async fn deliver(&self, delivery: &Delivery) -> Result<(), SinkError> {
        let never = |_| SinkError::Never("the notification cannot be read".to_owned());
        let notification: Notification =
            serde_json::from_str(delivery.notification.get()).map_err(never)?;
        let mut present = Vec::new();
        for entity in &notification.data {
            let head: Head = serde_json::from_str(entity.get()).map_err(never)?;
            if head.deleted_at.is_some() {
                self.delete(&head.id).await?;
            } else {
                present.push(entity);
            }
        }
        if present.is_empty() {
            return Ok(());
        }
        let body = serde_json::to_vec(&present).map_err(never)?;
        let config = |error: tsunagu_connect::ConnectError| SinkError::Later(error.to_string());
        let mut url = self.broker.url(&["entityOperations", "upsert"]).map_err(config)?;
        url.query_pairs_mut().append_pair("options", "update");
        let reply = self.send(Call::post_json(url, "application/json", body)).await?;
        match reply.status {
            201 | 204 => Ok(()),
            status => Err(refused(status)),
        }
    }
}

impl Give {
    async fn delete(&self, id: &str) -> Result<(), SinkError> {
        let config = |error: tsunagu_connect::ConnectError| SinkError::Later(error.to_string());
        let url = self.broker.url(&["entities", id]).map_err(config)?;
        let call = Call { method: "DELETE", url, headers: Vec::new(), body: None };
        match self.send(call).await?.status {
            204 | 404 => Ok(()),
            status => Err(refused(status)),
        }
    }

    async fn send(&self, call: Call) -> Result<Reply, SinkError> {
        self.broker.send(call).await.map_err(|error| SinkError::Later(error.to_string()))
    }
}

fn refused(status: u16) -> SinkError {
    let what = format!("the other broker answered {status}");
    match status {
        // The entity itself is refused, or a part of a batch.
        207 | 400 | 409 | 413 | 415 | 422 => SinkError::Never(what),
        // Its trouble, its pace, our rights there, or nothing that a broker says.
        _ => SinkError::Later(what),
    }
}
