//! tsunagu-rewards
