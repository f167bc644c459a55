//! tsunagu-store-embedded
