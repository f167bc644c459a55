//! When a resident was born, for deciding whether they are of age.

use serde_json::Value;
use tsunagu_domain::{Problem, TenantId, TsunoId};

use super::Residents;
use crate::person::{self, iri};

impl Residents {
    /// The verified date of birth, `2008-02-29`; `None` when there is no such resident or no verified date. It is for decisions of the platform
    /// and is told to nobody.
    pub async fn birth_date(
        &self,
        tenant: &TenantId,
        id: TsunoId,
    ) -> Result<Option<String>, Problem> {
        let view = self.services.view(tenant, "age")?;
        let Some(found) = self.services.store.entity(&view, &id.urn()).await? else {
            return Ok(None);
        };
        let person =
            found.doc.decode().map_err(|_| person::internal("a stored person is damaged"))?;
        let attribute = person.attribute(&iri("birthDate"));
        let Some(instance) = attribute.and_then(|attribute| attribute.instance(None)) else {
            return Ok(None);
        };
        let value: Value = serde_json::from_str(instance.value.get()).unwrap_or_default();
        let text = value.as_str().or_else(|| value.get("@value")?.as_str());
        Ok(text.map(str::to_owned))
    }
}
