//! Conditions: type selections and the query language, kept so that they can be read again without any @context.

use std::borrow::Cow;

use serde_json::{Map, Value};
use tsunagu_domain::Problem;
use tsunagu_ngsi_ld::query::{GeoQuery, Name, Operand, Scalar};
use tsunagu_ngsi_ld::{Context, Q, TypeSelection};

use super::super::model::GeoQ;
use super::{bad, is_null, list, text};
use crate::ngsi_problem;

/// A type selection with expanded names; `None` for every type.
pub(super) fn types(value: &Value, context: &Context, at: &str) -> Result<Option<String>, Problem> {
    let written: Vec<String> = match value {
        Value::Array(_) => {
            list(value, at)?.iter().map(|item| text(item, at)).collect::<Result<_, _>>()?
        }
        _ => vec![text(value, at)?],
    };
    if written.iter().any(|selection| selection == "*") {
        return Ok(None);
    }
    let selection = TypeSelection::parse(&written.join(","), context);
    let selection = selection.map_err(|error| ngsi_problem(error.at(at)))?;
    let expanded = print(&selection, &|iri| Cow::Borrowed(iri));
    // What was written must be readable as it is kept.
    match TypeSelection::parse(&expanded, &Context::core()) {
        Ok(again) if again == selection => Ok(Some(expanded)),
        _ => Err(bad(at, "a type here expands to an IRI that a type selection cannot hold")),
    }
}

/// Writes a type selection (clause 4.17).
pub(crate) fn print<'a>(
    selection: &'a TypeSelection,
    name: &dyn Fn(&'a str) -> Cow<'a, str>,
) -> String {
    let joined = |parts: &'a [TypeSelection], separator: &str| {
        let each: Vec<String> = parts
            .iter()
            .map(|part| match part {
                TypeSelection::Type(_) => print(part, name),
                _ => format!("({})", print(part, name)),
            })
            .collect();
        each.join(separator)
    };
    match selection {
        TypeSelection::Type(iri) => name(iri).into_owned(),
        TypeSelection::Any(parts) => joined(parts, "|"),
        TypeSelection::All(parts) => joined(parts, ";"),
    }
}

/// A query as it may stand in a document: percent-encoded as in a URL, or plain.
pub(crate) fn decoded(q: &str) -> Cow<'_, str> {
    let mut out = Vec::with_capacity(q.len());
    let mut bytes = q.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut ahead = bytes.clone();
            let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
            let (high, low) = (digit(ahead.next()), digit(ahead.next()));
            if let (Some(high), Some(low)) = (high, low)
                && let Ok(value) = u8::try_from(high * 16 + low)
            {
                out.push(value);
                bytes = ahead;
                continue;
            }
        }
        out.push(byte);
    }
    String::from_utf8(out).map_or(Cow::Borrowed(q), Cow::Owned)
}

/// Checks a geo-query (clause 4.10).
pub(super) fn geo(value: &Value, context: &Context, at: &str) -> Result<GeoQ, Problem> {
    let members = value.as_object().ok_or_else(|| bad(at, "a geo-query is an object"))?;
    let member = |name: &str| members.get(name).filter(|value| !is_null(value));
    let needed = |name: &str| -> Result<String, Problem> {
        let at = format!("{at}/{name}");
        text(member(name).ok_or_else(|| bad(&at, "a geo-query needs this"))?, &at)
    };
    let coordinates = match member("coordinates") {
        Some(Value::String(written)) => written.clone(),
        Some(array @ Value::Array(_)) => array.to_string(),
        _ => return Err(bad(&format!("{at}/coordinates"), "coordinates are an array")),
    };
    let property = member("geoproperty").map(|p| text(p, &format!("{at}/geoproperty")));
    let property = property.transpose()?;
    let geo = GeoQ {
        georel: needed("georel")?,
        geometry: needed("geometry")?,
        coordinates,
        geoproperty: property.map(|term| context.expand(&term).into_owned()),
    };
    compile_geo(&geo).map_err(|error| {
        let within = error.pointer.clone().unwrap_or_default();
        ngsi_problem(error.at(format!("{at}/{within}")))
    })?;
    Ok(geo)
}

/// The condition that a kept geo-query stands for.
pub(crate) fn compile_geo(geo: &GeoQ) -> Result<GeoQuery, tsunagu_ngsi_ld::Error> {
    let property = geo.geoproperty.as_deref();
    GeoQuery::parse(&geo.georel, &geo.geometry, &geo.coordinates, property, &Context::core())
}

