//! The connector for data points of IEEE 1752.1 and Open mHealth: physical activity, and the older step count.
//!
//! ```toml
//! [[connectors]]
//! name = "walks"
//! kind = "open-mhealth"
//! title = { ja = "歩数の記録", en = "Walks" }
//! schedule = { every-seconds = 300 }
//! secrets = { ids = { env = "WALKS_IDS" } }      # ids of activities mean nothing outside
//! [connectors.settings]
//! url = "https://dsu.example/v1.0.M1/dataPoints"
//! auth = { bearer = { env = "WALKS_TOKEN" } }
//! ```
//!
//! It asks a data storage unit for the data points of each schema, page by page, and in later rounds for what was created since. The standards
//! describe data points, not the interface that gives them: `parameters` names the query parameters where a unit calls them otherwise.
//!
//! A data point becomes a `HealthActivity` by `mappings/activity.json`, unless the settings have a mapping of their own. Whose it is says
//! `header.user_id`: the id that the data's vendor knows the resident by (the `sub` of its login), or the URN with it. Without a modality it counts as
//! self-reported.

mod config;
mod source;

pub use config::OpenMhealth;
