//! Orders and questions, and what the answers mean.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::json;
use tsunagu_connect::{Call, Http, HttpError, Reply};
use tsunagu_rewards::{AwardUid, Issuer, IssuerError, IssuerGrant, StatementLine};
use url::Url;

use crate::Config;

/// The issuer behind HTTP.
pub struct CoinIssuer {
    config: Config,
    http: Arc<dyn Http>,
}

impl std::fmt::Debug for CoinIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CoinIssuer").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A grant as the issuer answers it. It may say more.
#[derive(Deserialize)]
struct Granted {
    key: String,
    #[serde(default)]
    grant_id: Option<String>,
    order: Ordered,
    #[serde(default)]
    cancelled_at: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Ordered {
    account: String,
    amount: i64,
}

impl CoinIssuer {
    /// At this issuer. Nothing is called yet.
    pub fn new(config: Config, http: Arc<dyn Http>) -> Result<Self, crate::InvalidBase> {
        config.url(&[])?;
        Ok(Self { config, http })
    }

    fn url(&self, segments: &[&str]) -> Result<Url, IssuerError> {
        let url = self.config.url(segments);
        url.map_err(|error| IssuerError::Unavailable(error.to_string()))
    }

    /// A call with the town's key.
    fn proven(&self, call: Call) -> Call {
        call.header("authorization", format!("Bearer {}", self.config.key.expose_secret()))
    }

    fn get(&self, segments: &[&str]) -> Result<Call, IssuerError> {
        Ok(self.proven(Call::get(self.url(segments)?)))
    }

    fn post(&self, segments: &[&str], json: Vec<u8>) -> Result<Call, IssuerError> {
        Ok(self.proven(Call::post_json(self.url(segments)?, "application/json", json)))
    }

    /// Makes a call that changes nothing: a lost question is as good as one not asked.
    async fn ask(&self, call: Call) -> Result<Reply, IssuerError> {
        let sent = self.http.send(call).await;
        sent.map_err(|error| IssuerError::Unavailable(error.to_string()))
    }
}

/// What an account holds.
#[derive(Deserialize)]
struct Account {
    account: String,
    balance: i64,
}

/// One day of the issuer's books.
#[derive(Deserialize)]
struct Statement {
    date: NaiveDate,
    lines: Vec<Line>,
}

/// A line; what a cancellation takes back is negative.
#[derive(Deserialize)]
struct Line {
    key: String,
    account: String,
    amount: i64,
}

fn unreadable(what: &str) -> IssuerError {
    IssuerError::Unknown(format!("the issuer's answer cannot be used: {what}"))
}

fn unavailable(status: u16) -> IssuerError {
    IssuerError::Unavailable(format!("status {status}"))
}

/// The grant in an answer, if it is about this key.
fn read(reply: &Reply, key: AwardUid) -> Result<IssuerGrant, IssuerError> {
    let granted: Granted = serde_json::from_slice(&reply.body)
        .map_err(|_| unreadable("it is not the JSON of a grant"))?;
    if granted.key != key.to_string() {
        return Err(unreadable("it is about another key"));
    }
    // A cancelled grant has given nothing: the amounts will not match, and staff look at it.
    let amount = if granted.cancelled_at.is_some() { 0 } else { granted.order.amount };
    Ok(IssuerGrant { account: Some(granted.order.account), amount, reference: granted.grant_id })
}

#[async_trait]
impl Issuer for CoinIssuer {
    async fn grant(
        &self,
        key: AwardUid,
        account: &str,
        amount: i64,
        reason: &str,
    ) -> Result<IssuerGrant, IssuerError> {
        let body = json!({ "account": account, "amount": amount, "reason": reason });
        let call = self
            .post(&["grants"], body.to_string().into_bytes())?
            .header("idempotency-key", format!("\"{key}\""));
        let reply = self.http.send(call).await.map_err(|error| match error {
            HttpError::NotSent(why) => IssuerError::Unavailable(why),
            HttpError::Lost(why) => IssuerError::Unknown(why),
        })?;
        match reply.status {
            200 | 201 => read(&reply, key),
            // The order itself is refused: wrong for ever, or its key is taken.
            400 | 410 | 413 | 415 | 422 => {
                Err(IssuerError::Refused(format!("status {}", reply.status)))
            }
            // The town's key, the address or the pace is wrong: nothing was done, and the order must not be given up for it.
            401 | 403 | 404 | 405 | 429 => {
                Err(IssuerError::Unavailable(format!("status {}", reply.status)))
            }
            status => Err(IssuerError::Unknown(format!("status {status}"))),
        }
    }

    async fn find(&self, key: AwardUid) -> Result<Option<IssuerGrant>, IssuerError> {
        let reply = self.ask(self.get(&["grants", &key.to_string()])?).await?;
        match reply.status {
            200 => read(&reply, key).map(Some),
            404 => Ok(None),
            status => Err(unavailable(status)),
        }
    }

