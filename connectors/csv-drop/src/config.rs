//! Settings: where the files are and what their columns mean.

use std::collections::BTreeMap;
use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tsunagu_connect::{Direction, Manifest};
use tsunagu_domain::{Text, individual_number};
use tsunagu_japanese::addresses::Town;

use crate::row::parts_attribute;

/// How a file's bytes are text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// Found out from the bytes.
    #[default]
    Auto,
    /// UTF-8, with or without byte order mark.
    Utf8,
    /// Windows code page 932.
    Cp932,
    /// UTF-16, little end first.
    Utf16Le,
    /// UTF-16, big end first.
    Utf16Be,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Text, stored exactly as written.
    Text,
    /// A date, Japanese or ISO; stored as far as it is known, `YYYY-MM-DD`, `YYYY-MM` or `YYYY`, with the words of the file beside it
    /// (`asWritten`) when they are others.
    Date,
    /// An address; stored exactly as written. Its parts are stored beside it, in the attribute of the same name with `Parts` behind it, when the
    /// platform knows its municipality.
    Address,
    /// Sex; stored as `male`, `female`, `other` or `unknown`.
    Gender,
    /// One of the column's `codes`; stored as what the code stands for.
    Code,
    /// Not taken over.
    Ignore,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Attribute (term of the default context or IRI); every kind but `ignore` needs one.
    pub attribute: Option<String>,
    /// What it holds.
    pub kind: Kind,
    /// Whether a row without it is refused.
    #[serde(default)]
    pub required: bool,
    /// For `code`: what is written → what is stored.
    #[serde(default)]
    pub codes: BTreeMap<String, String>,
    /// For `text`: it is exactly so many digits, so that zeros that a spreadsheet took away are seen.
    #[serde(default)]
    pub digits: Option<usize>,
    /// At most so many characters, as a reader counts them.
    #[serde(default)]
    pub max_characters: Option<usize>,
    /// For `date`: the file writes eras as numbers of so many digits, 1 or 2.
    #[serde(default)]
    pub era_codes: Option<u8>,
}

/// How what is in a file becomes what is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Publish {
    /// As it comes.
    #[default]
    Automatic,
    /// As one load, when a member of staff proposes it and another one publishes it.
    SecondPerson,
}

/// What becomes of a record that the last published load had and a new one has not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ended {
    /// It stays as it is.
    #[default]
    Keep,
    /// It stays, and this attribute says so.
    Mark {
        /// Attribute (term of the default context or IRI).
        attribute: String,
        /// What it then holds, e.g. `消除`.
        value: String,
    },
    /// It is deleted, unless others wrote to it as well.
    Delete,
}

/// One folder of files of one layout.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the connector: the client that publishes the records.
    pub name: String,
    /// What people call it.
    pub title: Text,
    /// The folder that is watched.
    pub folder: PathBuf,
    /// Which files: a file name with `*` for any run of characters and `?` for one.
    pub pattern: String,
    /// How the files' bytes are text.
    #[serde(default)]
    pub encoding: Encoding,
    /// Type of the entities (term of the default context or IRI).
    pub entity_type: String,
    /// Key of the HMAC that turns a record's key into its entity id; at least 32 characters, never changed.
    pub id_secret: SecretString,
    /// Header of the column whose value names a record.
    pub key: String,
    /// Header → column. A column of the file that is not listed here is not taken over.
    pub columns: BTreeMap<String, Column>,
    /// A file with fewer rows is refused: it is likely to be cut off.
    #[serde(default)]
    pub min_rows: u64,
    /// Rows handed over at once.
    #[serde(default = "batch_rows")]
    pub batch_rows: usize,
    /// A file that changed so lately is left alone: it may still be written. For files that are published as they come.
    #[serde(default = "quiet_seconds")]
    pub quiet_seconds: u32,
    /// A file that is larger is refused, in bytes. For files that are published as they come.
    #[serde(default = "max_bytes")]
    pub max_bytes: u64,
    /// How what is in a file becomes what is published.
    #[serde(default)]
    pub publish: Publish,
    /// With `publish = "second-person"`: a load is held when more than so many in a hundred of the published records would end.
    #[serde(default = "max_ended_percent")]
    pub max_ended_percent: u8,
    /// With `publish = "second-person"`: what becomes of records that a load has no more.
    #[serde(default)]
    pub ended: Ended,
    /// The municipality whose addresses are taken apart; the platform's own, not a setting of a folder.
    #[serde(skip)]
    pub town: Option<Town>,
}

