//! From a record in the other side's form to entities.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretString;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tsunagu_domain::{Text, Timestamp};
use tsunagu_mapping::{Mapping, MappingConfig, Secrets};
use tsunagu_ngsi_ld::Entity;

use crate::kind::{Finding, Secret};
use crate::{ConnectError, Settings};

/// What is wrong with a record, or with a part of it. It never holds a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which attribute, when it is about one.
    pub attribute: Option<String>,
    /// Which rule refused it, e.g. `required`.
    pub rule: String,
    /// How to mend it, in Japanese and English.
    pub remedy: Text,
}

/// What became of a record.
#[derive(Debug, Clone, Default)]
pub struct Mapped {
    /// What it stands for.
    pub entities: Vec<Entity>,
    /// Parts of it that are not meant for this mapping.
    pub skipped: u64,
    /// Parts of it that became nothing.
    pub faults: Vec<Fault>,
}

/// Makes entities of records. Pure.
pub trait Mapper: Send + Sync + 'static {
    /// Maps one record.
    fn map(&self, record: &RawValue, now: Timestamp) -> Mapped;
}

impl Mapper for Mapping {
    fn map(&self, record: &RawValue, now: Timestamp) -> Mapped {
        let Ok(value) = serde_json::from_str::<Value>(record.get()) else {
            let remedy = Text {
                ja: "JSONとして読めません".to_owned(),
                en: "it cannot be read as JSON".to_owned(),
            };
            let fault = Fault { attribute: None, rule: "json".to_owned(), remedy };
            return Mapped { faults: vec![fault], ..Mapped::default() };
        };
        let mapped = self.apply(&value, &Map::new(), now);
        let fault = |refusal: tsunagu_mapping::Refusal| {
            let (ja, en) = refusal.rule.remedy();
            let remedy = Text { ja: ja.to_owned(), en: en.to_owned() };
            Fault { attribute: refusal.attribute, rule: refusal.rule.code().to_owned(), remedy }
        };
        Mapped {
            entities: mapped.entities,
            skipped: mapped.skipped as u64,
            faults: mapped.refusals.into_iter().map(fault).collect(),
        }
    }
}

/// A mapping as declared, found right.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    config: MappingConfig,
    secrets: BTreeMap<String, Secret>,
}

impl Declared {
    /// Reads a declaration, compiles it and runs its samples. Secrets are not read: ids made with them are left open by samples.
    pub(crate) fn check(settings: &Settings, mapping: &Value) -> Result<Self, Vec<Finding>> {
        let finding = |at: String, what: String| Finding::new(&settings.name, at, what);
        let config: MappingConfig = serde_path_to_error::deserialize(mapping).map_err(|error| {
            let at = match error.path().to_string().as_str() {
                "." => "mapping".to_owned(),
                path => format!("mapping.{path}"),
            };
            vec![finding(at, error.into_inner().to_string())]
        })?;
        let stand_in = || SecretString::from("stands in for a secret that is not read yet");
        let secrets: Secrets =
            settings.secrets.keys().map(|name| (name.clone(), stand_in())).collect();
        match Mapping::compile(config.clone(), &secrets) {
            Ok(_) => Ok(Self { config, secrets: settings.secrets.clone() }),
            Err(found) => Err(found
                .into_iter()
                .map(|one| finding(format!("mapping.{}", one.at), one.detail))
                .collect()),
        }
    }

    /// The mapper, with its secrets.
    pub(crate) fn mapper(&self) -> Result<Arc<dyn Mapper>, ConnectError> {
        let secrets = self.secrets.iter().map(|(name, secret)| Ok((name.clone(), secret.read()?)));
        let secrets: Secrets = secrets.collect::<Result<_, ConnectError>>()?;
        match Mapping::compile(self.config.clone(), &secrets) {
            Ok(mapping) => Ok(Arc::new(mapping)),
            Err(findings) => {
                let places: Vec<String> = findings.into_iter().map(|one| one.at).collect();
                let what = format!("the mapping is not right at {}", places.join(", "));
                Err(ConnectError::Config(what))
            }
        }
    }
}
