//! `/access-log`, だれが見たか: every access to one's data, the newest first, in sentences.

mod sentences;
mod show;

use serde::Serialize;

use crate::dates::Day;
use crate::render::Page;

pub(crate) use show::show;

/// The model of the page.
#[derive(Debug, Serialize)]
pub(crate) struct AccessLogPage {
    /// The day since which every access is on record.
    pub(crate) since: Option<Day>,
    /// Whether one's own looks are shown, too.
    pub(crate) own: bool,
    /// Consents in force that nobody has used since they were given, long ago.
    pub(crate) unused: Vec<UnusedLine>,
    /// The accesses by day in Japan, the newest first.
    pub(crate) days: Vec<LogDay>,
    /// The page of newer accesses.
    pub(crate) newer: Option<String>,
    /// The page of older accesses.
    pub(crate) older: Option<String>,
}

/// A consent that nobody has used.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct UnusedLine {
    /// The page of the consent.
    pub(crate) href: String,
    /// Name of the service.
    pub(crate) client: String,
    /// When it was given.
    pub(crate) given: Day,
}

/// The accesses of one day.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LogDay {
    /// The day.
    pub(crate) day: Day,
    /// What happened on it, the newest first.
    pub(crate) entries: Vec<LogLine>,
}

/// One sentence: an access, or several of the same kind in a row.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LogLine {
    /// Time of the newest.
    pub(crate) time: String,
    /// Who.
    pub(crate) who: Who,
    /// What the attributes are called; empty when none is named.
    pub(crate) what: Vec<String>,
    /// Why, in the words of the purpose.
    pub(crate) purpose: Option<String>,
    /// The case in which staff looked.
    pub(crate) case: Option<String>,
    /// Which rule decided, in words of the policies.
    pub(crate) because: Option<String>,
    /// What was done: the end of a key `log-…`.
    pub(crate) action: &'static str,
    /// Whether it was prevented.
    pub(crate) denied: bool,
    /// How many times.
    pub(crate) times: u32,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Who {
    /// The resident.
    You,
    /// The town's platform.
    Town,
    /// A member of the town hall's staff.
    Staff,
    /// Somebody who acts for the resident.
    Delegate {
        /// Their name, as the resident knows them.
        name: String,
    },
    /// Somebody at the counter.
    Counter,
    /// A service.
    Service {
        /// Its name.
        name: String,
    },
}

impl Page for AccessLogPage {
    const TEMPLATE: &'static str = "access_log.html";
}

#[cfg(test)]
impl AccessLogPage {
    pub(crate) fn samples(lang: crate::locale::Lang) -> Vec<(&'static str, Self)> {
        use crate::dates::day;
        const AT: i64 = 1_795_359_600_000_000;
        let service = || Who::Service { name: "つのヘルスケア".to_owned() };
        let line = |who, what: &[&str], action, denied, times| LogLine {
            time: "15:04".to_owned(),
            who,
            what: what.iter().map(|w| (*w).to_owned()).collect(),
            purpose: (times != 1).then(|| "健康づくりの助言のため".to_owned()),
            case: (times == 4).then(|| "20261130-3f9a11c2".to_owned()),
            because: (times == 2).then(|| "有効な同意がないため".to_owned()),
            action,
            denied,
            times,
        };
        let first = vec![
            line(service(), &["氏名", "住所"], "read", false, 12),
            line(service(), &["氏名", "住所"], "read", true, 2),
            line(service(), &["歩数", "開始時刻"], "write", false, 1),
            line(service(), &["歩数"], "query", false, 2),
            line(Who::You, &[], "consent", false, 1),
            line(Who::You, &["氏名"], "read", false, 1),
            line(Who::Staff, &["氏名"], "read", false, 4),
        ];
        let second = vec![
            line(Who::Town, &["氏名", "生年月日", "性別", "住所"], "identify", false, 1),
            line(Who::Town, &["住民記録"], "link", false, 1),
            line(service(), &["歩数"], "query", true, 2),
            line(service(), &["歩数"], "write", true, 2),
            line(service(), &["歩数"], "notify", false, 3),
            line(service(), &["歩数"], "notify", true, 1),
            line(service(), &[], "identify", false, 2),
            line(Who::Town, &["氏名"], "identify", true, 1),
            line(Who::You, &[], "consent", true, 1),
            line(Who::You, &[], "share", false, 1),
            line(Who::Delegate { name: "娘".to_owned() }, &[], "consent", false, 1),
            line(Who::Counter, &[], "consent", false, 1),
            line(service(), &[], "redeem", false, 1),
            line(Who::You, &[], "share", true, 1),
            line(service(), &[], "redeem", true, 1),
            line(Who::Town, &["住民記録"], "link", true, 1),
        ];
        let full = |own| Self {
            since: Some(day(lang, AT - 40 * 86_400_000_000)),
            own,
            unused: if own {
                vec![]
            } else {
                vec![UnusedLine {
                    href: "/consents/0e1b".to_owned(),
                    client: "つのヘルスケア".to_owned(),
                    given: day(lang, AT),
                }]
            },
            days: vec![
                LogDay { day: day(lang, AT), entries: vec![] },
                LogDay { day: day(lang, AT - 86_400_000_000), entries: vec![] },
            ],
            newer: Some("/access-log?page=1".to_owned()),
            older: Some("/access-log?page=3".to_owned()),
        };
        let mut page = full(true);
        page.days[0].entries = first;
        page.days[1].entries = second;
        let none = Self {
            since: None,
            own: false,
            unused: vec![],
            days: vec![],
            newer: None,
            older: None,
        };
        vec![("access-log", page), ("access-log-others", full(false)), ("access-log-none", none)]
    }
}
