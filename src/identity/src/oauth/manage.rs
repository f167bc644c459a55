//! What can be done with a token besides using it: user information, introspection, revocation.

use serde_json::{Value, json};
use tsunagu_store::access::Action;

use super::{AuthorizationServer, ErrorCode, Form, OAuthError, TokenError};
use crate::person::iri;
use crate::services::{auth_seconds, seconds};

impl AuthorizationServer {
    /// The `UserInfo` endpoint: who logged in, as this client sees them, and nothing that was not consented to. `token` is the access
    /// token from the `Authorization` header.
    pub async fn userinfo(&self, token: &str) -> Result<Value, OAuthError> {
        let token = self.verify_access_token(token).await.map_err(|error| match error {
            TokenError::Unavailable(problem) => problem.into(),
            other => OAuthError::new(ErrorCode::InvalidToken, other.to_string()),
        })?;
        let Some(subject) = token.subject.filter(|_| token.has_scope("openid")) else {
            return Err(OAuthError::new(
                ErrorCode::InsufficientScope,
                "the token is not from a login",
            ));
        };
        if let Some(grant) = &token.grant_id
            && !self.grants.is_live(&self.tenant, grant).await?
        {
            return Err(OAuthError::new(
                ErrorCode::InvalidToken,
                "the consent behind this token is not live",
            ));
        }
        let known = self.clients.known(&self.tenant, &token.client).await?;
        let Some(known) = known else {
            return Err(OAuthError::new(ErrorCode::InvalidToken, "the client is not registered"));
        };
        let mut access = self.services.access(
            format!("client:{}", token.client),
            Some(subject),
            Action::Identify,
        );
        access.types = vec![iri("Person")];
        access.grant.clone_from(&token.grant_id);
        "userinfo".clone_into(&mut access.reason);
        access.count = 1;
        self.services.log.record(&self.tenant, &access).await?;
        Ok(json!({ "sub": known.outward(subject).to_string() }))
    }

    /// Introspection (RFC 7662). A client learns about its own tokens; of any other it hears that it is not active.
    pub async fn introspect(&self, form: &Form) -> Result<Value, OAuthError> {
        let known = self.authenticate(form).await?;
        let inactive = json!({ "active": false });
        let text = form.required("token")?;
        let token = match self.verify_access_token(text).await {
            Ok(token) if token.client == known.client.id => token,
            Err(TokenError::Unavailable(problem)) => return Err(problem.into()),
            _ => return Ok(inactive),
        };
        if let Some(grant) = &token.grant_id
            && !self.grants.is_live(&self.tenant, grant).await?
        {
            return Ok(inactive);
        }
        let sub =
            token.subject.map_or(token.client.to_string(), |id| known.outward(id).to_string());
        let mut answer = json!({
            "active": true,
            "iss": self.issuer,
            "sub": sub,
            "aud": self.resource,
            "client_id": token.client,
            "exp": token.exp.div_euclid(seconds(1)),
            "jti": token.jti,
            "scope": token.scope,
            "token_type": "Bearer",
        });
        if token.subject.is_some()
            && let Some(members) = answer.as_object_mut()
        {
            members.insert("grant_id".to_owned(), json!(token.grant_id));
            members.insert("acr".to_owned(), json!(token.assurance.acr));
            members.insert("auth_time".to_owned(), json!(auth_seconds(&token.assurance)));
            let details: Vec<_> = token.details.iter().collect();
            members.insert("authorization_details".to_owned(), json!(details));
            members.retain(|_, value| !value.is_null());
        }
        Ok(answer)
    }

    /// Revocation (RFC 7009) of an access token, by the client that it was given to. What is no token of the client's is answered the same.
    pub async fn revoke(&self, form: &Form) -> Result<(), OAuthError> {
        let known = self.authenticate(form).await?;
        let text = form.required("token")?;
        if let Ok(claims) = self.claims(text)
            && claims.client_id == known.client.id
        {
            self.revoke_jti(&claims.jti, seconds(claims.exp.saturating_add(1))).await?;
        }
        Ok(())
    }
}
