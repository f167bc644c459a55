//! How entities are to be shown (clauses 4.5, 4.21, 6.3.7, 6.3.11, 6.3.12): from parameters to render options.

use tsunagu_ngsi_ld::{Context, Format, RenderOptions};

use super::negotiate::Media;
use crate::Failure;
use crate::params::{Params, wrong};

/// Parameters that shape the representation.
pub(super) const KNOWN: [&str; 7] =
    ["options", "format", "attrs", "pick", "omit", "lang", "datasetId"];

/// The render options that the parameters ask for.
pub(super) fn options(
    params: &Params,
    context: &Context,
    media: Media,
) -> Result<RenderOptions, Failure> {
    let mut format = None;
    let mut sys_attrs = false;
    for option in params.list("options")? {
        match option {
            "normalized" => format = Some(Format::Normalized),
            "concise" => format = Some(Format::Concise),
            "keyValues" | "simplified" => format = Some(Format::Simplified),
            "sysAttrs" => sys_attrs = true,
            _ => {
                return Err(wrong(
                    "options",
                    "is a list of normalized, concise, keyValues, sysAttrs",
                ));
            }
        }
    }
    // Since 1.8 `format` is the way to ask; where both speak, it wins (clause 6.3.7).
    match params.get("format") {
        None => {}
        Some("normalized") => format = Some(Format::Normalized),
        Some("concise") => format = Some(Format::Concise),
        Some("simplified" | "keyValues") => format = Some(Format::Simplified),
        Some(_) => return Err(wrong("format", "is normalized, concise or simplified")),
    }
    let names = |name: &str| -> Result<Vec<String>, Failure> {
        Ok(params.list(name)?.into_iter().map(|term| member(context, term)).collect())
    };
    Ok(RenderOptions {
        format: format.unwrap_or_default(),
        sys_attrs,
        pick: names("pick")?,
        omit: names("omit")?,
        attrs: names("attrs")?,
        lang: params.get("lang").map(str::to_owned),
        dataset_ids: params.list("datasetId")?.into_iter().map(str::to_owned).collect(),
        embed_context: media == Media::LdJson,
    })
}

/// Members of the entity itself keep their names, attributes are expanded.
fn member(context: &Context, term: &str) -> String {
    match term {
        "id" | "type" | "scope" | "createdAt" | "modifiedAt" | "expiresAt" => term.to_owned(),
        _ => context.expand(term).into_owned(),
    }
}
