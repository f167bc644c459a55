//! What tests need from outside: found, installed when that is possible, or started for one run.
//!
//! A test reads where a service is from its environment variable and fails when it is not set:
//! nothing is skipped in silence. A further service is one module and one line in [`Services::start`].

mod browser;
mod clients;
mod cvc5;
mod mosquitto;
mod packages;
mod postgres;
mod redis;
mod throw_away;

use std::ffi::OsString;

use crate::cargo::{Call, Workspace};

/// Services somebody else runs already.
#[derive(clap::Args)]
pub(crate) struct Running {
    /// A PostgreSQL server tests may create databases on; without it one is started for the run
    #[arg(long, env = postgres::VARIABLE, hide_env_values = true)]
    postgres_url: Option<String>,
    /// A Redis server tests may use; without it one is started for the run
    #[arg(long, env = redis::VARIABLE, hide_env_values = true)]
    redis_url: Option<String>,
}

/// Everything tests need; what was started ends when this is dropped.
pub(crate) struct Services(Vec<Service>);

/// What tests are told about one service.
struct Service {
    variables: Vec<(&'static str, OsString)>,
    /// Present when the service was started for this run.
    _instance: Option<throw_away::ThrowAway>,
}

impl Services {
    /// Finds or starts each service, installing first what is missing.
    pub(crate) fn start(workspace: &Workspace, running: &Running) -> anyhow::Result<Self> {
        let postgres_url = running.postgres_url.as_deref().filter(|url| !url.is_empty());
        let mut needs = vec![browser::NEED, mosquitto::NEED, cvc5::NEED];
        needs.extend(clients::NEEDS);
        if postgres_url.is_none() {
            needs.push(postgres::NEED);
        }
        let redis_url = running.redis_url.as_deref().filter(|url| !url.is_empty());
        if redis_url.is_none() {
            needs.push(redis::NEED);
        }
        packages::ensure(&needs)?;
        Ok(Self(vec![
            browser::find()?,
            mosquitto::find()?,
            clients::find_or_make(workspace),
            cvc5::find()?,
            postgres::find_or_start(postgres_url)?,
            redis::find_or_start(redis_url)?,
        ]))
    }

    /// The call, told where the services are.
    pub(crate) fn known_to(&self, call: &Call) -> Call {
        let variables = self.0.iter().flat_map(|service| &service.variables);
        variables.fold(call.clone(), |call, (name, value)| call.env(name, value.clone()))
    }
}
