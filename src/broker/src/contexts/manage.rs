//! Storing, managing and serving @contexts (clause 5.13).

use serde_json::value::RawValue;
use tsunagu_domain::{Problem, ProblemCode, TenantId, Timestamp};
use tsunagu_ngsi_ld::CORE_CONTEXT_URL;
use tsunagu_ngsi_ld::context::{is_core, resolve};
use tsunagu_ngsi_ld::parse::split_context;
use tsunagu_policy::View;
use tsunagu_store::Op;

use super::hosting::{self, Belongs, ContextKind, Hosting};
use super::usage::Usage;
use super::{Contexts, wrong};
use crate::{guard, ngsi_problem};

/// What is known of an @context (clause 5.13.4.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextDetails {
    /// Where it is served, or where its copy comes from.
    pub url: String,
    /// Its name here; of a copy, its URL.
    pub local_id: String,
    /// Where it comes from.
    pub kind: ContextKind,
    /// Since when it is here.
    pub created_at: Timestamp,
    /// When it was used last, as far as this process knows.
    pub last_usage: Option<Timestamp>,
    /// How often it was used since this process began.
    pub hits: u64,
}

impl Contexts {
    /// Add @context (5.13.2): keeps the document for everybody who may read here and gives its local id.
    pub async fn add(&self, view: &View, document: &str) -> Result<String, Problem> {
        view.may_write_open_data()?;
        let hosting = self.hosting_here()?;
        let object = document.trim_start().starts_with('{');
        let given = if object { split_context(document).map_err(ngsi_problem)? } else { None };
        let Some(local) = given else {
            let detail = "the document has no @context member; send {\"@context\": …}";
            return Err(Problem::new(ProblemCode::InvalidRequest, detail).at("/@context"));
        };
        guard::refuse_in_document(document)?;
        // What it refers to is had when it is used; what it says itself must make sense now.
        resolve(&local, &|_| None).map_err(|error| ngsi_problem(error.at("/@context")))?;
        let (id, ops) = hosting.keep(ContextKind::Hosted, None, &local)?;
        hosting.commit(view.tenant(), ops).await?;
        Ok(id)
    }

    /// Whether @contexts are kept here.
    #[must_use]
    pub fn hosts(&self) -> bool {
        self.hosting.is_some()
    }

    /// What is said when as many are kept as may be.
    #[must_use]
    pub fn full() -> Problem {
        hosting::full()
    }

    /// A URL for an @context that has none, for who must name it in `Link` headers later (5.13.1), and the operations that keep it, for the
    /// transaction of what it belongs to. An @context that is one URL keeps that and needs no operation.
    pub fn implicit(
        &self,
        local: &RawValue,
        belongs: Belongs,
    ) -> Result<(String, Vec<Op>), Problem> {
        if let Ok(url) = serde_json::from_str::<String>(local.get()) {
            return Ok((url, Vec::new()));
        }
        if let Ok([url]) = serde_json::from_str::<[String; 1]>(local.get()) {
            return Ok((url, Vec::new()));
        }
        let hosting = self.hosting_here()?;
        let (id, ops) = hosting.keep(ContextKind::ImplicitlyCreated, Some(belongs), local)?;
        Ok((hosting.url(&id), ops))
    }

    /// The operations that forget what [`Contexts::implicit`] made for this URL and the same owner; none for others' URLs, for what belongs to
    /// something else, and where it is gone already.
    pub async fn forget_implicit(
        &self,
        tenant: &TenantId,
        url: &str,
        belongs: &Belongs,
    ) -> Result<Vec<Op>, Problem> {
        let Some((hosting, id)) = self.ours(url) else {
            return Ok(Vec::new());
        };
        let kept = hosting.find(tenant, id).await?;
        let implicit = kept.is_some_and(|kept| {
            kept.kind == ContextKind::ImplicitlyCreated && kept.belongs.as_ref() == Some(belongs)
        });
        Ok(if implicit { Hosting::forget(id, ContextKind::ImplicitlyCreated) } else { Vec::new() })
    }

    /// List @contexts (5.13.3), of one kind or all.
    pub async fn list(
        &self,
        view: &View,
        kind: Option<ContextKind>,
    ) -> Result<Vec<ContextDetails>, Problem> {
        let hosting = self.hosting_here()?;
        let tenant = view.tenant();
        let mut all = Vec::new();
        if kind != Some(ContextKind::Cached) {
            for (id, kept) in hosting.all(tenant).await? {
                let url = hosting.url(&id);
                let usage = self.usages.find(tenant, &url);
                all.push(details(url, id, kept.kind, kept.created_at, usage.as_deref()));
            }
        }
        let copies = self.usages.list(tenant).into_iter();
        for (url, usage) in copies.filter(|(url, _)| self.ours(url).is_none()) {
            all.push(details(url.clone(), url, ContextKind::Cached, usage.since, Some(&usage)));
        }
        // The core @context is part of the program and so always here.
        if !all.iter().any(|known| is_core(&known.url)) {
            all.push(self.core_details(CORE_CONTEXT_URL));
        }
        all.retain(|known| kind.is_none_or(|kind| known.kind == kind));
        Ok(all)
    }

