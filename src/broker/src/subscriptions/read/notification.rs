//! `NotificationParams` and `Endpoint` (clauses 5.2.14, 5.2.15, 5.2.22).

use serde_json::Value;
use tsunagu_domain::Problem;
use tsunagu_ngsi_ld::parse::check_name;

use super::super::model::{Endpoint, Notification, Pair};
use super::super::send::mqtt_settings;
use super::{Reading, bad, flag, is_null, list, text};
use crate::ngsi_problem;

/// Longest wait for a receiver's answer, milliseconds.
const MAX_TIMEOUT: u64 = 60_000;
/// Longest cool-down, milliseconds.
const MAX_COOLDOWN: u64 = 7 * 24 * 60 * 60 * 1000;
/// How many relationships away linked entities may be.
const MAX_LEVEL: u64 = 10;
/// Headers that the gateway itself answers for.
const OURS: [&str; 9] = [
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "upgrade",
    "te",
    "trailer",
];

impl Reading<'_> {
    pub(super) fn notification(&self, value: &Value, at: &str) -> Result<Notification, Problem> {
        let members = value.as_object();
        let members =
            members.ok_or_else(|| bad(at, "a subscription needs a notification, an object"))?;
        let mut n = Notification::default();
        for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            let at = format!("{at}/{name}");
            match name.as_str() {
                "attributes" => n.attributes = self.members(value, &at)?,
                "pick" => n.pick = self.members(value, &at)?,
                "omit" => n.omit = self.members(value, &at)?,
                "format" => n.format = Some(format(value, &at)?),
                "showChanges" => n.show_changes = Some(flag(value, &at)?),
                "sysAttrs" => n.sys_attrs = Some(flag(value, &at)?),
                "join" => n.join = Some(join(value, &at)?),
                "joinLevel" => {
                    let level = value.as_u64().filter(|level| (1..=MAX_LEVEL).contains(level));
                    let wrong =
                        || bad(&at, format!("joinLevel is a whole number from 1 to {MAX_LEVEL}"));
                    n.join_level = Some(level.ok_or_else(wrong)?);
                }
                "endpoint" => n.endpoint = endpoint(value, &at)?,
                // What the broker counts.
                _ => {}
            }
        }
        if n.endpoint.uri.is_empty() {
            return Err(bad(&format!("{at}/endpoint"), "a notification needs an endpoint"));
        }
        if !(n.attributes.is_empty() || n.pick.is_empty() && n.omit.is_empty()) {
            return Err(bad(
                &format!("{at}/attributes"),
                "attributes go neither with pick nor with omit",
            ));
        }
        if n.pick.iter().any(|name| n.omit.contains(name)) {
            return Err(bad(&format!("{at}/omit"), "a member is both picked and omitted"));
        }
        let simplified = matches!(n.format.as_deref(), Some("keyValues" | "simplified"));
        if simplified && n.show_changes == Some(true) {
            return Err(bad(
                &format!("{at}/showChanges"),
                "the simplified representation has no place for changes; choose normalized or concise",
            ));
        }
        if n.join_level.is_some() && n.join.as_deref().is_none_or(|join| join == "@none") {
            return Err(bad(
                &format!("{at}/joinLevel"),
                "joinLevel goes with join flat or inline only",
            ));
        }
        let joins = n.join.as_deref().is_some_and(|join| join != "@none");
        if joins && n.endpoint.accept.as_deref() == Some("application/geo+json") {
            return Err(bad(&format!("{at}/join"), "features have no place for linked entities"));
        }
        Ok(n)
    }

    /// Members of entities (clause 4.21): those of the entity itself keep their names, attributes are expanded.
    fn members(&self, value: &Value, at: &str) -> Result<Vec<String>, Problem> {
        let each = list(value, at)?.iter().enumerate().map(|(nth, item)| {
            let at = format!("{at}/{nth}");
            let name = text(item, &at)?;
            match name.as_str() {
                "id" | "type" | "scope" | "createdAt" | "modifiedAt" | "expiresAt" => Ok(name),
                _ => {
                    check_name(&name, self.context).map_err(|error| ngsi_problem(error.at(at)))?;
                    Ok(self.context.expand(&name).into_owned())
                }
            }
        });
        each.collect()
    }
}

fn format(value: &Value, at: &str) -> Result<String, Problem> {
    match value.as_str() {
        Some(known @ ("normalized" | "concise" | "keyValues" | "simplified")) => {
            Ok(known.to_owned())
        }
        _ => Err(bad(at, "the format is normalized, concise, simplified or keyValues")),
    }
}

fn join(value: &Value, at: &str) -> Result<String, Problem> {
    match value.as_str() {
        Some(known @ ("@none" | "flat" | "inline")) => Ok(known.to_owned()),
        _ => Err(bad(at, "join is flat, inline or @none")),
    }
}

