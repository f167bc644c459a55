//! The other side over MQTT, with faults on order.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{ConnectError, Mqtt, MqttMessage, MqttSubscription, MqttTaker};

/// What goes wrong with a broker of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokerFault {
    /// Nothing listens.
    Outage,
    /// It does not let us in.
    Refused,
    /// The connection breaks after so many messages, and with it their acknowledgements: the broker sends all of them again.
    LostAcknowledgements(usize),
    /// Each message comes twice.
    Repeats,
    /// Everything takes its time.
    Slow,
}

#[derive(Default)]
struct State {
    /// What nobody acknowledged, in order.
    waiting: VecDeque<MqttMessage>,
    fault: Option<BrokerFault>,
    /// Connections so far; the broker talks to the latest alone.
    connections: usize,
}

/// A broker that holds messages until they are acknowledged (quality of service 1), and sends in order what was not to whoever comes next.
#[derive(Default)]
pub struct MqttDouble {
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

impl fmt::Debug for MqttDouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MqttDouble(…)")
    }
}

impl MqttDouble {
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Somebody published.
    pub fn publish(&self, message: MqttMessage) {
        self.with(|state| state.waiting.push_back(message));
        self.changed.send_replace(());
    }

    /// What goes wrong from now on.
    pub fn fails(&self, fault: Option<BrokerFault>) {
        self.with(|state| state.fault = fault);
        self.changed.send_replace(());
    }

    /// Messages that nobody acknowledged.
    pub fn waiting(&self) -> usize {
        self.with(|state| state.waiting.len())
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.with(|state| state.connections)
    }
}

fn broken(what: &str) -> ConnectError {
    ConnectError::Unavailable(what.to_owned())
}

#[async_trait]
impl Mqtt for MqttDouble {
    async fn subscribe(
        &self,
        _subscription: &MqttSubscription,
        taker: &dyn MqttTaker,
        shutdown: &CancellationToken,
    ) -> Result<(), ConnectError> {
        let mut changed = self.changed.subscribe();
        let me = self.with(|state| {
            state.connections += 1;
            state.connections
        });
        // Of those that wait, so many were sent and not acknowledged.
        let mut unacknowledged = 0;
        loop {
            changed.mark_unchanged();
            let (fault, message, latest) = self.with(|state| {
                let message = state.waiting.get(unacknowledged).cloned();
                (state.fault, message, state.connections)
            });
            if latest != me {
                return Err(broken("another connection took the session over"));
            }
            match fault {
                Some(BrokerFault::Outage) => return Err(broken("the connection failed")),
                Some(BrokerFault::Refused) => return Err(broken("the broker refused")),
                Some(BrokerFault::LostAcknowledgements(most)) if unacknowledged >= most => {
                    return Err(broken("the connection failed"));
                }
                Some(BrokerFault::Slow) => {
                    for _ in 0..100 {
                        tokio::task::yield_now().await;
                    }
                }
                _ => {}
            }
            let Some(message) = message else {
                tokio::select! {
                    () = shutdown.cancelled() => return Ok(()),
                    _ = changed.changed() => continue,
                }
            };
            if shutdown.is_cancelled() {
                return Ok(());
            }
            if fault == Some(BrokerFault::Repeats) && !taker.take(message.clone()).await {
                return Err(broken("a message was not taken"));
            }
            if !taker.take(message).await {
                return Err(broken("a message was not taken"));
            }
            if matches!(fault, Some(BrokerFault::LostAcknowledgements(_))) {
                unacknowledged += 1;
            } else {
                self.with(|state| state.waiting.pop_front());
            }
        }
    }
}
