//! What an NGSI-LD broker does: provision and consumption of entities, and the @contexts they are written in.
//!
//! Every operation takes a [`Request`] with a [`View`](tsunagu_policy::View); what the view hides does not exist here. Personal data is written
//! down in the access log in the transaction that writes it, or before it is handed out. No HTTP, no consent rules.

mod access;
mod broker;
mod consumption;
mod contexts;
mod expiry;
mod guard;
mod problem;
mod provision;
mod reads;
mod shapes;
mod sources;
mod subscriptions;
mod temporal;
mod transaction;

pub use broker::{Broker, Parts, Request, Target};
pub use consumption::{Answer, Asked, Discover, Discovered, Listing};
pub use contexts::{
    Belongs, ContextDetails, ContextKind, Contexts, DocumentLoader, Hosting, NoLoader,
};
pub use problem::ngsi_problem;
pub use provision::{Batch, BatchItem, BatchResult, Created, Published, Purge, Updated};
pub use sources::{SourcePage, Sources};
pub use subscriptions::{
    Asking, Deliverer, Message, Notifier, Owner, Owners, Pace, Pair, Report, SendError,
    SubscriptionPage, SubscriptionParts, Subscriptions,
};
pub use temporal::{AskedEvolutions, Evolved, EvolvedPage, InstanceName, Part, Provided, Temporal};
