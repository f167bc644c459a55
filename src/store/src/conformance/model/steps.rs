//! What is done, drawn at random.

use proptest::prelude::*;

/// A precondition, as far as it can be said without knowing the state.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hope {
    Any,
    Absent,
    Present,
    /// The version that is there, if there is one.
    Current,
    /// A version that was never given.
    Wrong,
}

#[derive(Debug, Clone)]
pub(super) enum Act {
    PutEntity { id: usize, kind: usize, level: i8, subject: Option<u8>, hope: Hope },
    DeleteEntity { id: usize, hope: Hope },
    PutRecord { collection: usize, key: usize, value: Vec<u8>, hope: Hope },
    DeleteRecord { collection: usize, key: usize, hope: Hope },
    Append { log: usize, entry: Vec<u8> },
    PutIndex { collection: usize, key: usize },
    Redact { log: usize, index: u64, entry: Vec<u8> },
    PutPast { id: usize, kind: usize, level: i8, subject: Option<u8>, hope: Hope },
    DeletePast { id: usize, hope: Hope },
    Remember { at: Spot, value: i8, subject: Option<u8> },
    Forget { at: Spot },
    Add { key: usize, delta: i64 },
    When { guards: Vec<Check>, then: Vec<Act>, otherwise: Vec<Act> },
}

/// A place in the past: entity, series, time, and which of several at that time.
pub(super) type Spot = (usize, usize, i64, u8);

/// A part of a series.
#[derive(Debug, Clone)]
pub(super) struct Lookback {
    pub(super) series: usize,
    pub(super) from: Option<i64>,
    pub(super) to: Option<i64>,
    pub(super) reverse: bool,
    pub(super) limit: usize,
}

#[derive(Debug, Clone)]
pub(super) enum Check {
    Absent { collection: usize, key: usize },
    Room { key: usize, delta: i64 },
}

#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) kinds: Vec<usize>,
    pub(super) bounds: Option<(i8, i8)>,
    pub(super) limit: usize,
    pub(super) offset: usize,
    pub(super) count: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Scanned {
    pub(super) prefix: usize,
    pub(super) after: Option<usize>,
    pub(super) limit: usize,
    pub(super) reverse: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Commit { tenant: usize, acts: Vec<Act> },
    Entity { tenant: usize, id: usize, subject: Option<u8> },
    Query { tenant: usize, asked: Asked, subject: Option<u8> },
    Past { tenant: usize, id: usize, subject: Option<u8> },
    Pasts { tenant: usize, asked: Asked, subject: Option<u8> },
    Instances { tenant: usize, id: usize, back: Lookback, subject: Option<u8> },
    Record { tenant: usize, collection: usize, key: usize },
    Scan { tenant: usize, collection: usize, scanned: Scanned },
    Log { tenant: usize, log: usize, from: u64, limit: usize },
    Verify,
    Reopen,
}

pub(super) const TENANTS: usize = 2;
pub(super) const IDS: usize = 6;
pub(super) const KINDS: usize = 3;
pub(super) const COLLECTIONS: usize = 2;
pub(super) const LOGS: usize = 2;
pub(super) const COUNTERS: usize = 2;
pub(super) const SERIES: usize = 3;
pub(super) const MIN: i64 = -4;
pub(super) const MAX: i64 = 4;
/// Record keys: with ends, zeros and prefixes of each other.
pub(super) const KEYS: [&[u8]; 7] = [b"", b"\0", b"a", b"a\0", b"ab", b"\xff", b"\xff\xff"];

fn hope() -> impl Strategy<Value = Hope> {
    prop_oneof![
        3 => Just(Hope::Any),
        2 => Just(Hope::Absent),
        1 => Just(Hope::Present),
        2 => Just(Hope::Current),
        1 => Just(Hope::Wrong),
    ]
}

fn subject() -> impl Strategy<Value = Option<u8>> {
    prop_oneof![Just(None), (1..3_u8).prop_map(Some)]
}

