//! Link keys: what a system of the town calls the person of one of its records.
//!
//! It is the Tsuno ID enciphered under the key of the system's sector, as every id that leaves the platform: always the same for one system, another
//! for each, so that two systems that lay their records side by side join nothing by it. Only the system whose record it is gets it.

use tsunagu_domain::{Problem, ProblemCode, TenantId, TsunoId};
use tsunagu_policy as policy;
use tsunagu_store::access::{Access, Action, Decision};

use crate::person::iri;
use crate::residents::Residents;

impl Residents {
    /// The link key of the person of a record that this client published. A record of somebody else, one that is not linked and one that there is not are
    /// the same [`ProblemCode::ResourceNotFound`]; a client that publishes no such records, or sees Tsuno IDs anyway, is refused. Each is one entry in
    /// the log of accesses, which the person sees.
    pub async fn link_key(
        &self,
        tenant: &TenantId,
        client: &policy::Client,
        request: &str,
        record: &str,
    ) -> Result<TsunoId, Problem> {
        let kind = iri("ResidentRecord");
        let mut access =
            self.services.access(format!("client:{}", client.id), None, Action::Identify);
        request.clone_into(&mut access.request);
        access.types = vec![kind.clone()];
        access.attributes = vec![iri("person")];
        let Some(cipher) = client.sector.as_ref().filter(|_| client.publishes.contains(&kind))
        else {
            let detail = "link keys are for systems that publish resident records under a sector of their own";
            let problem = Problem::new(ProblemCode::Forbidden, detail);
            return Err(self.refused_key(tenant, access, problem).await);
        };
        let view = self.services.view(tenant, "link-key")?;
        let found = self.services.store.entity(&view, record).await?;
        let own = found.filter(|found| {
            let me = Some(client.id.as_str());
            found.doc.types().any(|t| t == kind)
                && found.doc.attributes().any(|attribute| attribute.publisher() == me)
        });
        let person = own.and_then(|found| found.doc.subject()?.parse::<TsunoId>().ok());
        let Some(person) = person else {
            return Err(self.refused_key(tenant, access, Problem::not_found()).await);
        };
        access.subjects = vec![person];
        access.count = 1;
        "link-key".clone_into(&mut access.reason);
        self.services.log.record(tenant, &access).await?;
        Ok(cipher.outward(person))
    }

    async fn refused_key(&self, tenant: &TenantId, access: Access, problem: Problem) -> Problem {
        let reason = match problem.code {
            ProblemCode::Forbidden => "link-key-no-publisher",
            _ => "link-key-not-own",
        };
        let access = Access { decision: Decision::Denied, reason: reason.to_owned(), ..access };
        match self.services.log.record(tenant, &access).await {
            Ok(_) => problem,
            Err(unrecorded) => unrecorded,
        }
    }
}
