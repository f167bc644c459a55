//! tsunagu-identity
