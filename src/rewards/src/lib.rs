//! Coins for activity: rules, budget, double-entry ledger, and delivery to the coin issuer.
//!
//! [`Rewards`] is a [`Consequence`](tsunagu_store::Consequence): when an activity of a resident is written, it decides **inside the
//! same transaction** whether coins are due, reserves them in the budget and puts an order in the outbox. [`Deliverer`]
//! takes the orders to the [`Issuer`]: the order's key is the award's own hash, so that one award is one grant however often it is sent,
//! and after any doubt the issuer is asked before anything is sent again.
//!
//! Owned here: the collections named `reward-*`. The room must not know HTTP, the issuer's protocol or how the activity
//! came in; it never gives the Tsuno ID to the issuer (see [`Rewards::account_of`]) and never changes an award: states go forward only,
//! each one an appended record.

mod activity;
mod appeal;
mod award;
mod coins;
mod daily;
mod decide;
mod deliver;
mod hand;
mod held;
mod hours;
mod issuer;
mod ledger;
mod reason;
mod reconcile;
mod records;
mod rewards;
mod rule;
mod simulate;

pub use appeal::{Answer, AnswerView, AppealView, Outcome, WaitingAppeal};
pub use award::{Award, AwardUid, State};
pub use coins::{CoinsView, GrantView, StaffGrant};
pub use daily::{ReconcileError, Reconciler, Reconciliation};
pub use deliver::{Consents, Deliverer, Pace, Report, Wake};
pub use hand::{Decided, Decision};
pub use issuer::{Issuer, IssuerError, IssuerGrant};
pub use ledger::Budget;
pub use reason::Reason;
pub use reconcile::{Difference, DifferenceKind, StatementLine};
pub use rewards::Rewards;
pub use rule::{Amount, Period, Rule, RuleError, RuleStatus, Rules, TimeZone};
pub use simulate::{Activities, Progress, SimulatedRule, Simulation};
