//! The connector for FHIR R4: Observations of vital signs, body measurements and steps, in and out.
//!
//! ```toml
//! [[connectors]]
//! name = "clinic"
//! kind = "fhir"
//! title = { ja = "北のかぜ診療所", en = "Clinic of the north wind" }
//! schedule = { every-seconds = 300 }
//! secrets = { ids = { env = "CLINIC_IDS" } }     # ids of observations mean nothing outside
//! [connectors.settings]
//! url = "https://clinic.example/fhir"            # the base of its REST interface
//! auth = { bearer = { env = "CLINIC_TOKEN" } }
//! what = "measurements"                          # or "activity"
//! send = false                                   # true: what the client may see here becomes Observations there
//! ```
//!
//! **In.** A search of Observations, page by page by the Bundle's `next` link, and in later rounds for what was updated since. A resource becomes a `HealthObservation` or
//! a `HealthActivity` by `mappings/`, unless the settings have a mapping of their own. JP Core's codes are read by its own map to LOINC. Whose it is says
//! `subject`: an identifier that is a Person's URN, or a reference to a Patient whose logical id is the one by which the client knows the resident.
//!
//! **Out.** An entity becomes an Observation by `PUT`, so that a repetition changes nothing; one that is deleted here is deleted there. Its logical
//! id is a UUID (version 8) made of the SHA-256 of the entity's whole URN, and `identifier` has the URN itself.

mod config;
mod observation;
mod sink;
mod source;

pub use config::Fhir;
