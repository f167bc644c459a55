//! What can be done with a token besides using it: user information, introspection, revocation.

use std::sync::Arc;

use serde_json::{Value, json};
use tsunagu_domain::{ClientId, Problem, TsunoId};
use tsunagu_store::access::{Access, Action, Decision};

use super::audience::Aud;
use super::{AccessToken, AuthorizationServer, Binding, ErrorCode, Form, OAuthError, TokenError};
use crate::Client;
use crate::person::iri;
use crate::residents::is_in_force;
use crate::services::{auth_seconds, seconds};

impl AuthorizationServer {
    /// The `UserInfo` endpoint: who logged in, as this client sees them, and nothing that was not consented to. `token` is the access
    /// token as it was presented.
    pub async fn userinfo(&self, token: &AccessToken) -> Result<Value, OAuthError> {
        let Some(subject) = token.subject.filter(|_| token.has_scope("openid")) else {
            return Err(OAuthError::new(
                ErrorCode::InsufficientScope,
                "the token is not from a login",
            ));
        };
        let refused = if !self.is_live(token.grant_id.as_deref()).await? {
            Some("the consent behind this token is not live")
        } else if !is_in_force(&self.services, &self.tenant, subject).await? {
            Some("the Tsuno ID behind this token was closed or is suspended")
        } else {
            None
        };
        if let Some(why) = refused {
            let access = self.identifies(&token.client, subject, token, "userinfo");
            let denied = Access { decision: Decision::Denied, count: 0, ..access };
            self.services.log.record(&self.tenant, &denied).await?;
            return Err(OAuthError::new(ErrorCode::InvalidToken, why));
        }
        let known = self.clients.known(&self.tenant, &token.client).await?;
        let Some(known) = known else {
            return Err(OAuthError::new(ErrorCode::InvalidToken, "the client is not registered"));
        };
        let access = self.identifies(&token.client, subject, token, "userinfo");
        self.services.log.record(&self.tenant, &access).await?;
        Ok(json!({ "sub": known.outward(subject).to_string() }))
    }

    /// Introspection (RFC 7662). A client learns about its own tokens, a resource server about those for its resource; of any other they
    /// hear that it is not active.
    pub async fn introspect(&self, form: &Form) -> Result<Value, OAuthError> {
        let known = self.authenticate(form).await?;
        let text = form.required("token")?;
        let client = &known.client.id;
        if let Some((kept, _, true)) = self.refreshable(text, client).await? {
            let authorization = &kept.authorization;
            if !self.is_live(authorization.grant.as_deref()).await?
                || !self.acts(authorization.acting.as_deref()).await?
                || !is_in_force(&self.services, &self.tenant, authorization.subject).await?
            {
                return Ok(inactive());
            }
            return Ok(without_nulls(json!({
                "active": true,
                "iss": self.issuer,
                "sub": known.outward(authorization.subject).to_string(),
                "client_id": client,
                "scope": authorization.scope,
                "grant_id": authorization.grant,
                "cnf": kept.certificate.clone().map(Binding::Certificate),
            })));
        }
        let token = match self.verify_for_any(text).await {
            Ok(token) => token,
            Err(TokenError::Unavailable(problem)) => return Err(problem.into()),
            Err(_) => return Ok(inactive()),
        };
        let theirs = token.client == *client;
        // Our own resource is nobody's, whatever a registration says.
        let resource = known.client.resource.as_ref().filter(|named| **named != self.resource);
        let for_them = resource.is_some_and(|resource| token.audience.contains(resource));
        if !(theirs || for_them) || !self.is_live(token.grant_id.as_deref()).await? {
            return Ok(inactive());
        }
        if let Some(subject) = token.subject
            && !is_in_force(&self.services, &self.tenant, subject).await?
        {
            return Ok(inactive());
        }
        if let Some(subject) = token.subject.filter(|_| !theirs) {
            let access = self.identifies(client, subject, &token, "introspection");
            self.services.log.record(&self.tenant, &access).await?;
        }
        let own = token.client.to_string();
        let resident = token.subject.is_some();
        let details: Vec<_> = token.details.iter().collect();
        Ok(without_nulls(json!({
            "active": true,
            "iss": self.issuer,
            // Each asker has names of its own for residents.
            "sub": token.subject.map_or(own, |id| known.outward(id).to_string()),
            "aud": Aud(token.audience.clone()),
            "client_id": token.client,
            "exp": token.exp.div_euclid(seconds(1)),
            "jti": token.jti,
            "scope": token.scope,
            "token_type": token.token_type(),
            "cnf": token.binding,
            "grant_id": token.grant_id.as_ref().filter(|_| theirs),
            "acr": token.assurance.acr,
            "auth_time": resident.then(|| auth_seconds(&token.assurance)),
            "authorization_details": (resident && theirs).then_some(details),
        })))
    }

    /// The record of somebody being told who a token is about.
    fn identifies(
        &self,
        client: &ClientId,
        subject: TsunoId,
        token: &AccessToken,
        reason: &str,
    ) -> Access {
        let actor = format!("client:{client}");
        let mut access = self.services.access(actor, Some(subject), Action::Identify);
        access.types = vec![iri("Person")];
        access.grant.clone_from(&token.grant_id);
        reason.clone_into(&mut access.reason);
        access.count = 1;
        access
    }

    /// The client that posted this form, proven; for endpoints of other rooms.
    pub async fn client_of(&self, form: &Form) -> Result<Arc<Client>, OAuthError> {
        Ok(Arc::clone(&self.authenticate(form).await?.client))
    }

    /// How a client knew a resident before the key of its sector was changed, and how it does now; `None` when the earlier name is not
    /// understood any more, or there never was one.
    pub async fn names(
        &self,
        client: &ClientId,
        subject: TsunoId,
    ) -> Result<Option<(TsunoId, TsunoId)>, Problem> {
        let known = self.clients.known(&self.tenant, client).await?;
        Ok(known.and_then(|known| Some((known.earlier(subject)?, known.outward(subject)))))
    }

    /// Revocation (RFC 7009) of a token by the client that it was given to, and with it of every token of the same authorization. What is
    /// no token of the client's is answered the same.
    pub async fn revoke(&self, form: &Form) -> Result<(), OAuthError> {
        let known = self.authenticate(form).await?;
        let text = form.required("token")?;
        let client = &known.client.id;
        if let Ok((claims, _)) = self.claims(text).await {
            if claims.client_id == *client {
                self.end_family(claims.revocable()).await?;
            }
        } else if let Some((kept, ..)) = self.refreshable(text, client).await? {
            self.end_family(&kept.authorization.family).await?;
        }
        Ok(())
    }

    /// Whether somebody may still act under the delegation, where there is one.
    pub(super) async fn acts(&self, delegation: Option<&str>) -> Result<bool, Problem> {
        match delegation {
            Some(delegation) => self.grants.acts(&self.tenant, delegation).await,
            None => Ok(true),
        }
    }

    async fn is_live(&self, grant: Option<&str>) -> Result<bool, OAuthError> {
        match grant {
            Some(grant) => Ok(self.grants.is_live(&self.tenant, grant).await?),
            None => Ok(true),
        }
    }
}

fn inactive() -> Value {
    json!({ "active": false })
}

fn without_nulls(mut answer: Value) -> Value {
    if let Some(members) = answer.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    answer
}
