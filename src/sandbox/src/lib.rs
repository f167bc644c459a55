//! tsunagu-sandbox
