//! tsunagu-api
