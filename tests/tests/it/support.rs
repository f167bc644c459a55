//! What the tests share: the program as processes, a town around it, databases, answers.

pub(crate) mod canaries;
pub(crate) mod database;
pub(crate) mod http;
pub(crate) mod process;
pub(crate) mod town;

use std::future::Future;
use std::time::Duration;

/// The two stores that every promise holds on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Embedded,
    Postgres,
}

/// Looks again until `seen` gives something, for at most `patience`: for what happens in other processes.
pub(crate) async fn eventually<T, F>(
    what: &str,
    patience: Duration,
    mut seen: impl FnMut() -> F,
) -> T
where
    F: Future<Output = Option<T>>,
{
    let looking = async {
        let mut tick = tokio::time::interval(Duration::from_millis(25));
        loop {
            tick.tick().await;
            if let Some(found) = seen().await {
                return found;
            }
        }
    };
    let found = tokio::time::timeout(patience, looking).await;
    found.unwrap_or_else(|_| panic!("{what} did not happen within {patience:?}"))
}
