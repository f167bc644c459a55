//! tsunagu-store-postgres
