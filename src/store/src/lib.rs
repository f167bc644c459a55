//! tsunagu-store
