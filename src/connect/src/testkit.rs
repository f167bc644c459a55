//! The cases that every connector passes, whatever it is connected to.
//!
//! A connector's tests say how its other side answers (a rig); the kit plays the other side's faults, kills and restarts the connector at every
//! step, and looks at what arrives. One call in the connector's tests runs them all:
//!
//! ```ignore
//! #[tokio::test]
//! async fn passes_the_kit() {
//!     testkit::source(&MyRig).await;
//! }
//! ```

mod command;
mod folder;
mod http;
mod life;
mod listener;
mod mqtt;
mod receiver;
mod sink;
mod source;
mod town;

pub use command::{Books, CommandRig, command};
pub use folder::{FolderRig, folder};
pub use http::{Fault, HttpDouble};
pub use life::Life;
pub use listener::{ListenerRig, listener};
pub use mqtt::{BrokerFault, MqttDouble};
pub use receiver::{ReceiverRig, Sent, receiver};
pub use sink::{SinkRig, sink};
pub use source::{SourceRig, source};
pub use town::{Kit, Town};

/// A record that the other side holds: something with a number, whose content is another with every revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// Which.
    pub id: u32,
    /// How often it was changed.
    pub revision: u32,
}

/// `n` records as they were first.
pub fn records(n: u32) -> Vec<Record> {
    (1..=n).map(|id| Record { id, revision: 0 }).collect()
}