fn check() -> impl Strategy<Value = Check> {
    prop_oneof![
        (0..COLLECTIONS, 0..KEYS.len())
            .prop_map(|(collection, key)| Check::Absent { collection, key }),
        (0..COUNTERS, MIN..=MAX).prop_map(|(key, delta)| Check::Room { key, delta }),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..24);
    let leaf = prop_oneof![
        4 => (0..IDS, 0..KINDS, -3..4_i8, subject(), hope()).prop_map(
            |(id, kind, level, subject, hope)| Act::PutEntity { id, kind, level, subject, hope }
        ),
        2 => (0..IDS, hope()).prop_map(|(id, hope)| Act::DeleteEntity { id, hope }),
        3 => (0..COLLECTIONS, 0..KEYS.len(), bytes(), hope()).prop_map(
            |(collection, key, value, hope)| Act::PutRecord { collection, key, value, hope }
        ),
        2 => (0..COLLECTIONS, 0..KEYS.len(), hope())
            .prop_map(|(collection, key, hope)| Act::DeleteRecord { collection, key, hope }),
        2 => (0..LOGS, bytes()).prop_map(|(log, entry)| Act::Append { log, entry }),
        1 => (0..COLLECTIONS, 0..KEYS.len())
            .prop_map(|(collection, key)| Act::PutIndex { collection, key }),
        1 => (0..LOGS, 0..4_u64, bytes())
            .prop_map(|(log, index, entry)| Act::Redact { log, index, entry }),
        2 => (0..IDS, 0..KINDS, -3..4_i8, subject(), hope()).prop_map(
            |(id, kind, level, subject, hope)| Act::PutPast { id, kind, level, subject, hope }
        ),
        1 => (0..IDS, hope()).prop_map(|(id, hope)| Act::DeletePast { id, hope }),
        4 => (spot(), any::<i8>(), subject())
            .prop_map(|(at, value, subject)| Act::Remember { at, value, subject }),
        1 => spot().prop_map(|at| Act::Forget { at }),
        2 => (0..COUNTERS, MIN..=MAX).prop_map(|(key, delta)| Act::Add { key, delta }),
    ];
    leaf.prop_recursive(2, 12, 3, |inner| {
        let some = || prop::collection::vec(inner.clone(), 0..3);
        (prop::collection::vec(check(), 0..3), some(), some())
            .prop_map(|(guards, then, otherwise)| Act::When { guards, then, otherwise })
    })
}

fn spot() -> impl Strategy<Value = Spot> {
    (0..IDS, 0..SERIES, -3..4_i64, 0..2_u8)
}

fn lookback() -> impl Strategy<Value = Lookback> {
    let bound = || prop::option::of(-4..5_i64);
    (0..SERIES, bound(), bound(), any::<bool>(), 1..6_usize).prop_map(
        |(series, from, to, reverse, limit)| Lookback { series, from, to, reverse, limit },
    )
}

fn asked() -> impl Strategy<Value = Asked> {
    let kinds = prop::collection::vec(0..KINDS, 0..3);
    let bounds = prop::option::of((-4..5_i8, -4..5_i8));
    (kinds, bounds, 0..8_usize, 0..4_usize, any::<bool>()).prop_map(
        |(kinds, bounds, limit, offset, count)| Asked { kinds, bounds, limit, offset, count },
    )
}

fn scanned() -> impl Strategy<Value = Scanned> {
    let after = prop::option::of(0..KEYS.len());
    (0..KEYS.len(), after, 0..8_usize, any::<bool>())
        .prop_map(|(prefix, after, limit, reverse)| Scanned { prefix, after, limit, reverse })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..TENANTS, prop::collection::vec(act(), 1..5))
            .prop_map(|(tenant, acts)| Step::Commit { tenant, acts }),
        2 => (0..TENANTS, 0..IDS, subject())
            .prop_map(|(tenant, id, subject)| Step::Entity { tenant, id, subject }),
        4 => (0..TENANTS, asked(), subject())
            .prop_map(|(tenant, asked, subject)| Step::Query { tenant, asked, subject }),
        1 => (0..TENANTS, 0..IDS, subject())
            .prop_map(|(tenant, id, subject)| Step::Past { tenant, id, subject }),
        2 => (0..TENANTS, asked(), subject())
            .prop_map(|(tenant, asked, subject)| Step::Pasts { tenant, asked, subject }),
        4 => (0..TENANTS, 0..IDS, lookback(), subject()).prop_map(
            |(tenant, id, back, subject)| Step::Instances { tenant, id, back, subject }
        ),
        2 => (0..TENANTS, 0..COLLECTIONS, 0..KEYS.len())
            .prop_map(|(tenant, collection, key)| Step::Record { tenant, collection, key }),
        2 => (0..TENANTS, 0..COLLECTIONS, scanned())
            .prop_map(|(tenant, collection, scanned)| Step::Scan { tenant, collection, scanned }),
        2 => (0..TENANTS, 0..LOGS, 0..6_u64, 0..6_usize)
            .prop_map(|(tenant, log, from, limit)| Step::Log { tenant, log, from, limit }),
        1 => Just(Step::Verify),
        1 => Just(Step::Reopen),
    ]
}

pub(super) fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..most)
}
