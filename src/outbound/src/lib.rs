//! tsunagu-outbound
