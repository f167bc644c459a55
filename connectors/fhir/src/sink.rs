//! Writing Observations (FHIR R4, update and delete).

use async_trait::async_trait;
use serde_json::Value;
use tsunagu_connect::{Call, Client, Delivery, Reply, Sink, SinkError};

use crate::config::below;
use crate::observation::{Change, change};

pub(crate) struct Put(pub(crate) Client);

impl Put {
    async fn write(&self, change: Change) -> Result<(), SinkError> {
        let (id, deletes) = match &change {
            Change::Put(id, _) => (id, false),
            Change::Delete(id) => (id, true),
        };
        let mut call = Call::get(below(self.0.url(), &["Observation", id]));
        call.method = if deletes { "DELETE" } else { "PUT" };
        call = call.header("accept", "application/fhir+json".to_owned());
        if let Change::Put(_, observation) = change {
            let body = serde_json::to_vec(&observation)
                .map_err(|_| SinkError::Never("the Observation cannot be written".to_owned()))?;
            call.body = Some(("application/fhir+json", body));
        }
        let reply = self.0.send(call).await.map_err(|error| SinkError::Later(error.to_string()))?;
        outcome(&reply, deletes)
    }
}

/// What an answer means for the delivery.
fn outcome(reply: &Reply, deletes: bool) -> Result<(), SinkError> {
    match reply.status {
        200..=299 => Ok(()),
        // What is not there need not be deleted.
        404 | 410 if deletes => Ok(()),
        // The server looked at it and does not want it: no later try is another.
        status @ (400 | 405 | 409 | 412 | 413 | 415 | 422) => {
            Err(SinkError::Never(format!("the server refuses the Observation (status {status})")))
        }
        status => Err(SinkError::Later(format!("the server answered {status}"))),
    }
}

#[async_trait]
impl Sink for Put {
    async fn deliver(&self, delivery: &Delivery) -> Result<(), SinkError> {
        let unreadable = || SinkError::Never("the notification cannot be read".to_owned());
        let notification: Value =
            serde_json::from_str(delivery.notification.get()).map_err(|_| unreadable())?;
        let data = notification.get("data").and_then(Value::as_array).ok_or_else(unreadable)?;
        // All are read before the first is written: a delivery that cannot be taken whole changes nothing.
        let changes: Result<Vec<Change>, _> = data.iter().map(change).collect();
        let changes = changes.map_err(|why| {
            SinkError::Never(format!("an entity cannot be an Observation: {why}"))
        })?;
        for change in changes {
            self.write(change).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_say_whether_trying_again_helps() {
        let answer = |status, deletes| {
            outcome(&Reply { status, headers: Vec::new(), body: Vec::new() }, deletes)
        };
        for status in [200, 201, 204] {
            assert_eq!(answer(status, false), Ok(()));
        }
        for status in [400, 409, 422] {
            assert!(matches!(answer(status, false), Err(SinkError::Never(_))), "{status}");
        }
        for status in [302, 401, 403, 404, 429, 500, 503] {
            assert!(matches!(answer(status, false), Err(SinkError::Later(_))), "{status}");
        }
        assert_eq!((answer(404, true), answer(410, true)), (Ok(()), Ok(())));
    }
}