/// Checks a query and gives a @context of nothing but its names.
pub(crate) fn read_q(q: &str, context: &Context, at: &str) -> Result<String, Problem> {
    let parsed = Q::parse(&decoded(q), context).map_err(|error| ngsi_problem(error.at(at)))?;
    if parsed.depth() > 0 {
        let detail =
            "a subscription cannot look at linked entities; ask for the entities themselves";
        return Err(bad(at, detail));
    }
    let mut names = Map::new();
    collect(&parsed, &mut names);
    Ok(Value::Object(names).to_string())
}

fn collect(q: &Q, names: &mut Map<String, Value>) {
    match q {
        // Refused before.
        Q::Linked(_) => {}
        Q::And(parts) | Q::Or(parts) => parts.iter().for_each(|part| collect(part, names)),
        Q::Exists(path) | Q::Match { path, .. } => path.names.iter().for_each(|n| add(n, names)),
        Q::Compare { path, operand, .. } => {
            path.names.iter().for_each(|n| add(n, names));
            let values: Vec<&Scalar> = match operand {
                Operand::One(value) => vec![value],
                Operand::Range(from, to) => vec![from, to],
                Operand::List(values) => values.iter().collect(),
            };
            for value in values {
                // A text may be a term of a vocabulary.
                if let Scalar::Text { text, iri } = value
                    && text.chars().all(|c| c.is_alphanumeric() || c == '_')
                {
                    define(text, iri, names);
                }
            }
        }
    }
}

fn add(name: &Name, names: &mut Map<String, Value>) {
    define(&name.term, &name.iri, names);
}

fn define(term: &str, iri: &str, names: &mut Map<String, Value>) {
    if Context::is_core_term(term) || term == iri || term.is_empty() {
        return;
    }
    let (term, iri) = match term.split_once(':') {
        None => (term, iri),
        Some((prefix, suffix)) => match iri.strip_suffix(suffix) {
            Some(space) => (prefix, space),
            None => return,
        },
    };
    names.insert(term.to_owned(), Value::String(iri.to_owned()));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::value::RawValue;
    use tsunagu_ngsi_ld::context::{Resolved, resolve};

    use super::*;

    fn context(json: &str) -> Arc<Context> {
        let raw = RawValue::from_string(json.to_owned()).unwrap();
        match resolve(&raw, &|_| None).unwrap() {
            Resolved::Ready(context) => context,
            Resolved::Missing(_) => panic!("nothing is remote"),
        }
    }

    #[test]
    fn a_query_is_read_again_by_its_own_names() {
        let user = context(
            r#"{"speed":"https://v.example/speed","v":"https://v.example/","kind":"https://v.example/kind","Slow":"https://v.example/Slow"}"#,
        );
        for q in [
            "speed>20;v:colour==\"red\"",
            "(speed|plain.kind);kind==\"Slow\",\"Other thing\"",
            "observedAt.speed!=5",
            "speed~=^a",
            "createdAt>2026-01-01T00:00:00Z",
        ] {
            let kept = read_q(q, &user, "/q").unwrap();
            assert_eq!(Q::parse(q, &context(&kept)), Q::parse(q, &user), "{q} by {kept}");
        }
        assert!(read_q("((", &user, "/q").is_err());
    }

    #[test]
    fn queries_may_be_percent_encoded() {
        assert_eq!(decoded("name==\"Eiffel%20Tower\""), "name==\"Eiffel Tower\"");
        assert_eq!(decoded("share==\"100%\""), "share==\"100%\"");
        assert_eq!(decoded("a==%E9%83%BD"), "a==都");
        assert_eq!(decoded("a==%FF"), "a==%FF");
    }

    #[test]
    fn type_selections_are_kept_expanded() {
        let user = context(r#"{"A":"https://t.example/A","B":"https://t.example/B"}"#);
        let kept = |text: &str| types(&Value::String(text.to_owned()), &user, "");
        let some = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(kept("(A|B)"), some("https://t.example/A|https://t.example/B"));
        assert_eq!(kept("(A|B);C").unwrap().unwrap().matches(';').count(), 1);
        assert_eq!(kept("*"), Ok(None));
        assert!(kept("A;;B").is_err());
    }
}
