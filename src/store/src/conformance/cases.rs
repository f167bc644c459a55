//! What a store promises, one case per promise.

mod concurrency;
mod keeping;
mod placing;
mod querying;
mod remembering;
mod writing;

pub use concurrency::{a_set_is_seen_whole, logs_are_dense_under_many_writers, one_of_many_wins};
pub use keeping::{
    a_closed_store_refuses, entries_are_named_and_redacted, keys_are_any_bytes,
    large_values_are_kept, logs_are_read_in_ranges, records_are_scanned_in_order,
    reopening_keeps_everything, tenants_are_apart, what_no_backend_takes_is_refused,
};
pub use placing::{
    answers_are_those_of_evaluation, entities_are_found_where_they_are, orders_are_paged_through,
};
pub use querying::{
    entities_are_found_by_type_subject_and_relationship, pages_are_what_evaluation_gives,
    texts_and_truths_are_found_by_value, the_index_follows_changes,
    values_are_found_in_numeric_order, what_has_ended_is_absent, what_is_hidden_does_not_count,
};
pub use remembering::{
    the_past_is_changed_with_the_rest, the_past_is_read_by_time, the_past_is_seen_through_the_view,
    what_is_gone_is_found_apart,
};
pub use writing::{
    a_conflict_leaves_nothing, bits_are_marked_and_asked, branches_are_decided_inside,
    counters_stay_in_bounds, entities_keep_their_preconditions,
    no_change_of_a_collection_is_missed, operations_of_a_set_see_each_other,
    records_keep_their_preconditions,
};
