//! Comparing addresses as RFC 9449 section 4.3 asks: without query and fragment, after normalization (RFC 3986 sections 6.2.2 and 6.2.3).

use url::Url;

/// The address as it is compared. `None` when it is no absolute http(s) URL.
pub(super) fn normalized(text: &str) -> Option<String> {
    // The crate lower-cases scheme and host, drops the default port and resolves dot segments.
    let url = Url::parse(text).ok()?;
    if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() {
        return None;
    }
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    // A slash at the end makes no other resource here.
    let path = decoded(url.path().trim_end_matches('/'));
    Some(format!("{}://{}{port}{path}", url.scheme(), url.host_str()?))
}

/// A path with escapes of unreserved characters decoded and the others in capitals.
fn decoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let escape = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let Some(byte) = escape else {
            out.push('%');
            rest = after;
            continue;
        };
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.extend(format!("%{byte:02X}").chars());
        }
        rest = after.get(2..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_addresses_are_equal_however_they_are_written() {
        let target = normalized("https://gateway.example/ngsi-ld/v1/entities/a~b");
        for same in [
            "HTTPS://Gateway.Example/ngsi-ld/v1/entities/a~b",
            "https://gateway.example:443/ngsi-ld/v1/entities/a~b",
            "https://gateway.example/ngsi-ld/v1/entities/a~b?attrs=x#y",
            "https://gateway.example/ngsi-ld/v1/entities/%61%7eb",
            "https://gateway.example/ngsi-ld/v1/./entities/a~b",
            "https://gateway.example/ngsi-ld/v1/entities/a~b/",
        ] {
            assert_eq!(normalized(same), target, "{same}");
        }
        for other in [
            "http://gateway.example/ngsi-ld/v1/entities/a~b",
            "https://gateway.example:8443/ngsi-ld/v1/entities/a~b",
            "https://gateway.example/ngsi-ld/v1/entities/A~b",
            "https://elsewhere.example/ngsi-ld/v1/entities/a~b",
            "https://gateway.example@elsewhere.example/ngsi-ld/v1/entities/a~b",
            "/ngsi-ld/v1/entities/a~b",
            "ftp://gateway.example/ngsi-ld/v1/entities/a~b",
            "",
        ] {
            assert_ne!(normalized(other), target, "{other}");
        }
        assert_eq!(decoded("/%2f%"), "/%2F%");
        assert_eq!(decoded("/%é"), "/%é");
    }
}
