//! The connector to another NGSI-LD broker: entities are taken from it, given to it, or both.
//!
//! ```toml
//! [[connectors]]
//! name = "prefecture"
//! kind = "ngsi-ld"
//! title = { ja = "県のブローカー", en = "Broker of the prefecture" }
//! schedule = { every-seconds = 60 }
//! [connectors.settings]
//! url = "https://broker.prefecture.example"      # /ngsi-ld/v1 is below it
//! auth = { bearer = { env = "PREFECTURE_TOKEN" } }
//! tenant = "miyazaki"                              # NGSILD-Tenant there
//! take = { types = ["AirQualityObserved"], q = "temperature>0" }
//! give = { types = ["WeatherObserved"], attributes = ["temperature"] }
//! ```
//!
//! What is taken is asked for type by type and page by page (clause 5.7.2) and published under the connector's client; what has not changed is not written
//! again, and what is gone there stays here. What is given is what the connector's client may see: a subscription of its own, with consent and audit
//! as every subscription has them, carries each change to the other broker (batch upsert, clause 5.6.8, or deletion). Names go as the core
//! @context writes them, other names as IRIs, so that both brokers mean the same.

mod config;
mod sink;
mod source;

pub use config::NgsiLd;
