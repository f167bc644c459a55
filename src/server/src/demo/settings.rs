//! The gateway's configuration for the demo, written as a town would write it.

use std::path::{Path, PathBuf};

use serde_json::Value;
use url::Url;

use super::processes::Secrets;

// Names in the configuration that the other parties need to know.
pub(super) const XID_CLIENT: &str = "tsuno-gateway";
pub(super) const VENDOR: &str = "tsuno-healthcare";
pub(super) const MUNICIPAL: &str = "juki";
pub(super) const STAFF: &str = "town-hall";
pub(super) const AUDITOR: &str = "auditor";

const RULES: &str = include_str!("../../../../config/rewards.json");
const TEMPLATE: &str = include_str!("gateway.toml");

/// What the configuration depends on.
pub(super) struct Demo<'a> {
    pub(super) folder: &'a Path,
    pub(super) gateway: &'a str,
    pub(super) store: Option<&'a str>,
    pub(super) xid: &'a Url,
    pub(super) daa: &'a Url,
    pub(super) town_hall: &'a Url,
    pub(super) daa_key: &'a Path,
    pub(super) coin_issuer: &'a Url,
    pub(super) vendor: &'a Url,
    pub(super) drop: &'a Path,
    pub(super) user_data_key: &'a Path,
    pub(super) secrets: &'a Secrets,
    pub(super) vendor_jwk: &'a Value,
    pub(super) municipal_jwk: &'a Value,
    pub(super) auditor_jwk: &'a Value,
    pub(super) staff_jwk: &'a Value,
}

/// Writes the files and tells where the configuration is.
pub(super) fn write(demo: &Demo<'_>) -> anyhow::Result<PathBuf> {
    let rules = demo.folder.join("rewards.json");
    std::fs::write(&rules, RULES)?;
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let near =
        |url: &Url| format!("{}:{}", url.host_str().unwrap_or_default(), url.port().unwrap_or(80));
    let store = demo.store.map_or_else(|| path(&demo.folder.join("store")), str::to_owned);
    let words = [
        ("listen", demo.gateway.trim_start_matches("http://").to_owned()),
        ("gateway", demo.gateway.to_owned()),
        ("store", store),
        ("schema", schema()),
        ("keys", path(&demo.folder.join("keys"))),
        ("rules", path(&rules)),
        ("xid", demo.xid.as_str().trim_end_matches('/').to_owned()),
        ("xid_secret", demo.secrets.xid_client.clone()),
        ("user_data_key", path(demo.user_data_key)),
        ("daa", demo.daa.as_str().trim_end_matches('/').to_owned()),
        ("daa_key", path(demo.daa_key)),
        ("town_hall", demo.town_hall.as_str().trim_end_matches('/').to_owned()),
        ("town_hall_secret", demo.secrets.town_hall.clone()),
        ("town_hall_host", near(demo.town_hall)),
        ("vendor", demo.vendor.to_string()),
        ("vendor_jwk", inline(demo.vendor_jwk)),
        ("municipal_jwk", inline(demo.municipal_jwk)),
        ("auditor_jwk", inline(demo.auditor_jwk)),
        ("staff_jwk", inline(demo.staff_jwk)),
        ("drop", path(demo.drop)),
        ("record_ids", demo.secrets.record_ids.clone()),
        ("coin_issuer", demo.coin_issuer.to_string()),
        ("coin", demo.secrets.coin.clone()),
        ("xid_host", near(demo.xid)),
        ("daa_host", near(demo.daa)),
        ("coin_host", near(demo.coin_issuer)),
        ("vendor_host", near(demo.vendor)),
    ];
    let text = words
        .iter()
        .fold(TEMPLATE.to_owned(), |text, (name, word)| text.replace(&format!("@{name}@"), word));
    let file = demo.folder.join("tsunagu.toml");
    std::fs::write(&file, text)?;
    Ok(file)
}

/// A schema of its own for each run: the keys of the demo are fresh, and a log signed by others would not be continued.
pub(super) fn schema() -> String {
    format!("tsunagu_demo_{}", std::process::id())
}

/// A public JWK as an inline table.
fn inline(jwk: &Value) -> String {
    let members = jwk.as_object().into_iter().flatten();
    let pairs: Vec<String> = members
        .filter_map(|(name, value)| Some(format!("{name} = {:?}", value.as_str()?)))
        .collect();
    format!("{{ {} }}", pairs.join(", "))
}
