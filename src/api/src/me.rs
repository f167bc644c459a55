//! `/me` and `/v2`: what a resident may know of the use of their data, in their own session. `/v2` has the shape of the Estonian data
//! tracker (`findUsage`, `usagePeriod`, `heartbeat`), so that other portals can show it.

mod access_log;
mod close;
mod consents;
pub(crate) mod delegations;
mod export;
mod find_usage;
mod heartbeat;
mod proof;
pub(crate) mod shares;
mod unused;
mod usage_period;
mod words;

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};
use tsunagu_domain::Timestamp;

pub(crate) use access_log::{__path_access_log, access_log};
pub(crate) use close::{__path_close, close};
pub(crate) use consents::{__path_consents, consents};
pub(crate) use export::{__path_export, export};
pub(crate) use find_usage::{__path_find_usage, find_usage};
pub(crate) use heartbeat::{__path_heartbeat, heartbeat};
pub(crate) use proof::{__path_proof, proof};
pub(crate) use unused::{__path_unused, unused};
pub(crate) use usage_period::{__path_usage_period, usage_period};

use crate::Failure;
use crate::params::{Params, wrong};
use crate::resource::resource;

/// What the access log is called in records of access.
const ACCESS_LOG_TYPE: &str = "AccessLog";

const JAPAN_SECONDS: i32 = 9 * 3600;

pub(crate) fn configure(cfg: &mut ServiceConfig) {
    cfg.service(resource("/me/access-log", [(Method::GET, web::get().to(access_log))]))
        .service(resource("/me/access-log/{index}/proof", [(Method::GET, web::get().to(proof))]))
        .service(resource("/me/consents", [(Method::GET, web::get().to(consents))]))
        .service(resource("/me/unused-consents", [(Method::GET, web::get().to(unused))]))
        .service(resource("/me/export", [(Method::GET, web::get().to(export))]))
        // Before what would take this word as an id.
        .service(resource("/me/share-codes/notice", [(Method::GET, web::get().to(shares::notice))]))
        .service(resource(
            "/me/share-codes",
            [
                (Method::GET, web::get().to(shares::list)),
                (Method::POST, web::post().to(shares::make)),
            ],
        ))
        .service(resource(
            "/me/share-codes/{id}/cancel",
            [(Method::POST, web::post().to(shares::cancel))],
        ))
        .service(resource(
            "/me/delegations",
            [
                (Method::GET, web::get().to(delegations::list)),
                (Method::POST, web::post().to(delegations::make)),
            ],
        ))
        .service(resource(
            "/me/delegations/{id}/end",
            [(Method::POST, web::post().to(delegations::end))],
        ))
        .service(resource("/me/close", [(Method::POST, web::post().to(close))]))
        .service(resource("/v2/findUsage", [(Method::GET, web::get().to(find_usage))]))
        .service(resource("/v2/usagePeriod", [(Method::GET, web::get().to(usage_period))]))
        .service(resource("/v2/heartbeat", [(Method::GET, web::get().to(heartbeat))]));
}

/// The period that a request names; a time without a zone is Japan's.
fn period(params: &Params) -> Result<tsunagu_audit::Period, Failure> {
    let time = |name: &str| match params.get(name) {
        None => Ok(None),
        Some(text) => moment(text)
            .map(Some)
            .ok_or_else(|| wrong(name, "is a date and time such as 2026-11-23T09:00:00+09:00")),
    };
    Ok(tsunagu_audit::Period {
        from: time("periodStart")?.unwrap_or(0),
        until: time("periodEnd")?.map_or(Timestamp::MAX, |end| end.saturating_add(1)),
        offset: params.number("offset", 0, usize::MAX)?,
        limit: params.number("limit", 1000, 1000)?,
    })
}

fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_micros());
    }
    let day =
        || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|day| day.and_time(NaiveTime::MIN));
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok().or_else(day)?;
    let japan = FixedOffset::east_opt(JAPAN_SECONDS)?;
    Some(local.and_local_timezone(japan).single()?.timestamp_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_and_without_a_zone() {
        let noon = moment("2026-11-23T03:00:00Z").unwrap();
        for same in ["2026-11-23T12:00:00+09:00", "2026-11-23T12:00:00", "2026-11-23T12:00:00.000"]
        {
            assert_eq!(moment(same), Some(noon), "{same}");
        }
        assert_eq!(moment("2026-11-23"), Some(noon - 12 * 3_600_000_000));
        for wrong in ["", "yesterday", "2026-13-01", "12:00:00"] {
            assert_eq!(moment(wrong), None, "{wrong}");
        }
    }
}
