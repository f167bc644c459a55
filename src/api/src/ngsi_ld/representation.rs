//! How entities are to be shown (clauses 4.5, 4.21, 6.3.7, 6.3.11, 6.3.12): from parameters to render options.

use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::parse::check_name;
use tsunagu_ngsi_ld::{Context, Format, Join, JoinForm, Q, RenderOptions, Selection};

use super::negotiate::{Media, Preferences};
use crate::Failure;
use crate::params::{Params, wrong};

/// Parameters that shape the representation.
pub(super) const KNOWN: [&str; 8] =
    ["options", "format", "attrs", "pick", "omit", "lang", "datasetId", "geometryProperty"];

/// Parameters that ask for linked entities as well (clause 4.5.23).
pub(super) const JOIN: [&str; 3] = ["join", "joinLevel", "containedBy"];
/// How many relationships away linked entities may be.
const MAX_LEVEL: usize = 10;
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
    let mut join = join(params)?;
    let (picked, omitted) = (tree(params, "pick", context)?, tree(params, "omit", context)?);
    let attrs = members(params, "attrs", context)?;
    for (name, members) in [("pick", &picked), ("omit", &omitted)] {
        let deepest = join.as_ref().map_or(0, |join| join.level);
        let depth = depth(members);
        if depth > 0 && deepest == 0 {
            return Err(contradiction("members of linked entities go with join only", name));
        }
        if depth > deepest {
            let detail = "members of entities farther away than joinLevel are named; raise it";
            return Err(contradiction(detail, name));
        }
    }
    let Selection { pick, omit, linked } = selection(picked, omitted);
    if let Some(join) = &mut join {
        join.linked = linked;
    }
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
        join,
        ..RenderOptions::default()
    })
}

/// Which linked entities are asked for.
fn join(params: &Params) -> Result<Option<Join>, Failure> {
    let form = match params.get("join") {
        None | Some("@none") => None,
        Some("inline") => Some(JoinForm::Inline),
        Some("flat") => Some(JoinForm::Flat),
        Some(_) => return Err(contradiction("this parameter is inline, flat or @none", "join")),
    };
    let Some(form) = form else {
        let alone =
            ["joinLevel", "containedBy"].into_iter().find(|name| params.get(name).is_some());
        return match alone {
            Some(name) => Err(contradiction("this parameter goes with join only", name)),
            None => Ok(None),
        };
    };
    let level = match params.get("joinLevel").map(str::parse) {
        None => 1,
        Some(Ok(level)) if (1..=MAX_LEVEL).contains(&level) => level,
        Some(_) => {
            let rule = format!("this parameter is a whole number from 1 to {MAX_LEVEL}");
            return Err(contradiction(&rule, "joinLevel"));
        }
    };
    let contained_by: Vec<String> =
        params.list("containedBy")?.into_iter().map(str::to_owned).collect();
    for id in &contained_by {
        tsunagu_ngsi_ld::parse::check_uri(id).map_err(|error| error.at("containedBy"))?;
    }
    Ok(Some(Join { form, level, contained_by, linked: Vec::new() }))
}

/// Refuses conditions on entities farther away than those that are asked for (clause 5.7.2.4, "too deep query").
pub(super) fn reaches(params: &Params, q: &Q) -> Result<(), Failure> {
    let level = if q.depth() == 0 { None } else { join(params)? }.map_or(0, |join| join.level);
    if q.depth() > level {
        let detail = "the query is too deep: a condition on linked entities needs join, with a joinLevel as far as the condition goes";
        return Err(contradiction(detail, "q"));
    }
    Ok(())
}

/// A member of an entity, with members of the entity that it leads to.
struct Member {
    name: String,
    inner: Vec<Member>,
}

fn depth(members: &[Member]) -> usize {
    let of = |member: &Member| if member.inner.is_empty() { 0 } else { 1 + depth(&member.inner) };
    members.iter().map(of).max().unwrap_or(0)
}

/// What is picked and omitted, entity by entity. A relationship is not omitted with members of what it leads to.
fn selection(picked: Vec<Member>, omitted: Vec<Member>) -> Selection {
    let whole = omitted.iter().filter(|member| member.inner.is_empty());
    let omit = whole.map(|member| member.name.clone()).collect();
    let pick = picked.iter().map(|member| member.name.clone()).collect();
    let mut omitted = omitted;
    let mut linked = Vec::new();
    for member in picked.into_iter().filter(|member| !member.inner.is_empty()) {
        let at = omitted.iter().position(|other| other.name == member.name);
        let others = at.map(|at| omitted.swap_remove(at).inner).unwrap_or_default();
        linked.push((member.name, selection(member.inner, others)));
    }
    for member in omitted.into_iter().filter(|member| !member.inner.is_empty()) {
        linked.push((member.name, selection(Vec::new(), member.inner)));
    }
    Selection { pick, omit, linked }
}

