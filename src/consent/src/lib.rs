//! tsunagu-consent
