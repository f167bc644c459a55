//! tsunagu-domain
