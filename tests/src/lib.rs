//! tsunagu-tests