    /// What is known of one @context (5.13.4 with details), named by its local id or its URL. Looking at an implicit one or a copy counts as a use.
    pub async fn details(&self, view: &View, name: &str) -> Result<ContextDetails, Problem> {
        let hosting = self.hosting_here()?;
        let (tenant, now) = (view.tenant(), hosting.clock.micros());
        let id = hosting.local_id(name).unwrap_or(name);
        if let Some(kept) = hosting.find(tenant, id).await? {
            let url = hosting.url(id);
            let usage = self.usages.of(tenant, &url, now);
            let found = details(url, id.to_owned(), kept.kind, kept.created_at, Some(&usage));
            if kept.kind != ContextKind::Hosted {
                usage.hit(now);
            }
            return Ok(found);
        }
        if let Some(usage) = self.usages.find(tenant, name).filter(|_| self.ours(name).is_none()) {
            let url = name.to_owned();
            let found = details(url.clone(), url, ContextKind::Cached, usage.since, Some(&usage));
            usage.hit(now);
            return Ok(found);
        }
        if is_core(name) {
            return Ok(self.core_details(name));
        }
        Err(Problem::not_found())
    }

    /// Serve @context (5.13.4): the document, named by its local id or its URL here. Copies are to be had from where they come from.
    pub async fn serve(&self, view: &View, name: &str) -> Result<String, Problem> {
        let hosting = self.hosting_here()?;
        let id = hosting.local_id(name).unwrap_or(name);
        if let Some(kept) = hosting.find(view.tenant(), id).await? {
            return Ok(kept.document());
        }
        if is_core(name) || self.usages.find(view.tenant(), name).is_some() {
            let detail = "this @context is a copy of somebody else's and not served here; get it at its own URL, or ask with details=true";
            return Err(Problem::new(ProblemCode::OperationNotSupported, detail).at("details"));
        }
        Err(Problem::not_found())
    }

    /// Delete and reload @context (5.13.5), named by its local id or its URL. Only copies can be reloaded; a copy that cannot be had anew stays.
    pub async fn delete(&self, view: &View, name: &str, reload: bool) -> Result<(), Problem> {
        view.may_write_open_data()?;
        let hosting = self.hosting_here()?;
        let tenant = view.tenant();
        let id = hosting.local_id(name).unwrap_or(name);
        let kept = hosting.find(tenant, id).await?;
        if is_core(name) {
            // It is part of the program: there is nothing to have anew, and it cannot be done without.
            let detail = "the core @context is always here; it cannot be deleted";
            return if reload { Ok(()) } else { Err(wrong(detail)) };
        }
        if reload {
            if kept.is_some() || self.usages.find(tenant, name).is_none() {
                let detail = "only an @context that is a copy of somebody else's can be reloaded; leave reload out";
                return Err(wrong(detail).at("reload"));
            }
            self.reload(name).await?;
        } else if let Some(kept) = kept {
            // Another's notifications are written in it.
            let mine = |belongs: &Belongs| view.publisher() == Some(belongs.client.as_str());
            if !kept.belongs.as_ref().is_none_or(mine) {
                let detail =
                    "this @context belongs to a subscription of another client; it goes with that";
                return Err(Problem::new(ProblemCode::Forbidden, detail));
            }
            hosting.commit(tenant, Hosting::forget(id, kept.kind)).await?;
            self.usages.forget(tenant, &hosting.url(id));
        } else if self.usages.forget(tenant, name) {
            self.fetched.remove(name);
        } else {
            return Err(Problem::not_found());
        }
        self.forget_resolved();
        Ok(())
    }

    async fn reload(&self, url: &str) -> Result<(), Problem> {
        // A pinned document is its own source: there is none fresher.
        if !self.pinned.contains_key(url) {
            let text = self.loader.load(url).await?;
            self.fetched.insert(url.to_owned(), text.into());
        }
        Ok(())
    }

    fn core_details(&self, url: &str) -> ContextDetails {
        details(url.to_owned(), url.to_owned(), ContextKind::Cached, self.since, None)
    }
}

fn details(
    url: String,
    local_id: String,
    kind: ContextKind,
    created_at: Timestamp,
    usage: Option<&Usage>,
) -> ContextDetails {
    ContextDetails {
        url,
        local_id,
        kind,
        created_at,
        last_usage: usage.and_then(Usage::last),
        hits: usage.map_or(0, Usage::hits),
    }
}
