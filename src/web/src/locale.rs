//! The two languages and their texts.

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use tsunagu_domain::Text;
use unic_langid::{LanguageIdentifier, langid};

/// A language of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Lang {
    /// Japanese: what is shown when nothing else is asked for.
    #[default]
    Ja,
    /// English.
    En,
}

impl Lang {
    /// Its code, as in the `lang` attribute.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Ja => "ja",
            Self::En => "en",
        }
    }

    /// The language of this code.
    pub(crate) fn of(code: &str) -> Option<Self> {
        match code {
            "ja" => Some(Self::Ja),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    /// The better of the two for an `Accept-Language` header (RFC 9110 clause 12.5.4).
    pub(crate) fn accepted(header: &str) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        for range in header.split(',') {
            let mut parts = range.split(';');
            let tag = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
            let primary = tag.split('-').next().unwrap_or_default();
            let quality = parts
                .find_map(|p| p.trim().strip_prefix("q="))
                .map_or(1.0, |q| q.trim().parse().unwrap_or(0.0));
            if let Some(lang) = Self::of(primary)
                && quality > 0.0
                && best.is_none_or(|(other, _)| quality > other)
            {
                best = Some((quality, lang));
            }
        }
        best.map(|(_, lang)| lang)
    }

    /// The text of the catalogue in this language.
    pub(crate) fn pick(self, text: &Text) -> &str {
        match self {
            Self::Ja => &text.ja,
            Self::En => &text.en,
        }
    }
}

type Bundle = FluentBundle<FluentResource>;

/// Every text of the pages.
pub(crate) struct Texts {
    ja: Bundle,
    en: Bundle,
}

/// A text is missing or cannot be formed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TextError {
    /// The file of texts is not Fluent.
    #[error("the texts of a language are not readable")]
    Unreadable,
    /// No such key.
    #[error("no text '{0}'")]
    Missing(String),
    /// A value is missing or of the wrong kind.
    #[error("the text '{0}' cannot be formed from these values")]
    Unformed(String),
}

impl Texts {
    /// The texts that are part of the program.
    pub(crate) fn embedded() -> Result<Self, TextError> {
        Ok(Self {
            ja: bundle(langid!("ja"), include_str!("../locales/ja.ftl"))?,
            en: bundle(langid!("en"), include_str!("../locales/en.ftl"))?,
        })
    }

    /// The text `key` in `lang`, its places filled with `args`.
    pub(crate) fn text(
        &self,
        lang: Lang,
        key: &str,
        args: &FluentArgs<'_>,
    ) -> Result<String, TextError> {
        let bundle = match lang {
            Lang::Ja => &self.ja,
            Lang::En => &self.en,
        };
        let missing = || TextError::Missing(key.to_owned());
        let pattern = bundle.get_message(key).and_then(|m| m.value()).ok_or_else(missing)?;
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, Some(args), &mut errors);
        if errors.is_empty() {
            Ok(text.into_owned())
        } else {
            Err(TextError::Unformed(key.to_owned()))
        }
    }
}

fn bundle(lang: LanguageIdentifier, source: &str) -> Result<Bundle, TextError> {
    let resource = FluentResource::try_new(source.to_owned()).map_err(|_| TextError::Unreadable)?;
    let mut bundle = FluentBundle::new_concurrent(vec![lang]);
    // Both languages run from left to right: marks for changes of direction would only end up in copied text.
    bundle.set_use_isolating(false);
    bundle.add_resource(resource).map_err(|_| TextError::Unreadable)?;
    Ok(bundle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_of_the_two_languages_is_taken() {
        for (header, lang) in [
            ("ja", Some(Lang::Ja)),
            ("en-GB,en;q=0.9,ja;q=0.8", Some(Lang::En)),
            ("en;q=0.5, ja-JP;q=0.9", Some(Lang::Ja)),
            ("de, fr;q=0.5", None),
            ("en;q=0", None),
            ("", None),
        ] {
            assert_eq!(Lang::accepted(header), lang, "{header}");
        }
    }
}
