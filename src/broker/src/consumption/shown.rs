//! Open entities as they were last shown, ready to be sent again.
//!
//! What is kept is what everybody sees who may see open data at all. Its key holds the version of the entity, which the store gives only
//! once, so a changed entity is never answered with what it was; nothing has to be removed. Personal data is never kept.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};
use tsunagu_domain::{PERSON_URN, TenantId};
use tsunagu_ngsi_ld::{Context, RenderOptions, render};
use tsunagu_policy::{Cut, View};
use tsunagu_store::Found;

use crate::Broker;

/// What an entry costs beside its bytes, roughly.
const OVERHEAD: usize = 192;

#[derive(Debug, PartialEq, Eq)]
struct Key {
    tenant: TenantId,
    id: Box<str>,
    version: u64,
    context: Box<str>,
    form: u8,
}

#[derive(Debug)]
struct Asked<'a> {
    tenant: &'a TenantId,
    id: &'a str,
    version: u64,
    context: &'a str,
    form: u8,
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { tenant, id, version, context, form } = self;
        (tenant, id.as_ref(), version, context.as_ref(), form).hash(state);
    }
}

impl Hash for Asked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.tenant, self.id, self.version, self.context, self.form).hash(state);
    }
}

impl Equivalent<Key> for Asked<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.version == key.version
            && self.form == key.form
            && *self.id == *key.id
            && *self.context == *key.context
            && *self.tenant == key.tenant
    }
}

#[derive(Debug)]
struct Entry {
    json: Box<[u8]>,
    /// Whether it may hold an id that is another one for masked actors.
    names_persons: bool,
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<Key, Arc<Entry>> for Weight {
    fn weight(&self, key: &Key, entry: &Arc<Entry>) -> u64 {
        (key.id.len() + key.context.len() + entry.json.len() + OVERHEAD) as u64
    }
}

/// The memory for it.
#[derive(Debug)]
pub(crate) struct Kept(Cache<Key, Arc<Entry>, Weight>);

impl Kept {
    /// At most so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let items = usize::try_from(bytes / 1024).unwrap_or(usize::MAX).clamp(16, 1 << 20);
        Self(Cache::with_weighter(items, bytes, Weight))
    }
}

/// The representation as a number, when it shows everything; selections are too many to keep.
fn form(options: &RenderOptions) -> Option<u8> {
    let RenderOptions {
        format,
        sys_attrs,
        pick,
        omit,
        attrs,
        lang,
        dataset_ids,
        embed_context,
        join,
        feature,
        version,
    } = options;
    let all = pick.is_empty()
        && omit.is_empty()
        && attrs.is_empty()
        && dataset_ids.is_empty()
        && lang.is_none()
        && join.is_none()
        && feature.is_none()
        && version.is_none();
    all.then_some((*format as u8) << 2 | u8::from(*sys_attrs) << 1 | u8::from(*embed_context))
}

/// An escape could hide an id, so text with a backslash counts as suspicious.
fn may_name_persons(json: &[u8]) -> bool {
    json.contains(&b'\\')
        || json.windows(PERSON_URN.len()).any(|part| part == PERSON_URN.as_bytes())
}

impl Broker {
    /// Appends an entity about nobody, as [`render`] does.
    pub(super) fn show_open(
        &self,
        view: &View,
        found: &Found,
        cut: &Cut<'_>,
        context: &Context,
        options: &RenderOptions,
        out: &mut Vec<u8>,
    ) -> bool {
        // What ends by itself is another one without a new version.
        let lasts = found.doc.ends().is_none();
        let Some(form) = form(options).filter(|_| cut.is_whole() && lasts) else {
            return render(&found.doc, cut, context, options, out);
        };
        let asked = Asked {
            tenant: view.tenant(),
            id: found.doc.id(),
            version: found.version,
            context: context.key(),
            form,
        };
        if let Some(entry) = self.shown.0.get(&asked)
            && !(entry.names_persons && view.is_masked())
        {
            out.extend_from_slice(&entry.json);
            return true;
        }
        let start = out.len();
        if !render(&found.doc, cut, context, options, out) {
            return false;
        }
        let json: Box<[u8]> = out.get(start..).unwrap_or_default().into();
        let names_persons = may_name_persons(&json);
        // What a masked actor is shown of such an entity is theirs alone.
        if !(names_persons && view.is_masked()) {
            let key = Key {
                tenant: asked.tenant.clone(),
                id: asked.id.into(),
                version: asked.version,
                context: asked.context.into(),
                form,
            };
            self.shown.0.insert(key, Arc::new(Entry { json, names_persons }));
        }
        true
    }
}
