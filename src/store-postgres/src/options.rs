//! How a store is opened.

use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tsunagu_store::StoreError;
use tsunagu_store::index::Declared;

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Attributes whose values are indexed. Every process of one store declares the same; when they differ from the last time, the index is
    /// rebuilt on opening.
    pub declared: Declared,
    /// Connections for reading; one more is for writing.
    pub pool: usize,
    /// The schema of the tables, made when it is not there; `None` is the first of the search path. 1 to 48 of `a-z 0-9 _`.
    pub schema: Option<String>,
    /// How many write sets may wait before writers have to.
    pub queue: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { declared: Declared::default(), pool: 8, schema: None, queue: 1_024 }
    }
}

impl Options {
    /// The name of the schema, checked so that it can stand in SQL.
    pub(crate) fn schema(&self) -> Result<Option<&str>, StoreError> {
        let Some(name) = self.schema.as_deref() else {
            return Ok(None);
        };
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if (1..=48).contains(&name.len()) && name.bytes().all(fits) {
            Ok(Some(name))
        } else {
            Err(StoreError::Refused("a schema name is 1 to 48 of a-z, 0-9 and _"))
        }
    }

    /// What a connection needs: the URL with the settings that the promises rest on.
    pub(crate) fn config(&self, url: &str) -> Result<Config, StoreError> {
        let mut config = Config::from_str(url).map_err(|_| {
            StoreError::Unavailable("the database URL is not readable; expected postgres://user:password@host:port/name".to_owned())
        })?;
        let mut settings = config.get_options().unwrap_or_default().to_owned();
        // A session that stops in the middle of a transaction must not keep the writers of other processes waiting.
        settings.push_str(" -c synchronous_commit=on -c idle_in_transaction_session_timeout=30s");
        settings.push_str(" -c jit=off -c bytea_output=hex -c standard_conforming_strings=on");
        let mut name = "tsunagu".to_owned();
        if let Some(schema) = self.schema()? {
            name = format!("{name} {schema}");
            settings = format!("{settings} -c search_path={schema}");
        }
        config.options(settings.trim());
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(10));
        }
        config.application_name(&name);
        Ok(config)
    }
}
