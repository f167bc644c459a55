//! The reverse proxies in front: what they say of who asks is believed, what anybody else says of it counts for nothing.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ipnet::IpNet;

/// What proxies say of who asked them; the last of the list is what the last proxy saw.
const FORWARDED_FOR: &str = "x-forwarded-for";
/// The certificate that the client showed to the proxy (RFC 9440 section 2.2).
const CLIENT_CERT: &str = "client-cert";

/// As RFC 9651 section 4.2.7 reads a byte sequence: padding may be missing.
const BYTES: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The proxies of an installation.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    /// Their addresses.
    pub addresses: Vec<IpNet>,
    /// Whether they set `Client-Cert` (RFC 9440), and take away the one that a client sent.
    pub certificates: bool,
}

impl Proxies {
    fn believed(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.addresses.iter().any(|net| net.contains(&address))
    }

    /// Who asks: follows the list of addresses from the end, as long as those who wrote it are believed.
    pub(crate) fn asker(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut at = peer;
        let values: Vec<_> =
            headers.get_all(FORWARDED_FOR).filter_map(|v| v.to_str().ok()).collect();
        let mut hops = values.iter().rev().flat_map(|value| value.rsplit(','));
        while self.believed(at) {
            let Some(next) = hops.next().and_then(|hop| hop.trim().parse().ok()) else { break };
            at = next;
        }
        at
    }

    /// The certificate of the TLS connection, DER, as a proxy tells it. Two of them are none: one may be the client's own invention.
    pub(crate) fn certificate(&self, request: &HttpRequest) -> Option<Vec<u8>> {
        let peer = request.peer_addr()?.ip();
        if !self.certificates || !self.believed(peer) {
            return None;
        }
        let mut values = request.headers().get_all(CLIENT_CERT);
        let value = values.next()?.to_str().ok().filter(|_| values.next().is_none())?;
        let bytes = value.trim_matches(' ').strip_prefix(':')?.strip_suffix(':')?;
        BYTES.decode(bytes).ok().filter(|der| !der.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};
    use actix_web::test::TestRequest;

    use super::*;

    fn proxies() -> Proxies {
        let addresses = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().unwrap()).to_vec();
        Proxies { addresses, certificates: true }
    }

    fn seen(peer: &str, lists: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for list in lists {
            let name = HeaderName::from_static(FORWARDED_FOR);
            headers.append(name, HeaderValue::from_static(list));
        }
        proxies().asker(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_proxies_are_believed() {
        assert_eq!(seen("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        // What the caller wrote before the proxy added its own counts for nothing.
        assert_eq!(seen("10.0.0.1", &["192.0.2.7, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(seen("10.0.0.1", &["192.0.2.7", "198.51.100.1"]), "198.51.100.1");
        // Two proxies in a row.
        assert_eq!(seen("fd00::1", &["192.0.2.7, 198.51.100.1, 10.0.0.2"]), "198.51.100.1");
        assert_eq!(seen("::ffff:10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        // Without a list, or with nonsense in it, it is the proxy who asks.
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["198.51.100.1, unknown"]), "10.0.0.1");
    }

    fn shown(proxies: &Proxies, peer: &str, values: &[&str]) -> Option<Vec<u8>> {
        let mut request = TestRequest::get().peer_addr(format!("{peer}:4711").parse().unwrap());
        for value in values {
            request = request.append_header((CLIENT_CERT, *value));
        }
        proxies.certificate(&request.to_http_request())
    }

    #[test]
    fn t48_a_certificate_is_taken_from_a_proxy_and_from_nobody_else() {
        let der = || Some(b"0\x82der".to_vec());
        let proxies = proxies();
        for value in [":MIJkZXI=:", ":MIJkZXI:", "  :MIJkZXI=: "] {
            assert_eq!(shown(&proxies, "10.0.0.1", &[value]), der(), "{value}");
            assert_eq!(shown(&proxies, "203.0.113.9", &[value]), None, "{value}");
        }
        for values in [
            &[][..],
            &["::"],
            &[":"],
            &[""],
            &["MIJkZXI="],
            &[":MIJk ZXI=:"],
            &[":MIJk_ZXI=:"],
            &["\":MIJkZXI=:\""],
            &[":MIJkZXI=:, :MIJkZXI=:"],
            &[":MIJkZXI=:", ":MIJkZXI=:"],
        ] {
            assert_eq!(shown(&proxies, "10.0.0.1", values), None, "{values:?}");
        }
        let silent = Proxies { certificates: false, ..proxies };
        assert_eq!(shown(&silent, "10.0.0.1", &[":MIJkZXI=:"]), None);
    }
}
