//! tsunagu-audit
