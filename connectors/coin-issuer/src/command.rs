//! The issuer as a system that takes orders: `{"account", "amount", "reason"}` under the award's key.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::value::to_raw_value;
use tsunagu_connect::{Command, CommandError, ConnectError, Held, Order, Probe};
use tsunagu_rewards::{AwardUid, Issuer as _, IssuerError, IssuerGrant};

use crate::CoinIssuer;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ordered {
    account: String,
    amount: i64,
    reason: String,
}

/// What the issuer holds; it does not say why.
#[derive(Serialize)]
struct Granted {
    account: Option<String>,
    amount: i64,
}

fn error(error: IssuerError) -> CommandError {
    match error {
        IssuerError::Refused(why) => CommandError::Refused(why),
        IssuerError::Unknown(why) | IssuerError::Pending(why) => CommandError::Unknown(why),
        IssuerError::Unavailable(why) => CommandError::Unavailable(why),
    }
}

fn held(grant: IssuerGrant) -> Result<Held, CommandError> {
    let IssuerGrant { account, amount, reference } = grant;
    let body = to_raw_value(&Granted { account, amount });
    let body = body.map_err(|_| CommandError::Unknown("the grant cannot be told".to_owned()))?;
    Ok(Held { reference, body })
}

fn key(text: &str) -> Result<AwardUid, CommandError> {
    let wrong = |_| CommandError::Refused("a key is 64 hexadecimal digits".to_owned());
    text.parse().map_err(wrong)
}

#[async_trait]
impl Command for CoinIssuer {
    async fn send(&self, order: &Order) -> Result<Held, CommandError> {
        let wrong = |_| CommandError::Refused("an order has account, amount and reason".to_owned());
        let Ordered { account, amount, reason } =
            serde_json::from_str(order.body.get()).map_err(wrong)?;
        let grant = self.grant(key(&order.key)?, &account, amount, &reason).await;
        held(grant.map_err(error)?)
    }

    async fn find(&self, text: &str) -> Result<Option<Held>, CommandError> {
        let found = tsunagu_rewards::Issuer::find(self, key(text)?).await.map_err(error)?;
        found.map(held).transpose()
    }
}

#[async_trait]
impl Probe for CoinIssuer {
    async fn probe(&self) -> Result<(), ConnectError> {
        // A key that names no award.
        let nobody = "0".repeat(64).parse();
        let nobody: AwardUid =
            nobody.map_err(|_| ConnectError::Config("there is no such key".to_owned()))?;
        let found = tsunagu_rewards::Issuer::find(self, nobody).await;
        found.map(drop).map_err(|error| ConnectError::Unavailable(error.to_string()))
    }
}
