//! The consent ledger: who allowed whom what, for what, until when; and the proof of it.
//!
//! Terms follow ISO/IEC TS 27560 and W3C DPV. Every change is an appended event; the state of a consent is what its last event
//! says. Only the resident's own session gives, refuses, pauses or withdraws. [`Ledger::live_grant`] turns a consent into what the
//! policy decides on; it is read for every request, so that a withdrawal holds from the next one on.
//!
//! A consent names the attributes that its data classes had when it was given: a wider catalogue never widens it. This room reads
//! no entities and decides no access.

mod consent;
mod content;
mod counter_notice;
mod delegation;
mod deletion;
mod deliver;
mod event;
mod ledger;
mod receipt;
mod request;
mod share;
mod state;

pub use consent::{Consent, Reconsent, UNUSED_DAYS, WARNED_AHEAD};
pub use content::{ConsentedAttribute, ConsentedData, ConsentedPurpose, NoticeShown};
pub use delegation::{
    ActedBy, Assisted, Authority, AuthorityEvidence, Capacity, Delegation, DelegationKind,
    DelegationScope, Ended, GivenUnder, IdentityEvidence, Wish,
};
pub use deletion::{
    DELETION_REQUIRED, DeletionEvent, DeletionOrder, DeletionReason, DeletionState, EventClaims,
    EventData, Events, SubjectId,
};
pub use deliver::{Answered, Deletions, Delivered, Patience, Recipient, Recipients};
pub use event::{Event, Reason};
pub use ledger::{
    Changed, Confirmed, Counter, CounterConsent, Due, Ledger, Listed, NewDelegation, NewGuardian,
    Part, Reconsented, Resident,
};
pub use receipt::{
    InvalidReceipt, InvalidSigningKey, Party, PiiInformation, PiiProcessing, Platform, Reader,
    Receipt, ReceiptEvent, ReceiptSigner, Verdict, verify_receipt,
};
pub use request::{DataAction, NewConsent, Notice, RESIDENT_DATA, Requested};
pub use share::{
    Basis, FAILURES_IN_AN_HOUR, NewShare, NotRedeemed, REDEEMABLE_AT_MOST, Redeemer, Redemption,
    ShareCode, ShareNotice, ShareState, Shared, USES_AT_MOST, WRONG_TRIES,
};
pub use state::State;
