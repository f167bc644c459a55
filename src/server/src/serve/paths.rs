//! Paths as they come.

use actix_web::dev::ServiceRequest;
use actix_web::http::Uri;
use actix_web::http::uri::PathAndQuery;

/// Takes slashes from the end of the path; one that is nothing else stays. A path without them, which is nearly every one, costs nothing.
pub(super) fn without_slash_at_end(request: &mut ServiceRequest) {
    if let Some(uri) = trimmed(request.uri()) {
        request.match_info_mut().get_mut().update(&uri);
        request.head_mut().uri = uri;
    }
}

fn trimmed(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let kept = path.trim_end_matches('/');
    if kept.len() == path.len() || path == "/" {
        return None;
    }
    let kept = if kept.is_empty() { "/" } else { kept };
    let text = match uri.query() {
        Some(query) => format!("{kept}?{query}"),
        None => kept.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(text).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_at_the_end_go_and_the_query_stays() {
        for (from, to) in [
            ("/ngsi-ld/v1/entities/", Some("/ngsi-ld/v1/entities")),
            ("/ngsi-ld/v1/entities//?type=A&q=b", Some("/ngsi-ld/v1/entities?type=A&q=b")),
            ("//", Some("/")),
            ("/", None),
            ("/ngsi-ld/v1/entities", None),
            ("/a?b=/", None),
        ] {
            let uri: Uri = from.parse().unwrap();
            assert_eq!(trimmed(&uri).map(|uri| uri.to_string()).as_deref(), to, "{from}");
        }
    }
}
