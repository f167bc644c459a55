//! What clients can find out by themselves.

use serde_json::{Value, json};
use tsunagu_domain::{Level, Problem};

use super::{AuthorizationServer, SHARE_CODE_GRANT};
use crate::JwkSet;
use crate::jose::{Algorithm, FAPI};

impl AuthorizationServer {
    /// OpenID discovery, which is also the metadata of RFC 8414.
    pub fn metadata(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.issuer);
        let algorithms = FAPI.map(Algorithm::name);
        let mut metadata = json!({
            "issuer": self.issuer,
            "authorization_endpoint": at("/oauth/authorize"),
            "pushed_authorization_request_endpoint": at("/oauth/par"),
            "token_endpoint": at("/oauth/token"),
            "introspection_endpoint": at("/oauth/introspect"),
            "revocation_endpoint": at("/oauth/revoke"),
            "userinfo_endpoint": at("/oauth/userinfo"),
            "end_session_endpoint": at("/oauth/end-session"),
            "jwks_uri": at("/oauth/jwks"),
            "require_pushed_authorization_requests": true,
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials", SHARE_CODE_GRANT],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": algorithms,
            "introspection_endpoint_auth_methods_supported": ["private_key_jwt"],
            "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
            "revocation_endpoint_auth_methods_supported": ["private_key_jwt"],
            "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
            "authorization_response_iss_parameter_supported": true,
            "authorization_details_types_supported": ["resident_data"],
            "scopes_supported": ["openid", "ngsi-ld", "offline_access"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "ial", "aal"],
            "acr_values_supported": Level::ALL.map(Level::acr),
            "prompt_values_supported": ["none", "login", "consent"],
            "claims_parameter_supported": false,
            "request_parameter_supported": false,
            "request_uri_parameter_supported": true,
            "require_request_uri_registration": false,
            "dpop_signing_alg_values_supported": algorithms,
            "tls_client_certificate_bound_access_tokens": self.mtls.is_some(),
            "ui_locales_supported": ["ja", "en"],
        });
        if let Some(there) = self.mtls.as_ref().and_then(|mtls| mtls.base_url.as_ref()) {
            let at = |path: &str| format!("{there}{path}");
            metadata["mtls_endpoint_aliases"] = json!({
                "pushed_authorization_request_endpoint": at("/oauth/par"),
                "token_endpoint": at("/oauth/token"),
                "introspection_endpoint": at("/oauth/introspect"),
                "revocation_endpoint": at("/oauth/revoke"),
                "userinfo_endpoint": at("/oauth/userinfo"),
            });
        }
        metadata
    }

    /// Metadata of the NGSI-LD resource (RFC 9728).
    pub fn resource_metadata(&self) -> Value {
        json!({
            "resource": self.resource,
            "authorization_servers": [self.issuer],
            "scopes_supported": ["openid", "ngsi-ld"],
            "bearer_methods_supported": ["header"],
            "dpop_signing_alg_values_supported": FAPI.map(Algorithm::name),
            // Clients registered for it may bear tokens, so a proof is not always needed.
            "dpop_bound_access_tokens_required": false,
            "tls_client_certificate_bound_access_tokens": self.mtls.is_some(),
            "authorization_details_types_supported": ["resident_data"],
        })
    }

    /// The public keys that verify tokens.
    pub async fn jwks(&self) -> Result<JwkSet, Problem> {
        self.keys.jwks().await
    }
}
