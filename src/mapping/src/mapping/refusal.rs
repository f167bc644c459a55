//! Why a record becomes no entity, in words for who sent it and who wrote the mapping.

use std::fmt;

/// The rule that was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// The record is larger, or deeper, than expressions look at.
    Size,
    /// A member is named for the individual number, or a value is one.
    IndividualNumber,
    /// `for_each` failed, or gave no list.
    ForEach,
    /// More than 10,000 elements.
    TooMany,
    /// `when` failed, or gave no `bool`.
    When,
    /// The id failed, or is no URI, or its key is empty.
    Id,
    /// Two entities of one record have the same id.
    DuplicateId,
    /// A required attribute has no value.
    Required,
    /// The expression of a value failed.
    Value,
    /// The value does not fit the kind of the attribute.
    Kind,
    /// The time of observation failed, or is none.
    ObservedAt,
    /// The unit code failed, or is no text.
    UnitCode,
    /// The data set failed, or is no URI.
    DatasetId,
    /// The entity breaks another rule of the information model.
    Model,
}

impl Rule {
    /// As samples write it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::IndividualNumber => "individual-number",
            Self::ForEach => "for-each",
            Self::TooMany => "too-many",
            Self::When => "when",
            Self::Id => "id",
            Self::DuplicateId => "duplicate-id",
            Self::Required => "required",
            Self::Value => "value",
            Self::Kind => "kind",
            Self::ObservedAt => "observed-at",
            Self::UnitCode => "unit-code",
            Self::DatasetId => "dataset-id",
            Self::Model => "model",
        }
    }

    /// How to mend it, in Japanese and in English.
    #[must_use]
    pub fn remedy(self) -> (&'static str, &'static str) {
        match self {
            Self::Size => (
                "レコードを小さく分けて送ってください（1件 512 KiB、64 階層まで）。",
                "send smaller records: at most 512 KiB and 64 levels each",
            ),
            Self::IndividualNumber => (
                "個人番号（マイナンバー）の項目を取り除いてください。個人番号は受け取れません。",
                "remove the individual number; it is never accepted",
            ),
            Self::ForEach => (
                "for_each の式が一覧を返すか、入力の形を確認してください。",
                "see that for_each gives a list for a record of this shape",
            ),
            Self::TooMany => (
                "1件のレコードの要素を 10,000 件以下に分けてください。",
                "send at most 10000 elements in one record",
            ),
            Self::When => (
                "when の式が true か false を返すようにしてください。項目がないときは has(...) を使ってください。",
                "let when give true or false; guard members that may be missing with has(...)",
            ),
            Self::Id => (
                "ID のもとになる項目が空でないか確認してください。ID は URI でなければなりません。",
                "give the member that the id is made of; an id is a URI",
            ),
            Self::DuplicateId => (
                "同じ ID のデータが1件の中に2つあります。ID のもとになる項目を見直してください。",
                "make the ids of the entities of one record different",
            ),
            Self::Required => {
                ("必須の項目に値を入れてください。", "give a value for the required attribute")
            }
            Self::Value => (
                "項目の値の形（数値・文字・日時・単位・コード）を確認してください。",
                "check the form of the value: number, text, time, unit or code",
            ),
            Self::Kind => (
                "値が属性の種類に合っていません。関係は URI、位置は GeoJSON、多言語は言語ごとの文字列です。",
                "give a value that fits the kind: a relationship is a URI, a geo a GeoJSON geometry, a language a map of texts",
            ),
            Self::ObservedAt => (
                "観測日時を時差つきの日時（例: 2026-04-01T09:00:00+09:00）で入れてください。",
                "give the time of observation with an offset, for example 2026-04-01T09:00:00+09:00",
            ),
            Self::UnitCode => (
                "単位を UCUM か UN/CEFACT のコードで入れてください。",
                "give the unit as a UCUM or UN/CEFACT code",
            ),
            Self::DatasetId => {
                ("データセットの ID は URI にしてください。", "let the data set be a URI")
            }
            Self::Model => (
                "NGSI-LD の決まりに合うように値を直してください。",
                "mend the value so that it keeps the rules of NGSI-LD",
            ),
        }
    }
}

/// Why a record, or one item of it, becomes no entity. It names the rule and the attribute, and never a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The element of `for_each`, counted from 0.
    pub item: Option<usize>,
    /// The attribute, as the mapping names it.
    pub attribute: Option<String>,
    /// The rule.
    pub rule: Rule,
    /// What exactly, without a value; empty if the rule says it all.
    pub detail: String,
}

impl Refusal {
    pub(super) fn new(rule: Rule) -> Self {
        Self { item: None, attribute: None, rule, detail: String::new() }
    }

    pub(super) fn because(rule: Rule, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..Self::new(rule) }
    }

    pub(super) fn of(mut self, attribute: &str) -> Self {
        self.attribute = Some(attribute.to_owned());
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule.code())?;
        if let Some(attribute) = &self.attribute {
            write!(f, " of {attribute}")?;
        }
        if let Some(item) = self.item {
            write!(f, " in item {item}")?;
        }
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        write!(f, "; {}", self.rule.remedy().1)
    }
}
