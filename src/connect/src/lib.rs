//! tsunagu-connect
