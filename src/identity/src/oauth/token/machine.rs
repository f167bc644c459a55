//! Tokens of clients on their own behalf (RFC 6749 section 4.4).

use super::super::{AuthorizationServer, Binding, ErrorCode, Form, OAuthError};
use super::{MACHINE_SCOPE, Minted, Tokens};
use crate::ClientKind;
use crate::clients::Known;

impl AuthorizationServer {
    pub(super) async fn machine(
        &self,
        form: &Form,
        known: &Known,
        binding: Option<Binding>,
    ) -> Result<Tokens, OAuthError> {
        let client = &known.client;
        let audience = self.audience(known, self.named_or_own(form)?).await?;
        let on_its_own = client.kind.publishes()
            || client.reads_open_data
            || client.writes_open_data
            || (client.kind == ClientKind::Operator && !client.scopes.is_empty());
        if audience.ours && !on_its_own {
            return Err(OAuthError::new(
                ErrorCode::UnauthorizedClient,
                "this client may not act on its own behalf; residents' data need a resident's consent",
            ));
        }
        if form.get("authorization_details").is_some() {
            return Err(OAuthError::new(
                ErrorCode::InvalidAuthorizationDetails,
                "residents' data are asked of residents, with a pushed request",
            ));
        }
        let scope = form.get("scope").unwrap_or(if audience.ours { MACHINE_SCOPE } else { "" });
        let own = |word: &str| {
            word == MACHINE_SCOPE || client.scopes.iter().any(|registered| registered == word)
        };
        let allowed = |word: &str| (audience.ours && own(word)) || audience.is_of_a_server(word);
        if !scope.split(' ').filter(|word| !word.is_empty()).all(allowed) {
            return Err(OAuthError::new(
                ErrorCode::InvalidScope,
                "the scope must be ngsi-ld, a scope that the client is registered for, or one of the asked resources",
            ));
        }
        let Minted { access_token, token_type, expires_in } =
            self.machine_token(&client.id, scope, &audience, binding).await?;
        Ok(Tokens {
            access_token,
            token_type,
            expires_in,
            scope: scope.to_owned(),
            id_token: None,
            refresh_token: None,
            grant_id: None,
            authorization_details: Vec::new(),
        })
    }
}