fn batch_rows() -> usize {
    2_000
}

fn quiet_seconds() -> u32 {
    2
}

fn max_bytes() -> u64 {
    4 << 30
}

fn max_ended_percent() -> u8 {
    5
}

/// The settings cannot work.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the csv connector cannot be set up: {0}")]
pub struct ConfigError(pub String);

impl Config {
    /// What staff are shown.
    pub fn manifest(&self) -> Manifest {
        Manifest {
            name: self.name.clone(),
            kind: "csv-drop".to_owned(),
            title: self.title.clone(),
            direction: Direction::Inbound,
            entity_types: vec![self.entity_type.clone()],
        }
    }

    /// Whether the settings can work.
    pub fn check(&self) -> Result<(), ConfigError> {
        let wrong = |what: String| Err(ConfigError(what));
        if self.id_secret.expose_secret().len() < 32 {
            return wrong("id_secret is shorter than 32 characters".to_owned());
        }
        if self.max_ended_percent > 100 {
            return wrong("max_ended_percent is more than 100".to_owned());
        }
        if self.batch_rows == 0 {
            return wrong("batch_rows is 0".to_owned());
        }
        if !self.columns.contains_key(&self.key) {
            return wrong(format!("the key column '{}' is not among the columns", self.key));
        }
        let mut attributes = Vec::new();
        for (header, column) in &self.columns {
            if individual_number::is_field_name(header)
                || column.attribute.as_deref().is_some_and(individual_number::is_field_name)
            {
                return wrong(format!(
                    "column '{header}' is named for the individual number, which is never taken over"
                ));
            }
            match (&column.attribute, column.kind) {
                (None, Kind::Ignore) => {}
                (Some(attribute), kind) if kind != Kind::Ignore => {
                    attributes.push(attribute.clone());
                    if kind == Kind::Address {
                        attributes.push(parts_attribute(attribute));
                    }
                }
                _ => {
                    return wrong(format!(
                        "column '{header}' needs an attribute, or the kind 'ignore' and none"
                    ));
                }
            }
            if (column.kind == Kind::Code) == column.codes.is_empty() {
                return wrong(format!(
                    "column '{header}' needs codes exactly when its kind is 'code'"
                ));
            }
            if (column.digits.is_some() && column.kind != Kind::Text)
                || (column.era_codes.is_some() && column.kind != Kind::Date)
            {
                return wrong(format!(
                    "column '{header}' has digits, which are for the kind 'text', or era_codes, which are for 'date'"
                ));
            }
            if column.era_codes.is_some_and(|width| !(1..=2).contains(&width)) {
                return wrong(format!("era_codes of column '{header}' are 1 or 2"));
            }
        }
        attributes.sort_unstable();
        if attributes.windows(2).any(|pair| pair.first() == pair.last()) {
            return wrong("two columns have the same attribute".to_owned());
        }
        Ok(())
    }

    /// Whether a file name fits the pattern.
    pub(crate) fn fits(&self, name: &str) -> bool {
        let (pattern, name): (Vec<char>, Vec<char>) =
            (self.pattern.chars().collect(), name.chars().collect());
        fits(&pattern, &name)
    }
}

/// `*` and `?`, without recursion that a pattern could make slow.
fn fits(pattern: &[char], name: &[char]) -> bool {
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || Some(c) == name.get(n) => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    #[test]
    fn patterns() {
        let fits = |pattern: &str, name: &str| {
            super::fits(&pattern.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>())
        };
        for (pattern, name) in [
            ("juki*.csv", "juki.csv"),
            ("juki*.csv", "juki-住民.csv"),
            ("*", ""),
            ("a?c", "abc"),
            ("*a*b", "xaxxb"),
        ] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("juki*.csv", "juki.csv.tmp"),
            ("juki*.csv", ".juki.csv"),
            ("a?c", "ac"),
            ("", "a"),
            ("*b", "bx"),
        ] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }
}
