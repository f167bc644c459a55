//! tsunagu-connector-coin-issuer