    async fn cancel(&self, key: AwardUid) -> Result<Option<IssuerGrant>, IssuerError> {
        let call = self.post(&["grants", &key.to_string(), "cancel"], b"{}".to_vec())?;
        // Cancelling again changes nothing, so that after any doubt it is simply done again.
        let reply = self.ask(call).await?;
        match reply.status {
            200 => read(&reply, key).map(Some),
            404 => Ok(None),
            409 | 410 | 422 => Err(IssuerError::Refused(format!("status {}", reply.status))),
            status => Err(unavailable(status)),
        }
    }

    async fn balance(&self, account: &str) -> Result<Option<i64>, IssuerError> {
        let reply = self.ask(self.get(&["accounts", account])?).await?;
        match reply.status {
            200 => match serde_json::from_slice::<Account>(&reply.body) {
                Ok(held) if held.account == account => Ok(Some(held.balance)),
                _ => Err(unreadable("it is not the balance of the account")),
            },
            404 => Ok(None),
            status => Err(unavailable(status)),
        }
    }

    async fn statement(&self, day: NaiveDate) -> Result<Vec<StatementLine>, IssuerError> {
        let mut call = self.get(&["statement"])?;
        call.url.query_pairs_mut().append_pair("date", &day.to_string());
        let reply = self.ask(call).await?;
        if reply.status != 200 {
            return Err(unavailable(reply.status));
        }
        let statement: Statement = serde_json::from_slice(&reply.body)
            .map_err(|_| unreadable("it is not the JSON of a statement"))?;
        if statement.date != day {
            return Err(unreadable("it is the statement of another day"));
        }
        let line = |line: Line| {
            let key = line.key.parse();
            let key = key.map_err(|_| unreadable("a key on the statement is none of ours"))?;
            Ok(StatementLine { key, account: line.account, amount: line.amount })
        };
        statement.lines.into_iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::FutureExt as _;

    use super::*;

    const KEY: &str = "00000000000000000000000000000000000000000000000000000000000000aa";

    type Answer = Result<Reply, HttpError>;

    /// Answers once and keeps what it was asked.
    struct Canned(Answer, Mutex<Option<Call>>);

    #[async_trait]
    impl Http for Canned {
        async fn send(&self, call: Call) -> Result<Reply, HttpError> {
            *self.1.lock().unwrap() = Some(call);
            self.0.clone()
        }
    }

    fn issuer(answer: Answer) -> (CoinIssuer, Arc<Canned>) {
        let http = Arc::new(Canned(answer, Mutex::new(None)));
        let config = json!({ "base": "http://127.0.0.1:9/api/", "key": "k" });
        let config = serde_json::from_value(config).unwrap();
        (CoinIssuer::new(config, Arc::<Canned>::clone(&http)).unwrap(), http)
    }

    fn status(status: u16, body: &str) -> Reply {
        Reply { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
    }

    fn order(answer: Answer) -> Result<IssuerGrant, IssuerError> {
        issuer(answer).0.grant(KEY.parse().unwrap(), "acc", 10, "walk").now_or_never().unwrap()
    }

    fn granted() -> String {
        json!({ "key": KEY, "grant_id": "g-1", "status": "granted", "order": { "account": "acc", "amount": 10, "reason": "walk" } }).to_string()
    }

    #[test]
    fn the_order_is_what_the_issuer_expects() {
        let (issuer, http) = issuer(Ok(status(201, &granted())));
        let grant =
            issuer.grant(KEY.parse().unwrap(), "acc", 10, "walk").now_or_never().unwrap().unwrap();
        assert_eq!(
            grant,
            IssuerGrant {
                account: Some("acc".to_owned()),
                amount: 10,
                reference: Some("g-1".to_owned())
            }
        );
        let call = http.1.lock().unwrap().take().unwrap();
        assert_eq!(call.url.as_str(), "http://127.0.0.1:9/api/grants");
        let header = |name: &str| {
            let found = call.headers.iter().find(|(other, _)| other == name).unwrap();
            found.1.expose_secret().to_owned()
        };
        assert_eq!(header("idempotency-key"), format!("\"{KEY}\""));
        assert_eq!(header("authorization"), "Bearer k");
        let body: serde_json::Value = serde_json::from_slice(&call.body.unwrap().1).unwrap();
        assert_eq!(body, json!({ "account": "acc", "amount": 10, "reason": "walk" }));
    }

    #[test]
    fn only_a_refusal_of_the_order_itself_is_one() {
        for code in [400, 422] {
            assert!(matches!(order(Ok(status(code, ""))), Err(IssuerError::Refused(_))), "{code}");
        }
        for code in [401, 403, 404, 429] {
            assert!(
                matches!(order(Ok(status(code, ""))), Err(IssuerError::Unavailable(_))),
                "{code}"
            );
        }
        for code in [202, 302, 408, 409, 500, 502, 503, 504] {
            assert!(matches!(order(Ok(status(code, ""))), Err(IssuerError::Unknown(_))), "{code}");
        }
        assert!(matches!(
            order(Err(HttpError::NotSent(String::new()))),
            Err(IssuerError::Unavailable(_))
        ));
        assert!(matches!(order(Err(HttpError::Lost(String::new()))), Err(IssuerError::Unknown(_))));
    }

    #[test]
    fn an_answer_about_something_else_confirms_nothing() {
        let other = granted().replace("00aa", "00ab");
        for body in ["", "{}", "null", other.as_str()] {
            assert!(matches!(order(Ok(status(200, body))), Err(IssuerError::Unknown(_))), "{body}");
        }
    }

    #[test]
    fn asking_finds_the_grant_or_none_and_an_error_is_no_answer() {
        let find = |answer| {
            let (issuer, http) = issuer(answer);
            let found = issuer.find(KEY.parse().unwrap()).now_or_never().unwrap();
            let url = http.1.lock().unwrap().take().unwrap().url;
            assert_eq!(url.as_str(), format!("http://127.0.0.1:9/api/grants/{KEY}"));
            found
        };
        assert_eq!(find(Ok(status(200, &granted()))).unwrap().unwrap().amount, 10);
        assert_eq!(find(Ok(status(404, ""))), Ok(None));
        assert!(find(Ok(status(500, ""))).is_err());
        assert!(find(Err(HttpError::Lost(String::new()))).is_err());
        let cancelled = granted().replacen('{', r#"{"cancelled_at":"2026-11-23T00:00:00Z","#, 1);
        assert_eq!(find(Ok(status(200, &cancelled))).unwrap().unwrap().amount, 0);
    }

    #[test]
    fn a_grant_is_cancelled_and_a_balance_and_a_statement_are_read() {
        let cancelled = granted().replacen('{', r#"{"cancelled_at":"2026-11-23T00:00:00Z","#, 1);
        let (it, http) = issuer(Ok(status(200, &cancelled)));
        let taken = it.cancel(KEY.parse().unwrap()).now_or_never().unwrap().unwrap().unwrap();
        let call = http.1.lock().unwrap().take().unwrap();
        assert_eq!((taken.amount, call.method), (0, "POST"));
        assert_eq!(call.url.as_str(), format!("http://127.0.0.1:9/api/grants/{KEY}/cancel"));
        let cancel = |answer| issuer(answer).0.cancel(KEY.parse().unwrap()).now_or_never().unwrap();
        assert_eq!(cancel(Ok(status(404, ""))), Ok(None));
        assert!(matches!(cancel(Ok(status(500, ""))), Err(IssuerError::Unavailable(_))));
        assert!(matches!(cancel(Ok(status(422, ""))), Err(IssuerError::Refused(_))));

        let balance = |code, body: &str| {
            issuer(Ok(status(code, body))).0.balance("acc").now_or_never().unwrap()
        };
        assert_eq!(balance(200, r#"{"account":"acc","balance":12}"#), Ok(Some(12)));
        assert_eq!(balance(404, ""), Ok(None));
        assert!(balance(200, r#"{"account":"other","balance":12}"#).is_err());

        let day: NaiveDate = "2026-11-23".parse().unwrap();
        let statement = |body: &str| {
            let (issuer, http) = issuer(Ok(status(200, body)));
            let read = issuer.statement(day).now_or_never().unwrap();
            let url = http.1.lock().unwrap().take().unwrap().url;
            assert_eq!(url.as_str(), "http://127.0.0.1:9/api/statement?date=2026-11-23");
            read
        };
        let line = format!(r#"{{"key":"{KEY}","account":"acc","amount":-10,"entry":"cancel"}}"#);
        let read = statement(&format!(r#"{{"date":"2026-11-23","lines":[{line}],"net":-10}}"#));
        assert_eq!(read.unwrap()[0].amount, -10);
        for wrong in [
            r#"{"date":"2026-11-22","lines":[]}"#,
            r#"{"date":"2026-11-23"}"#,
            r#"{"date":"2026-11-23","lines":[{"key":"x","account":"a","amount":1}]}"#,
        ] {
            assert!(statement(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_base_without_paths_is_refused() {
        for base in ["mailto:a@b", "http://127.0.0.1/?x=1", "ftp://127.0.0.1/"] {
            let config = serde_json::from_value(json!({ "base": base, "key": "k" })).unwrap();
            assert!(CoinIssuer::new(config, issuer(Ok(status(200, ""))).1).is_err(), "{base}");
        }
    }
}
