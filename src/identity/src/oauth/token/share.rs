//! Tokens for a share code that a resident showed: an extension grant (RFC 6749 section 4.5).

use std::collections::BTreeSet;

use async_trait::async_trait;
use tsunagu_domain::{Assurance, ClientId, Problem, TenantId, Text, TsunoId};
use tsunagu_store::WriteSet;

use super::super::{
    AuthorizationServer, Binding, DataAction, DetailType, ErrorCode, Form, OAuthError, ResidentData,
};
use super::{Authorization, MACHINE_SCOPE, Minted, OFFLINE_SCOPE, Tokens};
use crate::clients::Known;

/// The `grant_type`. The code is in the parameter `share_code`.
pub const SHARE_CODE_GRANT: &str = "urn:tsunagu:grant-type:share-code";

/// A client that redeems a share code, as it is registered and proved to be.
#[derive(Debug, Clone, Copy)]
pub struct Redeeming<'a> {
    /// Who.
    pub client: &'a ClientId,
    /// What residents know it as.
    pub name: &'a Text,
    /// Purposes that it is registered for.
    pub purposes: &'a [String],
    /// Data classes that it is registered for.
    pub data_classes: &'a [String],
    /// Whether its tokens will be bound to a key.
    pub bound: bool,
    /// Id for the record of access.
    pub request: &'a str,
}

/// What a redeemed code gives.
#[derive(Debug, Clone)]
pub struct Redeemed {
    /// Whose data.
    pub subject: TsunoId,
    /// The consent.
    pub grant: String,
    /// Purpose code.
    pub purpose: String,
    /// Codes of the data classes, read only.
    pub data_classes: Vec<String>,
    /// The proof of who made the code.
    pub assurance: Assurance,
}

/// Why a code gives nothing. The texts are for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShareRefusal {
    /// Unknown, wrong, used, over, taken back or locked.
    #[error("the share code is unknown, used, expired or taken back; ask the resident for another")]
    Unknown,
    /// The client is not registered for what the code stands for.
    #[error("the client is not registered for the purpose and all data classes of this share code")]
    NotRegistered,
    /// The code stands for sensitive data, and the tokens would serve whoever bears them.
    #[error("tokens for sensitive data are bound to a key: send a DPoP proof (RFC 9449)")]
    Unbound,
    /// Too many codes of this client were wrong.
    #[error("too many share codes of this client were wrong; try again in an hour")]
    TooMany,
    /// It could not be looked at.
    #[error(transparent)]
    Failed(#[from] Problem),
}

impl From<ShareRefusal> for OAuthError {
    fn from(refusal: ShareRefusal) -> Self {
        let code = match refusal {
            ShareRefusal::Failed(problem) => return problem.into(),
            ShareRefusal::Unknown | ShareRefusal::TooMany => ErrorCode::InvalidGrant,
            ShareRefusal::NotRegistered => ErrorCode::UnauthorizedClient,
            ShareRefusal::Unbound => ErrorCode::InvalidDpopProof,
        };
        Self::new(code, refusal.to_string())
    }
}

/// The codes by which residents share what they choose with whom they like. Implemented over the consents, which this room does not know.
#[async_trait]
pub trait ShareCodes: Send + Sync + 'static {
    /// Redeems a code for a grant. Whether it does or not, it is on record.
    async fn redeem(
        &self,
        tenant: &TenantId,
        by: Redeeming<'_>,
        code: &str,
    ) -> Result<Redeemed, ShareRefusal>;
}

impl AuthorizationServer {
    pub(super) async fn redeem_share(
        &self,
        form: &Form,
        known: &Known,
        binding: Option<Binding>,
    ) -> Result<Tokens, OAuthError> {
        let client = &known.client;
        let Some(codes) = &self.shares else {
            return Err(OAuthError::new(
                ErrorCode::UnsupportedGrantType,
                "this server takes no share codes",
            ));
        };
        if !client.kind.consumes() {
            return Err(OAuthError::new(
                ErrorCode::UnauthorizedClient,
                "this client may not have data of residents",
            ));
        }
        if form.get("authorization_details").is_some() {
            return Err(OAuthError::new(
                ErrorCode::InvalidAuthorizationDetails,
                "what a share code gives was chosen by the resident; nothing can be asked for here",
            ));
        }
        let scope = form.get("scope").unwrap_or(MACHINE_SCOPE);
        if !scope.split(' ').all(|word| [MACHINE_SCOPE, OFFLINE_SCOPE].contains(&word)) {
            return Err(OAuthError::new(
                ErrorCode::InvalidScope,
                "the scope must be ngsi-ld, with or without offline_access",
            ));
        }
        // What a resident shows is here and nowhere else.
        let audience = self.narrowed(form, known, &[]).await?;
        let by = Redeeming {
            client: &client.id,
            name: &client.name,
            purposes: &client.purposes,
            data_classes: &client.data_classes,
            bound: binding.is_some(),
            request: &self.services.ids.uuid(),
        };
        let redeemed = codes.redeem(&self.tenant, by, form.required("share_code")?).await?;
        let details = ResidentData {
            r#type: DetailType::ResidentData,
            purpose: redeemed.purpose,
            data_classes: redeemed.data_classes.into_iter().collect(),
            optional_data_classes: BTreeSet::new(),
            actions: [DataAction::Read].into(),
            frequency: None,
        };
        let authorization = Authorization {
            family: self.services.ids.uuid(),
            client: client.id.clone(),
            subject: redeemed.subject,
            grant: Some(redeemed.grant),
            details: Some(details),
            scope: scope.to_owned(),
            assurance: redeemed.assurance,
            // Nobody makes share codes for another.
            acting: None,
            nonce: None,
            resources: audience.resources.clone(),
        };
        // The resident may have taken it back meanwhile.
        self.still_lives(&authorization).await?;
        let refresh_token = match self.first_refresh_token(&authorization, binding.as_ref())? {
            Some((text, op)) => {
                self.services.store.commit(WriteSet::new(self.tenant.clone()).with(op)).await?;
                Some(text)
            }
            None => None,
        };
        let Minted { access_token, token_type, expires_in } =
            self.access_token(known, &authorization, scope, &audience, binding).await?;
        Ok(Tokens {
            access_token,
            token_type,
            expires_in,
            scope: authorization.scope,
            id_token: None,
            refresh_token,
            grant_id: authorization.grant,
            authorization_details: authorization.details.into_iter().collect(),
        })
    }
}
