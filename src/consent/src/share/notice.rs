//! What a resident is told before they make a share code.

use std::fmt::Write as _;

use tsunagu_domain::{Sensitivity, Timestamp};

use super::NewShare;
use crate::{ConsentedData, Notice};

/// The version of the text.
const VERSION: &str = "share-1";

/// The notice of a share code in one language: the exact text that the resident confirms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareNotice {
    /// Language: `ja`, or `en`.
    pub lang: &'static str,
    /// The text, in lines.
    pub text: String,
    /// SHA-256 of its UTF-8 bytes, hexadecimal.
    pub sha256: String,
}

impl ShareNotice {
    pub(crate) fn shown(self, shown_at: Timestamp) -> Notice {
        Notice {
            version: VERSION.to_owned(),
            lang: self.lang.to_owned(),
            bytes: self.text.into_bytes(),
            shown_at,
        }
    }
}

/// The text for what `new` would share.
pub(crate) fn text(
    lang: &str,
    new: &NewShare,
    data: &[ConsentedData],
    purpose: &tsunagu_domain::Text,
    keeps_days: u32,
) -> (&'static str, String) {
    let ja = lang != "en";
    let pick = |text: &tsunagu_domain::Text| if ja { text.ja.clone() } else { text.en.clone() };
    let mut out = String::new();
    let mut line = |ja_text: String, en_text: String| {
        // Writing to a text does not fail.
        let _ok = writeln!(out, "{}", if ja { ja_text } else { en_text }).is_ok();
    };
    line(
        "このコードを受け取って使った相手は、次のデータを見ることができます。書きかえることはできません。".to_owned(),
        "Whoever you give this code to and who uses it can see the following data. They cannot change it.".to_owned(),
    );
    for part in data {
        let names: Vec<String> = part.attributes.iter().map(|a| pick(&a.label)).collect();
        let sensitive = part.sensitivity == Sensitivity::Sensitive;
        line(
            format!(
                "・{}{}: {}",
                part.label.ja,
                if sensitive { "（要配慮個人情報）" } else { "" },
                names.join("、")
            ),
            format!(
                "- {}{}: {}",
                part.label.en,
                if sensitive { " (sensitive)" } else { "" },
                names.join(", ")
            ),
        );
    }
    line(format!("目的: {}", purpose.ja), format!("Purpose: {}", purpose.en));
    line(
        format!("見ることができる期間: コードを作ってから{}", ja_span(new.minutes)),
        format!("Can be seen for: {} after the code is made", en_span(new.minutes)),
    );
    line(
        format!("コードを使える期間: {}、{}回まで", ja_span(new.redeem_minutes), new.uses),
        format!("The code works for: {}, {} time(s)", en_span(new.redeem_minutes), new.uses),
    );
    line(
        format!("相手が保存できる期間: 終わってから{keeps_days}日まで"),
        format!("They may keep what they saw for: {keeps_days} days after the end at most"),
    );
    line(
        "いつでも取りやめられます。取りやめると、すぐに見られなくなります。だれが使ったかは「だれが見たか」に残ります。".to_owned(),
        "You can take it back at any time; nothing can be seen from then on. Who used it is kept in your access log.".to_owned(),
    );
    (if ja { "ja" } else { "en" }, out)
}

fn parts(minutes: u32) -> (u32, u32, u32) {
    (minutes / 1440, minutes % 1440 / 60, minutes % 60)
}

fn ja_span(minutes: u32) -> String {
    let (days, hours, minutes) = parts(minutes);
    let units = [(days, "日"), (hours, "時間"), (minutes, "分")];
    let said = units.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}"));
    said.collect::<Vec<_>>().concat()
}

fn en_span(minutes: u32) -> String {
    let (days, hours, minutes) = parts(minutes);
    let units = [(days, "day"), (hours, "hour"), (minutes, "minute")];
    let plural = |n: u32| if n == 1 { "" } else { "s" };
    let said: Vec<String> = units
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, unit)| format!("{n} {unit}{}", plural(*n)))
        .collect();
    said.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_days_hours_and_minutes() {
        assert_eq!(ja_span(10), "10分");
        assert_eq!(ja_span(1440 + 60 + 1), "1日1時間1分");
        assert_eq!(en_span(2 * 1440 + 60), "2 days 1 hour");
    }
}
