//! The suite that every backend passes.
//!
//! A backend offers a [`Place`] (a folder, a schema, a memory) and expands [`store_suite!`](crate::store_suite) in a test file: one test per
//! case. [`model`] runs random operations against a naive oracle, [`crash`] is both halves of a test that kills the writer. The suite speaks
//! only through [`Store`]; what it expects is written here, not computed by the code under test.
#![expect(
    clippy::unwrap_used,
    clippy::float_cmp,
    clippy::missing_panics_doc,
    reason = "tests may unwrap, panic to say what is wrong, and compare the small whole numbers they wrote"
)]

pub mod cases;
pub mod crash;
pub mod model;
pub mod samples;

use std::sync::Arc;

use async_trait::async_trait;

use crate::Store;

/// Where a store lives, empty at first.
#[async_trait]
pub trait Place: Send + Sync {
    /// Opens the store that lives here, declaring [`samples::declared`]. After [`Store::close`] it can be opened again and holds the same.
    async fn open(&self) -> Arc<dyn Store>;
}

/// Expands to one test per case; the argument is an expression that gives a new [`Place`](crate::conformance::Place).
#[macro_export]
macro_rules! store_suite {
    ($place:expr) => {
        $crate::store_suite!(@each $place;
            entities_keep_their_preconditions
            records_keep_their_preconditions
            no_change_of_a_collection_is_missed
            a_conflict_leaves_nothing
            operations_of_a_set_see_each_other
            branches_are_decided_inside
            counters_stay_in_bounds
            bits_are_marked_and_asked
            one_of_many_wins
            logs_are_dense_under_many_writers
            a_set_is_seen_whole
            entities_are_found_by_type_subject_and_relationship
            values_are_found_in_numeric_order
            texts_and_truths_are_found_by_value
            the_index_follows_changes
            pages_are_what_evaluation_gives
            what_is_hidden_does_not_count
            entities_are_found_where_they_are
            answers_are_those_of_evaluation
            orders_are_paged_through
            what_has_ended_is_absent
            tenants_are_apart
            records_are_scanned_in_order
            keys_are_any_bytes
            logs_are_read_in_ranges
            entries_are_named_and_redacted
            reopening_keeps_everything
            large_values_are_kept
            the_past_is_read_by_time
            the_past_is_seen_through_the_view
            what_is_gone_is_found_apart
            the_past_is_changed_with_the_rest
            what_no_backend_takes_is_refused
            a_closed_store_refuses
        );
    };
    (@each $place:expr; $($case:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let place = $place;
            Box::pin($crate::conformance::cases::$case(&place)).await;
        }
    )* };
}
