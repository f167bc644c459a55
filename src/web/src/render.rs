//! From a page model to HTML.

use std::fmt::Write as _;
use std::sync::Arc;

use fluent_bundle::{FluentArgs, FluentValue};
use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior, context};
use serde::Serialize;

use crate::assets;
use crate::locale::{Lang, TextError, Texts};

/// A model and the template that shows it.
pub(crate) trait Page: Serialize {
    /// Name of the template in `templates/`.
    const TEMPLATE: &'static str;
}

/// What surrounds every page.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Frame {
    /// The language.
    pub(crate) lang: Lang,
    /// Name of the town.
    pub(crate) town: String,
    /// The help desk's telephone number, as people write it.
    pub(crate) phone: String,
    /// When someone answers it.
    pub(crate) hours: String,
    /// This page in Japanese and in English.
    pub(crate) in_ja: String,
    /// See `in_ja`.
    pub(crate) in_en: String,
    /// Path of this page, for marking where one is.
    pub(crate) path: String,
    /// The secret that forms bring along, with the delegation under which they are shown; `None` when nobody is signed in.
    pub(crate) csrf: Option<String>,
    /// Name of the resident in whose place the visitor acts.
    pub(crate) acting: Option<String>,
    /// What staff see around their pages; `None` on the pages of residents.
    pub(crate) staff: Option<StaffFrame>,
}

/// What surrounds the pages of staff.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct StaffFrame {
    /// Who is logged in; empty when nobody is.
    pub(crate) name: String,
    /// Where they may go: paths and keys of texts.
    pub(crate) ways: Vec<(&'static str, &'static str)>,
}

/// A page cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RenderError {
    /// A template is wrong.
    #[error("a page cannot be rendered: {0}")]
    Template(#[from] Error),
    /// The texts are wrong.
    #[error(transparent)]
    Texts(#[from] TextError),
}

/// The templates and texts.
pub(crate) struct Renderer {
    templates: Environment<'static>,
}

macro_rules! templates {
    ($($name:literal),* $(,)?) => {
        const TEMPLATES: &[(&str, &str)] = &[$(($name, include_str!(concat!("../templates/", $name))),)*];
    };
}

templates![
    "layout.html",
    "home.html",
    "login.html",
    "account.html",
    "close.html",
    "end_session.html",
    "message.html",
    "notice.html",
    "authorize.html",
    "consents.html",
    "consent.html",
    "withdraw.html",
    "renewal.html",
    "renew.html",
    "shown.html",
    "delegates.html",
    "share.html",
    "share_confirm.html",
    "share_code.html",
    "access_log.html",
    "coins.html",
    "appeal.html",
    "developers.html",
    "docs.html",
    "staff_home.html",
    "staff_clients.html",
    "staff_client.html",
    "staff_apply.html",
    "staff_cases.html",
    "staff_case.html",
    "staff_open.html",
    "staff_read.html",
    "staff_queue.html",
    "staff_appeals.html",
    "staff_imports.html",
    "staff_import.html",
    "staff_import_queue.html",
    "staff_import_decisions.html",
    "staff_import_upload.html",
    "staff_import_file.html",
];

impl Renderer {
    /// Reads the templates and texts that are part of the program.
    pub(crate) fn embedded() -> Result<Self, RenderError> {
        Self::with(Texts::embedded()?, |_| {})
    }

    /// `note` is told the key of every text that is shown.
    fn with(
        texts: Texts,
        note: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Self, RenderError> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.set_formatter(escape);
        templates.set_trim_blocks(true);
        templates.set_lstrip_blocks(true);
        let texts = Arc::new(texts);
        templates.add_function("t", move |state: &State<'_, '_>, key: &str, values: Kwargs| {
            note(key);
            text(&texts, state, key, &values)
        });
        templates.add_function("asset", |path: &str| {
            assets::address(path).map(Value::from_safe_string).ok_or_else(|| {
                Error::new(ErrorKind::InvalidOperation, format!("no asset '{path}'"))
            })
        });
        for (name, source) in TEMPLATES {
            templates.add_template(name, source)?;
        }
        Ok(Self { templates })
    }

    /// The whole page.
    pub(crate) fn page<P: Page>(&self, frame: &Frame, page: &P) -> Result<String, RenderError> {
        let template = self.templates.get_template(P::TEMPLATE)?;
        Ok(template.render(context! { lang => frame.lang.code(), frame, page })?)
    }

    /// A part of a page that stands for itself.
    pub(crate) fn fragment<P: Page>(&self, lang: Lang, page: &P) -> Result<String, RenderError> {
        let template = self.templates.get_template(P::TEMPLATE)?;
        Ok(template.render(context! { lang => lang.code(), page })?)
    }
}

/// Writes a value as HTML text or attribute value. Unlike the built-in formatter it leaves slashes alone, so that addresses stay readable.
fn escape(out: &mut Output<'_>, _: &State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    let text = value.to_string();
    if value.is_safe() {
        return Ok(out.write_str(&text)?);
    }
    for c in text.chars() {
        match c {
            '&' => out.write_str("&amp;")?,
            '<' => out.write_str("&lt;")?,
            '>' => out.write_str("&gt;")?,
            '"' => out.write_str("&quot;")?,
            '\'' => out.write_str("&#39;")?,
            other => out.write_char(other)?,
        }
    }
    Ok(())
}

/// The function `t` of the templates: `t("key", name=value)`.
fn text(texts: &Texts, state: &State<'_, '_>, key: &str, values: &Kwargs) -> Result<String, Error> {
    let lang = state
        .lookup("lang")
        .and_then(|lang| Lang::of(lang.as_str()?))
        .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "the page has no language"))?;
    let mut args = FluentArgs::new();
    for name in values.args() {
        let value: Value = values.get(name)?;
        let value = match value.kind() {
            ValueKind::Number => i64::try_from(value).map(FluentValue::from)?,
            _ => FluentValue::from(value.to_string()),
        };
        args.set(name.to_owned(), value);
    }
    texts
        .text(lang, key, &args)
        .map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))
}

#[cfg(test)]
mod tests;
