//! What the driver's errors mean to a caller. Texts of the server can hold values, so only its codes are passed on.

use tokio_postgres::Error;
use tsunagu_store::StoreError;

/// Why reading, or writing before `COMMIT`, failed.
pub(crate) fn failed(error: &Error) -> StoreError {
    StoreError::Unavailable(format!("the database did not do its work ({})", reason(error)))
}

/// Why no connection was to be had.
pub(crate) fn unreachable(error: &deadpool_postgres::PoolError) -> StoreError {
    use deadpool_postgres::PoolError;
    let reason = match error {
        PoolError::Backend(error) => reason(error),
        PoolError::Timeout(_) => "no connection became free in time".to_owned(),
        PoolError::Closed => return closed(),
        _ => "the pool of connections failed".to_owned(),
    };
    StoreError::Unavailable(format!("the database cannot be reached ({reason})"))
}

/// After closing.
pub(crate) fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

/// A value in a table that was not written by this store.
pub(crate) fn damaged(what: &str) -> StoreError {
    StoreError::Corrupt(format!("{what} in the database is not what was written"))
}

pub(crate) fn reason(error: &Error) -> String {
    match error.as_db_error() {
        Some(error) => format!("SQLSTATE {}", error.code().code()),
        None if error.is_closed() => "the connection was closed".to_owned(),
        None => error.to_string(),
    }
}
