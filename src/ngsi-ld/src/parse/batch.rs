//! Batches (clause 5.6.7 to 5.6.10, 5.6.20): arrays that are divided without being parsed as a whole.

use std::borrow::Cow;

use crate::error::{Error, ErrorKind};
use crate::json::{elements, is_array, is_object, is_string, members, string_of};

/// The entities of a batch, at most `most`, each as its text. An array that is empty or has an element that is no object is
/// refused whole.
pub fn batch(body: &str, most: usize) -> Result<Vec<&str>, Error> {
    divide(body, most, &|element| is_object(element), "an entity")
}

/// The ids of a batch, at most `most`. An array that is empty or has an element that is no string is refused whole.
pub fn batch_ids(body: &str, most: usize) -> Result<Vec<Cow<'_, str>>, Error> {
    let ids = divide(body, most, &|element| is_string(element), "the id of an entity")?;
    Ok(ids.into_iter().filter_map(string_of).collect())
}

/// The id of an entity that is not parsed yet, if it has one that is a string.
#[must_use]
pub fn id_of(entity: &str) -> Option<Cow<'_, str>> {
    let mut all = members(entity).filter_map(Result::ok);
    all.find(|(name, _)| name == "id" || name == "@id").and_then(|(_, value)| string_of(value))
}

fn divide<'b>(
    body: &'b str,
    most: usize,
    fits: &dyn Fn(&str) -> bool,
    what: &str,
) -> Result<Vec<&'b str>, Error> {
    if !is_array(body) {
        return Err(Error::bad("the body is not a JSON array").remedy("send an array, even of one"));
    }
    let mut parts = Vec::new();
    for (nth, element) in elements(body).enumerate() {
        let element = element?;
        if !fits(element) {
            return Err(Error::bad(format!("an element of the array is not {what}"))
                .at(format!("/{nth}"))
                .remedy("nothing was done; remove the element"));
        }
        if parts.len() == most {
            let detail = format!("there are more than {most} elements in the array");
            return Err(Error::new(ErrorKind::TooLarge, detail)
                .remedy("nothing was done; divide it into several requests"));
        }
        parts.push(element);
    }
    if parts.is_empty() {
        return Err(Error::bad("the array is empty").remedy("there is nothing to do"));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::{batch, batch_ids, id_of};

    #[test]
    fn a_batch_is_divided_or_refused_whole() {
        let two = batch(r#" [ {"id":"urn:a:1"} , {"@id":"urn:a:2","x":[{"id":"no"}]} ] "#, 2);
        let ids: Vec<_> = two.iter().flatten().map(|entity| id_of(entity)).collect();
        assert_eq!(ids, [Some("urn:a:1".into()), Some("urn:a:2".into())]);
        for wrong in ["{}", "[]", "[{},null]", "[{},1]", "\"x\"", "[[{}]]"] {
            assert!(batch(wrong, 9).is_err(), "{wrong}");
        }
        assert!(batch("[{},{},{}]", 2).is_err());
        assert_eq!(id_of(r#"{"id":7}"#), None);
        assert_eq!(id_of(r#"{"type":"T"}"#), None);
    }

    #[test]
    fn ids_are_strings() {
        assert_eq!(batch_ids(r#"["urn:a:1","urn:a:\u0032"]"#, 2).map(|ids| ids.len()), Ok(2));
        for wrong in ["[]", r#"["a",null]"#, r#"[{"id":"a"}]"#] {
            assert!(batch_ids(wrong, 9).is_err(), "{wrong}");
        }
    }
}
