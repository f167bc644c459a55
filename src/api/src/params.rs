//! Query parameters: each known, each at most once, each problem named.

use actix_web::HttpRequest;
use tsunagu_domain::{Problem, ProblemCode};

use crate::{Failure, guard};

/// The query parameters of a request.
#[derive(Debug)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads the parameters; one that is not in `known`, or comes twice, is refused.
    pub(crate) fn read(request: &HttpRequest, known: &[&str]) -> Result<Self, Failure> {
        let mut params: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(request.query_string().as_bytes()) {
            if !known.contains(&name.as_ref()) {
                let detail = format!(
                    "a query parameter is not known here; known are: {}",
                    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
                );
                return Err(Problem::new(ProblemCode::InvalidRequest, detail).into());
            }
            if params.iter().any(|(seen, _)| *seen == name) {
                let detail = "this query parameter may come only once; join its values with commas";
                return Err(Problem::new(ProblemCode::InvalidRequest, detail).at(name).into());
            }
            params.push((name.into_owned(), value.into_owned()));
        }
        Self::of(params)
    }

    /// These parameters, which came in another way than in a query string.
    pub(crate) fn of(params: Vec<(String, String)>) -> Result<Self, Failure> {
        // An id is only compared with ids, of which none that is personal can hold one.
        let kept = params.iter().filter(|(name, _)| !["id", "idPattern"].contains(&name.as_str()));
        for (name, value) in kept {
            if guard::is_in(value) {
                return Err(guard::refused(name));
            }
        }
        Ok(Self(params))
    }

    /// All of them, names and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.iter()
    }

    /// The value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The parameters without some.
    pub(crate) fn without(&self, names: &[&str]) -> Self {
        let others = self.0.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        Self(others.cloned().collect())
    }

    /// A comma-separated list; an empty item is refused.
    pub(crate) fn list(&self, name: &str) -> Result<Vec<&str>, Failure> {
        let Some(value) = self.get(name) else {
            return Ok(Vec::new());
        };
        let items: Vec<&str> = value.split(',').map(str::trim).collect();
        if items.iter().any(|item| item.is_empty()) {
            return Err(wrong(name, "is a comma-separated list without empty items"));
        }
        Ok(items)
    }

    /// A whole number from 0 to `max`.
    pub(crate) fn number(&self, name: &str, default: usize, max: usize) -> Result<usize, Failure> {
        let Some(value) = self.get(name) else {
            return Ok(default);
        };
        value
            .parse()
            .ok()
            .filter(|n| *n <= max)
            .ok_or_else(|| wrong(name, &format!("is a whole number from 0 to {max}")))
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.get(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(wrong(name, "is true or false")),
        }
    }

    /// The parameters as they came, with one replaced, for links to other pages. Sorted, so that a page has one address.
    pub(crate) fn with(&self, name: &str, value: usize) -> String {
        let value = value.to_string();
        let others = self.0.iter().filter(|(n, _)| n != name);
        let mut all: Vec<(&str, &str)> = others.map(|(n, v)| (n.as_str(), v.as_str())).collect();
        all.push((name, &value));
        all.sort_unstable();
        let mut out = url::form_urlencoded::Serializer::new(String::new());
        out.extend_pairs(all);
        // Ids are full of colons, which a query may hold as they are (RFC 3986 3.4).
        out.finish().replace("%3A", ":")
    }
}

/// A parameter with a wrong value.
pub(crate) fn wrong(name: &str, rule: &str) -> Failure {
    Problem::new(ProblemCode::InvalidRequest, format!("the parameter {name} {rule}"))
        .at(name)
        .into()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::Params;

    #[test]
    fn a_page_has_one_address() {
        let request = TestRequest::get().uri("/?type=T&id=urn%3Ae%3A1&offset=2").to_http_request();
        let params = Params::read(&request, &["type", "id", "offset"]).ok();
        let next = params.map(|params| params.with("offset", 3));
        assert_eq!(next.as_deref(), Some("id=urn:e:1&offset=3&type=T"));
    }
}
