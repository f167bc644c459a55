//! The gateway's configuration for the demo, written as a town would write it.

use std::path::{Path, PathBuf};

use serde_json::Value;
use url::Url;

use super::processes::Secrets;

pub(super) const XID_CLIENT: &str = "tsuno-gateway";
pub(super) const VENDOR: &str = "tsuno-healthcare";
pub(super) const MUNICIPAL: &str = "juki";
pub(super) const STAFF: &str = "town-hall";
pub(super) const AUDITOR: &str = "auditor";

const RULES: &str = include_str!("../../../../config/rewards.json");

/// What the configuration depends on.
pub(super) struct Demo<'a> {
    pub(super) folder: &'a Path,
    pub(super) gateway: &'a str,
    pub(super) store: Option<&'a str>,
    pub(super) xid: &'a Url,
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
    let folder = demo.folder;
    let rules = folder.join("rewards.json");
    std::fs::write(&rules, RULES)?;
    let store = match demo.store {
        Some(store) => store.to_owned(),
        None => folder.join("store").to_string_lossy().into_owned(),
    };
    let listen = demo.gateway.trim_start_matches("http://");
    let near =
        |url: &Url| format!("{}:{}", url.host_str().unwrap_or_default(), url.port().unwrap_or(80));
    let text = format!(
        r#"listen = {listen:?}
base_url = {gateway:?}
store = {store:?}
keys = {keys:?}
rewards = {rules:?}

[town]
tenant = "tsuno"
name = {{ ja = "都農町", en = "Tsuno Town" }}
help_desk = {{ phone = "0983-00-0000", hours = {{ ja = "平日 9時から17時", en = "weekdays 9:00 to 17:00" }} }}
municipality = {{ prefecture = "宮崎県", county = "児湯郡", name = "都農町" }}

[xid]
issuer = {xid:?}
client_id = "{XID_CLIENT}"
client_secret = {xid_secret:?}
user_data_key = {user_data_key:?}
acr_map = {{ "urn:x-id:aal2" = {{ ial = "substantial", aal = "substantial" }} }}

[[clients]]
id = "{VENDOR}"
name = {{ ja = "つのヘルスケア", en = "Tsuno Healthcare" }}
sector = "tsuno-healthcare.example"
kind = "consumer"
redirect_uris = ["{vendor}callback"]
jwks = {{ keys = [{vendor_jwk}] }}
purposes = ["health-coaching"]
data_classes = ["contact", "health-activity"]
bearer = true
contact = "0120-000-000"

[[clients]]
id = "{MUNICIPAL}"
name = {{ ja = "住民記録システム", en = "Resident register" }}
sector = "juki.tsuno.example"
kind = "publisher"
jwks = {{ keys = [{municipal_jwk}] }}
publishes = ["ResidentRecord"]
canonical_ids = true
bearer = true
contact = "0983-00-0000"

[[clients]]
id = "{AUDITOR}"
name = {{ ja = "監査委員", en = "Auditor" }}
sector = "audit.tsuno.example"
kind = "operator"
jwks = {{ keys = [{auditor_jwk}] }}
scopes = ["audit"]
bearer = true
contact = "0983-00-0000"

[[clients]]
id = "{STAFF}"
name = {{ ja = "まちづくり課", en = "Town hall" }}
sector = "staff.tsuno.example"
kind = "operator"
jwks = {{ keys = [{staff_jwk}] }}
scopes = ["staff"]
bearer = true
contact = "0983-00-0000"

[[csv_drop]]
name = "{MUNICIPAL}"
title = {{ ja = "住民記録", en = "Resident register" }}
folder = {drop:?}
pattern = "juki.csv"
entity_type = "ResidentRecord"
id_secret = {record_ids:?}
key = "住民番号"
min_rows = 10

[csv_drop.columns]
"住民番号" = {{ attribute = "municipalNumber", kind = "text" }}
"氏名" = {{ attribute = "name", kind = "text", required = true }}
"氏名カナ" = {{ attribute = "nameKana", kind = "text" }}
"生年月日" = {{ attribute = "birthDate", kind = "date" }}
"性別" = {{ attribute = "gender", kind = "gender" }}
"郵便番号" = {{ attribute = "postalCode", kind = "text" }}
"住所" = {{ attribute = "address", kind = "text" }}
"異動区分" = {{ attribute = "status", kind = "text" }}
"異動年月日" = {{ kind = "ignore" }}
"備考" = {{ kind = "ignore" }}

[coin_issuer]
base = {coin_issuer:?}
key = {coin:?}

[outbound]
allow_private = [{xid_host:?}, {coin_host:?}]
"#,
        gateway = demo.gateway,
        keys = folder.join("keys").to_string_lossy(),
        rules = rules.to_string_lossy(),
        xid = demo.xid.as_str().trim_end_matches('/'),
        xid_secret = demo.secrets.xid_client,
        user_data_key = demo.user_data_key.to_string_lossy(),
        vendor = demo.vendor,
        vendor_jwk = inline(demo.vendor_jwk),
        municipal_jwk = inline(demo.municipal_jwk),
        auditor_jwk = inline(demo.auditor_jwk),
        staff_jwk = inline(demo.staff_jwk),
        drop = demo.drop.to_string_lossy(),
        record_ids = demo.secrets.record_ids,
        coin_issuer = demo.coin_issuer.as_str(),
        coin = demo.secrets.coin,
        xid_host = near(demo.xid),
        coin_host = near(demo.coin_issuer),
    );
    let file = folder.join("tsunagu.toml");
    std::fs::write(&file, text)?;
    Ok(file)
}

/// A public JWK as an inline table.
fn inline(jwk: &Value) -> String {
    let members = jwk.as_object().into_iter().flatten();
    let pairs: Vec<String> = members
        .filter_map(|(name, value)| Some(format!("{name} = {:?}", value.as_str()?)))
        .collect();
    format!("{{ {} }}", pairs.join(", "))
}
