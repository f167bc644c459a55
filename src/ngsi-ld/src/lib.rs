//! tsunagu-ngsi-ld
