//! `/types` and `/types/{type}`: one file for each path.

mod list;
mod retrieve;

pub(crate) use list::list;
pub(crate) use retrieve::retrieve;

// The documentation of each, for the list in `openapi`.
pub(crate) use list::__path_list;
pub(crate) use retrieve::__path_retrieve;
