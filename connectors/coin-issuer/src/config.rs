//! How the issuer is reached.

use secrecy::SecretString;
use serde::Deserialize;
use tsunagu_connect::{Direction, Manifest};
use tsunagu_domain::Text;
use url::Url;

/// Settings of the connector.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the issuer's API begins; `grants` is appended.
    pub base: Url,
    /// The key that the issuer gave to the town.
    pub key: SecretString,
}

/// The base cannot have paths appended.
#[derive(Debug, thiserror::Error)]
#[error("the base of the coin issuer must be an http or https url without query and fragment")]
pub struct InvalidBase;

impl Config {
    /// What staff are shown.
    pub fn manifest() -> Manifest {
        Manifest {
            name: "coin-issuer".to_owned(),
            kind: "coin-issuer".to_owned(),
            title: Text { ja: "つのコイン発行者".to_owned(), en: "Coin issuer".to_owned() },
            direction: Direction::Outbound,
            entity_types: Vec::new(),
        }
    }

    /// `{base}/{segments}`.
    pub(crate) fn url(&self, segments: &[&str]) -> Result<Url, InvalidBase> {
        let mut url = self.base.clone();
        if !matches!(url.scheme(), "http" | "https")
            || url.query().is_some()
            || url.fragment().is_some()
        {
            return Err(InvalidBase);
        }
        url.path_segments_mut().map_err(|()| InvalidBase)?.pop_if_empty().extend(segments);
        Ok(url)
    }
}