/// A list of members (clause 4.21): those of the entity itself keep their names, attributes are expanded.
pub(super) fn members(
    params: &Params,
    name: &str,
    context: &Context,
) -> Result<Vec<String>, Failure> {
    let members = tree(params, name, context)?;
    if depth(&members) > 0 {
        return Err(contradiction("members of linked entities go with join only", name));
    }
    Ok(members.into_iter().map(|member| member.name).collect())
}

/// The same, with members of linked entities in braces.
fn tree(params: &Params, name: &str, context: &Context) -> Result<Vec<Member>, Failure> {
    let Some(text) = params.get(name) else {
        return Ok(Vec::new());
    };
    let mut rest = text;
    let members = read_members(&mut rest, 0, &|term| match term {
        "id" | "type" | "scope" | "createdAt" | "modifiedAt" | "expiresAt" => Ok(term.to_owned()),
        _ => {
            check_name(term, context).map_err(|error| error.at(name))?;
            Ok(context.expand(term).into_owned())
        }
    })?;
    match (members, rest) {
        (Some(members), "") => Ok(members),
        _ => Err(contradiction("the braces of this parameter do not match", name)),
    }
}

/// Members up to the end of the text, or to a closing brace, which stays. `None` when braces inside do not match.
fn read_members(
    rest: &mut &str,
    level: usize,
    expand: &dyn Fn(&str) -> Result<String, Failure>,
) -> Result<Option<Vec<Member>>, Failure> {
    let mut all = Vec::new();
    loop {
        let end = rest.find([',', '|', '{', '}']).unwrap_or(rest.len());
        let (term, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let name = expand(term.trim())?;
        *rest = after;
        let mut inner = Vec::new();
        if let Some(inside) = rest.strip_prefix('{') {
            *rest = inside;
            // One deeper than any joinLevel, so that what is too deep can be told from what is not matched.
            let found =
                if level > MAX_LEVEL { None } else { read_members(rest, level + 1, expand)? };
            let (Some(found), Some(after)) = (found, rest.strip_prefix('}')) else {
                return Ok(None);
            };
            *rest = after.trim_start();
            inner = found;
        }
        all.push(Member { name, inner });
        match rest.strip_prefix([',', '|']) {
            Some(after) => *rest = after,
            None => return Ok(Some(all)),
        }
    }
}

fn contradiction(detail: &str, name: &str) -> Failure {
    Problem::new(ProblemCode::BadRequestData, detail).at(name).into()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use tsunagu_ngsi_ld::Context;

    use super::{JOIN, KNOWN, options};
    use crate::ngsi_ld::negotiate::Media;
    use crate::params::Params;

    fn read(query: &str) -> Option<tsunagu_ngsi_ld::RenderOptions> {
        let request = TestRequest::get().uri(&format!("/?{query}")).to_http_request();
        let params = Params::read(&request, &[&KNOWN[..], &JOIN].concat()).ok()?;
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

    #[test]
    fn members_of_linked_entities_are_named_in_braces() {
        let name = |term: &str| Context::core().expand(term).into_owned();
        let text = "join=inline&joinLevel=2&pick=id,a%7Bid,b%7Bc%7D%7D,d&omit=e,f%7Bg%7D,a%7Bh%7D";
        let options = read(text).unwrap();
        let join = options.join.clone().unwrap();
        assert_eq!(options.pick, ["id".to_owned(), name("a"), name("d")]);
        assert_eq!(options.omit, [name("e")]);
        assert_eq!(join.depth(), 2);
        let (attribute, a) = &join.linked[0];
        assert_eq!((attribute, &a.pick), (&name("a"), &vec!["id".to_owned(), name("b")]));
        assert_eq!((&a.omit, &a.linked[0].0), (&vec![name("h")], &name("b")));
        assert_eq!((&join.linked[1].0, &join.linked[1].1.omit), (&name("f"), &vec![name("g")]));

        for wrong in [
            "pick=a%7Bb%7D",
            "join=inline&pick=a%7Bb%7Bc%7D%7D",
            "join=inline&omit=a%7Bb%7Bc%7D%7D",
            "join=inline&pick=a%7Bb",
            "join=inline&pick=a%7B%7D",
            "join=inline&pick=a%7D",
            "join=inline&pick=a%7Bb%7Dc",
            "join=inline&attrs=a%7Bb%7D",
            "join=inline&joinLevel=0",
            "join=inline&joinLevel=11",
            "join=inline&containedBy=nouri",
            "join=other",
            "joinLevel=1",
            "join=@none&containedBy=urn:e:1",
        ] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
        let deep =
            format!("join=inline&joinLevel=10&pick={}x{}", "a%7B".repeat(11), "%7D".repeat(11));
        assert!(read(&deep).is_none());
        assert!(read("join=@none").is_some_and(|options| options.join.is_none()));
    }
}
