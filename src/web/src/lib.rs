//! tsunagu-web
