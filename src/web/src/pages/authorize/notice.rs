//! The notice: what a resident is told before deciding. Its bytes depend on nothing but this model and the language.

use serde::Serialize;

use tsunagu_domain::Frequency;

use crate::dates::Day;
use crate::render::Page;

/// The model of the notice, in the resident's language.
#[derive(Debug, Serialize)]
pub(crate) struct Notice {
    /// Name of the service.
    pub(crate) client: String,
    /// How to reach it.
    pub(crate) contact: String,
    /// What it cannot do without.
    pub(crate) classes: Vec<ClassView>,
    /// What one may leave out.
    pub(crate) optional: Vec<ClassView>,
    /// `read`, `write`.
    pub(crate) actions: Vec<&'static str>,
    /// Why.
    pub(crate) purpose: String,
    /// The last day.
    pub(crate) until: Day,
    /// How often it reads, if it binds itself to that.
    pub(crate) frequency: Option<FrequencyView>,
    /// How long it keeps what it received, days.
    pub(crate) retention_days: u32,
}

/// How often, in words.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct FrequencyView {
    /// At most so many times
    pub(crate) max: u32,
    /// in each: the end of a key `notice-often-…`.
    pub(crate) per: &'static str,
}

impl From<Frequency> for FrequencyView {
    fn from(frequency: Frequency) -> Self {
        let per = match frequency.per_seconds {
            3_600 => "hour",
            86_400 => "day",
            _ => "week",
        };
        Self { max: frequency.max, per }
    }
}

/// A data class in words.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ClassView {
    /// What it is called.
    pub(crate) label: String,
    /// Whether it is 要配慮個人情報.
    pub(crate) sensitive: bool,
    /// What its attributes are called.
    pub(crate) attributes: Vec<String>,
}

impl Page for Notice {
    const TEMPLATE: &'static str = "notice.html";
}

#[cfg(test)]
impl ClassView {
    pub(crate) fn samples() -> Vec<Self> {
        let of = |label: &str, sensitive, attributes: &[&str]| Self {
            label: label.to_owned(),
            sensitive,
            attributes: attributes.iter().map(|a| (*a).to_owned()).collect(),
        };
        vec![
            of("お名前とご住所", false, &["氏名", "姓", "名", "住所"]),
            of(
                "歩数などの健康活動",
                false,
                &["歩数", "活動の種類", "開始時刻", "終了時刻", "記録方法"],
            ),
            of("住民記録", true, &["氏名", "氏名カナ", "生年月日"]),
        ]
    }
}

#[cfg(test)]
impl Notice {
    /// A notice of things that are needed, and one of things to choose.
    pub(crate) fn samples(lang: crate::locale::Lang) -> Vec<Self> {
        let per = ["hour", "day", "week"].map(|per| FrequencyView { max: 24, per });
        let choice = |frequency| Self {
            classes: vec![],
            optional: ClassView::samples(),
            frequency: Some(frequency),
            ..Self::sample(lang)
        };
        per.map(choice).into_iter().chain([Self::sample(lang)]).collect()
    }

    pub(crate) fn sample(lang: crate::locale::Lang) -> Self {
        Self {
            client: "つのヘルスケア".to_owned(),
            contact: "support@healthcare.example".to_owned(),
            classes: ClassView::samples(),
            optional: vec![],
            actions: vec!["read", "write"],
            purpose: "歩数などの記録をもとに健康づくりの助言を行い、つのコインの付与を申請するため"
                .to_owned(),
            until: crate::dates::day(lang, 1_826_895_600_000_000),
            frequency: None,
            retention_days: 365,
        }
    }
}
