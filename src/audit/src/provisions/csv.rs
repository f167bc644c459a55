//! Provisions and breaches as CSV (RFC 4180), with headings in Japanese, for the software that town halls have.

use std::str::FromStr;

use encoding_rs::SHIFT_JIS;

use super::{Breach, Provisions};

/// How the text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// UTF-8 with a byte order mark, by which spreadsheets know it.
    #[default]
    Utf8,
    /// Windows-31J; what it cannot write becomes a numeric character reference.
    Cp932,
}

/// Neither of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected utf-8 or cp932")]
pub struct InvalidEncoding;

impl FromStr for Encoding {
    type Err = InvalidEncoding;

    fn from_str(text: &str) -> Result<Self, InvalidEncoding> {
        match text {
            "utf-8" => Ok(Self::Utf8),
            "cp932" => Ok(Self::Cp932),
            _ => Err(InvalidEncoding),
        }
    }
}

impl Encoding {
    fn bytes(self, text: &str) -> Vec<u8> {
        match self {
            Self::Utf8 => format!("\u{feff}{text}").into_bytes(),
            Self::Cp932 => SHIFT_JIS.encode(text).0.into_owned(),
        }
    }
}

fn row(fields: &[&str]) -> String {
    let fields = fields.iter().map(|field| {
        // What a spreadsheet would take for a formula is text.
        let safe = if field.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
        format!("\"{safe}{}\"", field.replace('"', "\"\""))
    });
    fields.collect::<Vec<String>>().join(",") + "\r\n"
}

impl Provisions {
    /// One row for each.
    pub fn csv(&self, encoding: Encoding) -> Vec<u8> {
        let mut text = row(&[
            "提供年月日",
            "提供先",
            "本人",
            "項目",
            "利用目的",
            "本人の同意",
            "同意の番号",
            "根拠",
            "記録の番号",
        ]);
        for one in &self.provisions {
            let version = one.consent_version.map(|version| format!("/{version}"));
            let consent =
                one.consent.as_ref().map(|id| id.clone() + version.as_deref().unwrap_or_default());
            text += &row(&[
                &one.at,
                &one.recipient,
                &one.person,
                &one.items.join(" "),
                one.purpose.as_deref().unwrap_or_default(),
                if consent.is_some() { "あり" } else { "なし" },
                consent.as_deref().unwrap_or_default(),
                &one.ground,
                &one.entry.to_string(),
            ]);
        }
        encoding.bytes(&text)
    }
}

impl Breach {
    /// One row for each person.
    pub fn csv(&self, encoding: Encoding) -> Vec<u8> {
        let mut text = row(&["本人", "最初の提供", "最後の提供", "回数", "提供先", "項目"]);
        for one in &self.concerned {
            let join = |set: &std::collections::BTreeSet<String>| {
                set.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
            };
            text += &row(&[
                &one.person,
                &one.first,
                &one.last,
                &one.times.to_string(),
                &join(&one.recipients),
                &join(&one.items),
            ]);
        }
        encoding.bytes(&text)
    }
}
