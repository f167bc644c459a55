//! Making tokens.

use serde::Serialize;
use tsunagu_domain::{ClientId, Level, Problem};

use super::super::access_token::Claims;
use super::super::audience::{Aud, Audience};
use super::super::{AuthorizationServer, Binding};
use super::{ACCESS_TOKEN_SECONDS, Authorization, BEARER_TOKEN_SECONDS};
use crate::clients::Known;
use crate::jose::half_hash;
use crate::services::auth_seconds;

const ID_TOKEN_SECONDS: i64 = 300;

/// An access token and what its receiver is told about it.
pub(super) struct Minted {
    pub(super) access_token: String,
    pub(super) token_type: &'static str,
    pub(super) expires_in: i64,
}

#[derive(Serialize)]
struct IdToken<'a> {
    iss: &'a str,
    sub: String,
    aud: &'a ClientId,
    exp: i64,
    iat: i64,
    auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    acr: &'static str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    amr: &'a [String],
    ial: Level,
    aal: Level,
    at_hash: String,
}

impl AuthorizationServer {
    /// An access token under an authorization of a resident.
    pub(super) async fn access_token(
        &self,
        known: &Known,
        authorization: &Authorization,
        scope: &str,
        audience: &Audience,
        binding: Option<Binding>,
    ) -> Result<Minted, Problem> {
        let assurance = &authorization.assurance;
        let (jti, subject) = (self.services.ids.uuid(), authorization.subject);
        let (sectors, grant) = (self.clients.sectors(), authorization.grant.as_deref());
        // Who else reads the token must not learn by what name this client knows the resident, nor the other way round, nor that two tokens
        // are of one consent or login.
        let (sub, family, grant) = if audience.is_ours_alone() {
            (known.outward(subject), authorization.family.clone(), grant.map(str::to_owned))
        } else {
            let grant = grant.map(|grant| sectors.id_in_token(&jti, grant)).transpose()?;
            let family = sectors.id_in_token(&jti, &authorization.family)?;
            (sectors.name_in_token(&jti, subject)?, family, grant)
        };
        // No receiver learns which of a resident's delegates it was, nor that two tokens are of the same one.
        let acting = authorization.acting.as_deref().map(|id| sectors.id_in_token(&jti, id));
        let details = authorization.details.iter().filter(|_| audience.is_ours_alone());
        self.minted(Claims {
            aud: Aud(audience.resources.clone()),
            jti,
            family: Some(family),
            cnf: binding,
            grant_id: grant,
            acting: acting.transpose()?,
            authorization_details: details.cloned().collect(),
            auth_time: Some(auth_seconds(assurance)),
            acr: Some(assurance.level().acr().to_owned()),
            amr: assurance.amr.clone(),
            ial: Some(assurance.ial),
            aal: Some(assurance.aal),
            idp: Some(assurance.idp.clone()),
            ..Claims::new(sub.to_string(), &authorization.client, scope)
        })
        .await
    }

    /// An access token of a client on its own behalf.
    pub(super) async fn machine_token(
        &self,
        client: &ClientId,
        scope: &str,
        audience: &Audience,
        binding: Option<Binding>,
    ) -> Result<Minted, Problem> {
        self.minted(Claims {
            aud: Aud(audience.resources.clone()),
            jti: self.services.ids.uuid(),
            cnf: binding,
            ..Claims::new(client.to_string(), client, scope)
        })
        .await
    }

    /// Signs claims, after adding what every access token says.
    async fn minted(&self, claims: Claims) -> Result<Minted, Problem> {
        let now = self.services.clock.seconds();
        let (token_type, expires_in) = match claims.cnf {
            Some(Binding::Key(_)) => ("DPoP", ACCESS_TOKEN_SECONDS),
            Some(Binding::Certificate(_)) => ("Bearer", ACCESS_TOKEN_SECONDS),
            None => ("Bearer", BEARER_TOKEN_SECONDS),
        };
        let claims = Claims { iss: self.issuer.clone(), iat: now, exp: now + expires_in, ..claims };
        let access_token = self.keys.sign("at+jwt", &claims).await?;
        Ok(Minted { access_token, token_type, expires_in })
    }

    pub(super) async fn id_token(
        &self,
        known: &Known,
        authorization: &Authorization,
        access_token: &str,
    ) -> Result<String, Problem> {
        let now = self.services.clock.seconds();
        let assurance = &authorization.assurance;
        let claims = IdToken {
            iss: &self.issuer,
            sub: known.outward(authorization.subject).to_string(),
            aud: &authorization.client,
            exp: now + ID_TOKEN_SECONDS,
            iat: now,
            auth_time: auth_seconds(assurance),
            nonce: authorization.nonce.as_deref(),
            acr: assurance.level().acr(),
            amr: &assurance.amr,
            ial: assurance.ial,
            aal: assurance.aal,
            at_hash: half_hash(access_token),
        };
        self.keys.sign("JWT", &claims).await
    }
}
