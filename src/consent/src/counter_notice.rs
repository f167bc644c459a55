//! What is read to a resident at the counter before they consent.

use tsunagu_domain::{Sensitivity, Text};

use crate::ConsentedData;

/// The version of the text.
pub(crate) const VERSION: &str = "counter-1";

/// The text in `ja` or `en`, in lines.
pub(crate) fn text(
    lang: &str,
    client: &Text,
    purpose: &Text,
    data: &[ConsentedData],
    days: u32,
    keeps_days: u32,
) -> (&'static str, String) {
    let ja = lang != "en";
    let pick = |text: &Text| if ja { text.ja.clone() } else { text.en.clone() };
    let mut lines = Vec::new();
    let mut line = |in_ja: String, in_en: String| lines.push(if ja { in_ja } else { in_en });
    line(
        format!("「{}」が、次のデータを使うことに同意しますか。", client.ja),
        format!("Do you agree that {} uses the following data?", client.en),
    );
    for part in data {
        let names: Vec<String> = part.attributes.iter().map(|a| pick(&a.label)).collect();
        let sensitive = part.sensitivity == Sensitivity::Sensitive;
        let writes = part.actions.contains(&crate::DataAction::Write);
        line(
            format!(
                "・{}{}: {}{}",
                part.label.ja,
                if sensitive { "（要配慮個人情報）" } else { "" },
                names.join("、"),
                if writes { "（書き加えることもあります）" } else { "" },
            ),
            format!(
                "- {}{}: {}{}",
                part.label.en,
                if sensitive { " (sensitive)" } else { "" },
                names.join(", "),
                if writes { " (they may add to it)" } else { "" },
            ),
        );
    }
    line(format!("目的: {}", purpose.ja), format!("Purpose: {}", purpose.en));
    line(format!("期間: 今日から{days}日間"), format!("For {days} days from today"));
    line(
        format!("相手が保存できる期間: 受け取ってから{keeps_days}日まで"),
        format!("They may keep what they receive for {keeps_days} days at most"),
    );
    line(
        "同意しなくても、不利になることはありません。いつでも、窓口やお電話、都農ページでやめられます。".to_owned(),
        "Saying no has no disadvantage. You can stop at any time: here, by telephone, or on your own page.".to_owned(),
    );
    (if ja { "ja" } else { "en" }, lines.join("\n"))
}
