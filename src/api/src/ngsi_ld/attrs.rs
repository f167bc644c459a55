//! `/entities/{entityId}/attrs` and `/entities/{entityId}/attrs/{attrId}`: one file for each verb.

mod append;
mod delete;
mod partial_update;
mod replace;
mod update;

pub(crate) use append::append;
pub(crate) use delete::delete;
pub(crate) use partial_update::partial_update;
pub(crate) use replace::replace;
pub(crate) use update::update;

// The documentation of each, for the list in `openapi`.
pub(crate) use append::__path_append;
pub(crate) use delete::__path_delete;
pub(crate) use partial_update::__path_partial_update;
pub(crate) use replace::__path_replace;
pub(crate) use update::__path_update;
