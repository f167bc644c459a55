//! tsunagu-policy