fn endpoint(value: &Value, at: &str) -> Result<Endpoint, Problem> {
    let members = value.as_object().ok_or_else(|| bad(at, "an endpoint is an object"))?;
    let mut endpoint = Endpoint::default();
    for (name, value) in members.iter().filter(|(_, value)| !is_null(value)) {
        let at = format!("{at}/{name}");
        match name.as_str() {
            "uri" => endpoint.uri = target(value, &at)?,
            "accept" => endpoint.accept = Some(accept(value, &at)?),
            "timeout" => endpoint.timeout = Some(milliseconds(value, MAX_TIMEOUT, &at)?),
            "cooldown" => endpoint.cooldown = Some(milliseconds(value, MAX_COOLDOWN, &at)?),
            "receiverInfo" => endpoint.receiver_info = pairs(value, &at)?,
            "notifierInfo" => endpoint.notifier_info = pairs(value, &at)?,
            _ => {}
        }
    }
    if endpoint.uri.is_empty() {
        return Err(bad(&format!("{at}/uri"), "an endpoint needs a uri"));
    }
    let web = endpoint.uri.starts_with("http");
    if !web && mqtt_settings(&endpoint.notifier_info).is_none() {
        return Err(bad(
            &format!("{at}/notifierInfo"),
            "MQTT-Version is mqtt3.1.1 or mqtt5.0, MQTT-QoS is 0, 1 or 2",
        ));
    }
    for (nth, pair) in endpoint.receiver_info.iter().enumerate().filter(|_| web) {
        let name = pair.key.to_ascii_lowercase();
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        let plain = pair.value.bytes().all(|b| b == b'\t' || (0x20..0x7f).contains(&b));
        if OURS.contains(&name.as_str()) || !name.bytes().all(token) || !plain {
            return Err(bad(
                &format!("{at}/receiverInfo/{nth}"),
                "this cannot be sent as a header; use another name, and plain ASCII",
            ));
        }
    }
    Ok(endpoint)
}

/// The scheme of an endpoint that is a connector of this gateway: `connector:{name}`.
pub(in crate::subscriptions) const CONNECTOR: &str = "connector";

fn target(value: &Value, at: &str) -> Result<String, Problem> {
    let wrong = || bad(at, "the uri of an endpoint is an absolute http, https, mqtt or mqtts URI");
    let text = value.as_str().ok_or_else(wrong)?;
    let url = url::Url::parse(text).map_err(|_| wrong())?;
    let host = url.host_str().is_some_and(|host| !host.is_empty());
    match url.scheme() {
        // Not to the outside: to the connector of this name, whose client alone may say so.
        // Written in one way, however the scheme was spelled: who may is decided by the text.
        CONNECTOR if url.path().parse::<tsunagu_domain::ClientId>().is_ok() => {
            Ok(format!("{CONNECTOR}:{}", url.path()))
        }
        "http" | "https" if host => Ok(text.to_owned()),
        "mqtt" | "mqtts" if host => match tsunagu_outbound::topic(&url) {
            Some(_) => Ok(text.to_owned()),
            None => Err(bad(at, "the path of an mqtt URI is a topic, without wildcards")),
        },
        _ => Err(wrong()),
    }
}

fn accept(value: &Value, at: &str) -> Result<String, Problem> {
    match value.as_str() {
        Some(known @ ("application/json" | "application/ld+json" | "application/geo+json")) => {
            Ok(known.to_owned())
        }
        _ => Err(bad(
            at,
            "notifications are application/json, application/ld+json or application/geo+json",
        )),
    }
}

fn milliseconds(value: &Value, most: u64, at: &str) -> Result<u64, Problem> {
    let number = value.as_u64().filter(|number| (1..=most).contains(number));
    number
        .ok_or_else(|| bad(at, format!("this is a whole number of milliseconds from 1 to {most}")))
}

fn pairs(value: &Value, at: &str) -> Result<Vec<Pair>, Problem> {
    let each = list(value, at)?.iter().enumerate().map(|(nth, item)| {
        let member = |name: &str| item.get(name).and_then(Value::as_str).map(str::to_owned);
        match (member("key"), member("value")) {
            (Some(key), Some(value)) if !key.is_empty() => Ok(Pair { key, value }),
            _ => Err(bad(
                &format!("{at}/{nth}"),
                "this is an object with a key and a value, both strings",
            )),
        }
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_follow_their_rules() {
        let good = serde_json::json!({
            "uri": "https://receiver.example/n", "accept": "application/ld+json", "timeout": 500, "cooldown": 1000,
            "receiverInfo": [{"key": "Authorization", "value": "Bearer x"}]
        });
        assert!(endpoint(&good, "").is_ok());
        for spelled in ["connector:air", "CONNECTOR:air", " Connector:air", "connector:air?x#y"] {
            let read = endpoint(&serde_json::json!({ "uri": spelled }), "").unwrap();
            assert_eq!(read.uri, "connector:air", "{spelled}");
        }
        assert!(endpoint(&serde_json::json!({ "uri": "connector:No Name" }), "").is_err());
        for wrong in [
            serde_json::json!({}),
            serde_json::json!({"uri": "ftp://receiver.example/"}),
            serde_json::json!({"uri": "receiver.example"}),
            serde_json::json!({"uri": "https://r.example/", "timeout": 0}),
            serde_json::json!({"uri": "https://r.example/", "accept": "text/html"}),
            serde_json::json!({"uri": "https://r.example/", "receiverInfo": [{"key": "Host", "value": "x"}]}),
            serde_json::json!({"uri": "https://r.example/", "receiverInfo": [{"key": "A", "value": "x\r\nB: y"}]}),
            serde_json::json!({"uri": "https://r.example/", "receiverInfo": []}),
            serde_json::json!({"uri": "mqtt://broker.example/"}),
            serde_json::json!({"uri": "mqtt://broker.example/a/+"}),
            serde_json::json!({"uri": "mqtts://broker.example/a", "notifierInfo": [{"key": "MQTT-QoS", "value": "3"}]}),
        ] {
            assert!(endpoint(&wrong, "").is_err(), "{wrong}");
        }
    }
}
