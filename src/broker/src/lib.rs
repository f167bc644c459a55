//! tsunagu-broker
