//! How entities are to be shown (clauses 4.5, 4.21, 6.3.7, 6.3.11, 6.3.12): from parameters to render options.

use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::parse::check_name;
use tsunagu_ngsi_ld::{Context, Format, RenderOptions};

use super::negotiate::{Media, Preferences};
use crate::Failure;
use crate::params::{Params, wrong};

/// Parameters that shape the representation.
pub(super) const KNOWN: [&str; 8] =
    ["options", "format", "attrs", "pick", "omit", "lang", "datasetId", "geometryProperty"];

/// The render options of entities, which can also be `GeoJSON` or in the words of an earlier version (clauses 6.3.6, 6.3.15, 4.3.6.8).
pub(super) fn of_entities(
    params: &Params,
    context: &Context,
    media: Media,
    preferences: Preferences,
) -> Result<RenderOptions, Failure> {
    let property = params.get("geometryProperty");
    let mut options = match (media, property) {
        (Media::GeoJson, property) => {
            let property = property.unwrap_or("location");
            check_name(property, context).map_err(|error| error.at("geometryProperty"))?;
            let mut options = shape(params, context)?;
            options.feature = Some(context.expand(property).into_owned());
            options.embed_context = preferences.plain_body != Some(true);
            options
        }
        _ => options(params, context, media)?,
    };
    options.version = preferences.version;
    Ok(options)
}

/// Parameters of the standard that are not here yet are told apart from those that nobody knows.
pub(super) fn refuse_unbuilt(params: &Params, names: &[&str]) -> Result<(), Failure> {
    let Some(name) = names.iter().find(|name| params.get(name).is_some()) else {
        return Ok(());
    };
    let detail = "this query parameter of NGSI-LD is not built here yet; leave it out";
    Err(Problem::new(ProblemCode::OperationNotSupported, detail).at(*name).into())
}

/// The render options that the parameters ask for.
pub(super) fn options(
    params: &Params,
    context: &Context,
    media: Media,
) -> Result<RenderOptions, Failure> {
    if params.get("geometryProperty").is_some() {
        // Clause 5.7.1.4, 5.7.2.4.
        return Err(contradiction(
            "a geometry goes with application/geo+json only; leave this parameter out",
            "geometryProperty",
        ));
    }
    Ok(RenderOptions { embed_context: media == Media::LdJson, ..shape(params, context)? })
}

/// What does not depend on the media type.
fn shape(params: &Params, context: &Context) -> Result<RenderOptions, Failure> {
    let mut format = None;
    let mut sys_attrs = false;
    for option in params.list("options")? {
        match option {
            "normalized" => format = Some(Format::Normalized),
            "concise" => format = Some(Format::Concise),
            "keyValues" | "simplified" => format = Some(Format::Simplified),
            "sysAttrs" => sys_attrs = true,
            // FIWARE clients ask so for the count; the query looks at it.
            "count" => {}
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
    let (pick, omit) = (members(params, "pick", context)?, members(params, "omit", context)?);
    let attrs = members(params, "attrs", context)?;
    if pick.iter().any(|name| omit.contains(name)) {
        return Err(contradiction("a member is both picked and omitted", "omit"));
    }
    if !attrs.is_empty() && (!pick.is_empty() || !omit.is_empty()) {
        return Err(contradiction("attrs goes neither with pick nor with omit", "attrs"));
    }
    Ok(RenderOptions {
        format: format.unwrap_or_default(),
        sys_attrs,
        pick,
        omit,
        attrs,
        lang: params.get("lang").map(str::to_owned),
        dataset_ids: params.list("datasetId")?.into_iter().map(str::to_owned).collect(),
        ..RenderOptions::default()
    })
}

/// A list of members (clause 4.21): those of the entity itself keep their names, attributes are expanded.
pub(super) fn members(
    params: &Params,
    name: &str,
    context: &Context,
) -> Result<Vec<String>, Failure> {
    let Some(text) = params.get(name) else {
        return Ok(Vec::new());
    };
    if text.contains(['{', '}']) {
        return Err(contradiction("members of linked entities go with join only", name));
    }
    let each = text.split([',', '|']).map(str::trim).map(|term| match term {
        "id" | "type" | "scope" | "createdAt" | "modifiedAt" | "expiresAt" => Ok(term.to_owned()),
        _ => {
            check_name(term, context).map_err(|error| error.at(name))?;
            Ok(context.expand(term).into_owned())
        }
    });
    each.collect()
}

fn contradiction(detail: &str, name: &str) -> Failure {
    Problem::new(ProblemCode::BadRequestData, detail).at(name).into()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use tsunagu_ngsi_ld::Context;

    use super::{KNOWN, options};
    use crate::ngsi_ld::negotiate::Media;
    use crate::params::Params;

    fn read(query: &str) -> Option<tsunagu_ngsi_ld::RenderOptions> {
        let request = TestRequest::get().uri(&format!("/?{query}")).to_http_request();
        let params = Params::read(&request, &KNOWN).ok()?;
        options(&params, &Context::core(), Media::Json).ok()
    }

    #[test]
    fn projections_follow_their_grammar() {
        assert_eq!(read("pick=id,name").map(|o| o.pick), read("pick=id%7Cname").map(|o| o.pick));
        assert_eq!(read("pick=id,name").map(|o| o.pick.len()), Some(2));
        for wrong in [
            "pick=name&omit=name",
            "pick=name&attrs=name",
            "omit=name&attrs=name",
            "pick=id;name",
            "pick=id,,name",
            "pick=owner%7Bname%7D",
            "pick=",
            "attrs=a%20b",
            "geometryProperty=location",
        ] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
    }
}
