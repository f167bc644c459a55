//! Writing notifications (clauses 5.3.1, 5.8.6): the entity as far as its receiver may see it now, and what changed.

use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use tsunagu_domain::{Problem, TenantId, Timestamp};
use tsunagu_ngsi_ld::model::AttrSlot;
use tsunagu_ngsi_ld::render::{Changes, Previous, render_changed};
use tsunagu_ngsi_ld::time::{format_date_time, parse_date_time};
use tsunagu_ngsi_ld::{
    Attribute, CORE_CONTEXT_URL, Context, Entity, EntityDoc, Instance, Join, JoinForm,
    Projection as _, RenderOptions,
};
use tsunagu_policy::{Cut, View};
use tsunagu_store::Found;

use super::compiled::Compiled;
use super::model::{Subscription, Trigger};
use super::of_sources::Reason;
use super::records::Owed;
use super::seen::{Seen, What};
use super::send::Message;
use crate::access::Shown;
use crate::consumption::selected;
use crate::{Broker, Contexts, ngsi_problem};

const JSON: &str = "application/json";
const LD_JSON: &str = "application/ld+json";
const GEO_JSON: &str = "application/geo+json";
const LOCATION: &str = "https://uri.etsi.org/ngsi-ld/location";

/// How the notifications of a subscription are written.
pub(super) struct Style {
    pub(super) context: Arc<Context>,
    pub(super) options: RenderOptions,
    media: &'static str,
    link: Option<String>,
    /// Whether a collection of features carries the @context.
    in_collection: bool,
    /// With linked entities (clause 4.5.23), if they are wanted.
    joined: Option<RenderOptions>,
}

/// What a change gives to tell.
pub(super) struct Told {
    pub(super) data: Data,
    /// The entity, when it is told as it is, without what changed.
    pub(super) as_it_is: Option<EntityDoc>,
}

/// Entities, written, with what they show of persons.
#[derive(Default)]
pub(super) struct Data {
    pub(super) json: Vec<u8>,
    pub(super) shown: Shown,
    pub(super) entities: usize,
    /// Of registrations instead of entities: why they are told of.
    pub(super) reason: Option<Reason>,
}

impl Style {
    /// The style of a subscription. Its @context may have to be fetched.
    pub(super) async fn of(
        tenant: &TenantId,
        compiled: &Compiled,
        contexts: &Contexts,
    ) -> Result<Self, Problem> {
        let subscription = &compiled.record;
        let n = &subscription.notification;
        let media = match n.endpoint.accept.as_deref() {
            Some(LD_JSON) => LD_JSON,
            // Registrations are no features.
            Some(GEO_JSON) if compiled.sources.is_none() => GEO_JSON,
            _ => JSON,
        };
        let (ld, features) = (media == LD_JSON, media == GEO_JSON);
        let context = if let Some(url) = &subscription.jsonld_context {
            contexts.at(tenant, url).await?
        } else {
            match RawValue::from_string(subscription.context.clone()) {
                Ok(raw) => contexts.of(tenant, &raw).await?,
                Err(_) => Context::core(),
            }
        };
        // A header can only name a document; without one, names are written in full.
        let context = if ld || context.url().is_some() { context } else { Context::core() };
        let url = context.url().unwrap_or(CORE_CONTEXT_URL);
        let link = format!(
            "<{url}>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\""
        );
        let options = RenderOptions {
            format: n.representation(),
            sys_attrs: n.sys_attrs == Some(true),
            pick: n.pick.clone(),
            omit: n.omit.clone(),
            attrs: n.attributes.clone(),
            lang: subscription.lang.clone(),
            dataset_ids: subscription.dataset_ids.clone(),
            embed_context: ld,
            feature: features.then(|| LOCATION.to_owned()),
            ..RenderOptions::default()
        };
        let form = match n.join.as_deref() {
            Some("flat") => Some(JoinForm::Flat),
            Some("inline") => Some(JoinForm::Inline),
            _ => None,
        };
        let joined = form.map(|form| RenderOptions {
            join: Some(Join {
                form,
                level: n.join_level.and_then(|level| usize::try_from(level).ok()).unwrap_or(1),
                contained_by: Vec::new(),
                linked: Vec::new(),
            }),
            ..options.clone()
        });
        let plain = |pair: &super::Pair| {
            pair.key.eq_ignore_ascii_case("prefer") && pair.value.trim() == "body=json"
        };
        // As in answers, features carry the @context unless the receiver prefers them without (clause 6.3.6).
        let in_collection = features && !n.endpoint.receiver_info.iter().any(plain);
        Ok(Self { context, options, media, link: (!ld).then_some(link), in_collection, joined })
    }

    /// Adds an entity as it is.
    pub(super) fn add(&self, view: &View, doc: &EntityDoc, changes: &Changes, data: &mut Data) {
        if let Some(cut) = view.cut(doc) {
            self.write(view, doc, &cut, changes, data);
        }
    }

    fn write(
        &self,
        view: &View,
        doc: &EntityDoc,
        cut: &Cut<'_>,
        changes: &Changes,
        data: &mut Data,
    ) {
        let mark = data.json.len();
        if mark > 0 {
            data.json.push(b',');
        }
        let (context, options) = (&*self.context, &self.options);
        let mut written = render_changed(doc, cut, context, options, changes, &mut data.json);
        if !written && !options.attrs.is_empty() {
            // None of the attributes asked for is there; that something happened to the entity is told all the same.
            let bare = RenderOptions { omit: all_names(doc), attrs: Vec::new(), ..options.clone() };
            written = render_changed(doc, cut, context, &bare, changes, &mut data.json);
        }
        if !written {
            data.json.truncate(mark);
            return;
        }
        data.entities += 1;
        if view.catalogue().is_personal(doc.types()) {
            data.shown.add(doc, cut, &selected(options));
        }
    }

    /// What a change gives its subscriber to read; `None` when, as it sees things now, there is nothing to tell.
    pub(super) fn told(
        &self,
        view: &View,
        compiled: &Compiled,
        owed: &Owed,
    ) -> Result<Option<Told>, Problem> {
        let Some((before, after)) = lasting(view, owed)? else { return Ok(None) };
        let seen = Seen::of(view, before.as_ref(), after.as_ref());
        let Some(seen) = seen.filter(|seen| seen.concerns(compiled)) else {
            return Ok(None);
        };
        let mut data = Data::default();
        let changes = changes(compiled, &seen, owed.at, view.now());
        let with_deleted = match &seen.after {
            Some((doc, _)) if changes.deleted.is_empty() => (*doc).clone(),
            Some((doc, cut)) => with_deleted(doc, cut, &seen, &changes)?,
            None => {
                let Some((doc, cut)) = &seen.before else { return Ok(None) };
                with_deleted(doc, cut, &seen, &changes)?
            }
        };
        if let Some((_, cut)) = seen.present() {
            self.write(view, &with_deleted, cut, &changes, &mut data);
        }
        let plain = changes.deleted.is_empty() && changes.previous.is_empty();
        let as_it_is = seen.after.as_ref().filter(|_| plain).map(|(doc, _)| (*doc).clone());
        Ok((data.entities > 0).then_some(Told { data, as_it_is }))
    }

    /// Entities as they are, with those that they lead to, if these are wanted.
    pub(super) async fn with_linked(
        &self,
        broker: &Broker,
        view: &View,
        asked: &[Found],
    ) -> Result<Option<Data>, Problem> {
        let Some((options, join)) =
            self.joined.as_ref().and_then(|options| Some((options, options.join.as_ref()?)))
        else {
            return Ok(None);
        };
        let linked = broker.gather_linked(view, asked, options, join).await?;
        let mut data = Data::default();
        let how = (&*self.context, options);
        let (shown, json) = (&mut data.shown, &mut data.json);
        data.entities = broker.render_joined(view, asked, &linked, how, shown, json)?;
        Ok((data.entities > 0).then_some(data))
    }

    fn context(&self, body: &mut Vec<u8>) {
        body.extend_from_slice(b",\"@context\":");
        body.extend_from_slice(self.context.json().get().as_bytes());
    }

    /// The message around written entities.
    pub(super) fn message(
        &self,
        subscription: &Subscription,
        id: &str,
        now: Timestamp,
        data: &Data,
    ) -> Message {
        let mut body = Vec::with_capacity(data.json.len() + 512);
        let text = |text: &str| serde_json::to_string(text).unwrap_or_default();
        let kind = data.reason.map_or("Notification", |_| "ContextSourceNotification");
        let head = format!(
            "{{\"id\":{},\"type\":\"{kind}\",\"subscriptionId\":{},\"notifiedAt\":\"{}\",\"data\":",
            text(id),
            text(&subscription.id),
            format_date_time(now),
        );
        body.extend_from_slice(head.as_bytes());
        let features = self.options.feature.is_some();
        if features {
            body.extend_from_slice(br#"{"type":"FeatureCollection","features":"#);
        }
        body.push(b'[');
        body.extend_from_slice(&data.json);
        body.push(b']');
        if self.in_collection {
            self.context(&mut body);
        }
        if features {
            body.push(b'}');
        }
        if let Some(reason) = data.reason {
            body.extend_from_slice(format!(",\"triggerReason\":\"{}\"", reason.name()).as_bytes());
        }
        if self.link.is_none() {
            self.context(&mut body);
        }
        body.push(b'}');
        let endpoint = &subscription.notification.endpoint;
        Message {
            id: id.to_owned(),
            uri: endpoint.uri.clone(),
            media: self.media,
            link: self.link.clone(),
            tenant: subscription.tenant_header.clone(),
            receiver_info: endpoint.receiver_info.clone(),
            notifier_info: endpoint.notifier_info.clone(),
            timeout: endpoint.timeout.map(Duration::from_millis),
            body: body.into(),
        }
    }
}

type States = (Option<EntityDoc>, Option<EntityDoc>);

/// A change without what has ended (clause 4.22) since it was owed: that is gone as if it had been neither before nor after. Nothing when all of
/// the entity has.
fn lasting(view: &View, owed: &Owed) -> Result<Option<States>, Problem> {
    let seen = owed.after.as_ref().and_then(|after| Some((after, view.cut(after)?)));
    // What is hidden has no end either.
    let Some((after, cut)) = seen else {
        return Ok(Some((owed.before.clone(), owed.after.clone())));
    };
    let Some(left) = after.at(view.now()).map_err(ngsi_problem)? else { return Ok(None) };
    let Some(before) = owed.before.as_ref().filter(|_| left.is_trimmed()) else {
        return Ok(Some((owed.before.clone(), Some(left))));
    };
    let has = |doc: &EntityDoc, name: &str, dataset: Option<&str>| {
        let mut seen = doc.attributes().filter(|slot| cut.attribute(name, slot.publisher()));
        seen.any(|slot| slot.name() == name && slot.dataset_id() == dataset)
    };
    let mut entity = before.decode().map_err(ngsi_problem)?;
    for attribute in &mut entity.attributes {
        let name = attribute.name.clone();
        attribute.instances.retain(|one| {
            let dataset = one.dataset_id.as_deref();
            !has(after, &name, dataset) || has(&left, &name, dataset)
        });
    }
    entity.attributes.retain(|attribute| !attribute.instances.is_empty());
    Ok(Some((Some(EntityDoc::from(&entity)), Some(left))))
}

/// Which deletions and previous values are told.
fn changes(compiled: &Compiled, seen: &Seen<'_>, at: Timestamp, now: Timestamp) -> Changes {
    let show_changes = compiled.record.notification.show_changes == Some(true);
    let triggers = compiled.record.triggers();
    let gone = seen.after.is_none();
    let attributes_deleted =
        triggers.iter().any(|t| matches!(t, Trigger::AttributeDeleted | Trigger::EntityUpdated));
    let mut changes = Changes { entity_deleted_at: gone.then_some(at), ..Changes::default() };
    for touched in &seen.touched {
        let Some(before) = touched.before else { continue };
        let (name, dataset) = (touched.name.to_owned(), before.dataset_id().map(str::to_owned));
        if touched.what == What::Deleted {
            let watched = compiled.watches(touched.name);
            if !(attributes_deleted && watched || gone && show_changes) {
                continue;
            }
            changes.deleted.push((name.clone(), dataset.clone(), at));
        }
        let ended = |slot: &AttrSlot<'_>| {
            slot.instance().expires_at.and_then(parse_date_time).is_some_and(|end| end <= now)
        };
        if show_changes && !ended(&before) {
            let value = before.instance().value.to_owned();
            let previous = Previous { name, dataset_id: dataset, kind: before.kind(), value };
            changes.previous.push(previous);
        }
    }
    changes
}

fn all_names(doc: &EntityDoc) -> Vec<String> {
    doc.attributes().map(|slot| slot.name().to_owned()).collect()
}

/// What is seen of the entity, with the NGSI-LD Null in the place of what is deleted. Where a Null stands and how many there are must not tell of
/// what is hidden.
fn with_deleted(
    doc: &EntityDoc,
    cut: &Cut<'_>,
    seen: &Seen<'_>,
    changes: &Changes,
) -> Result<EntityDoc, Problem> {
    let mut entity = doc.decode().map_err(ngsi_problem)?;
    take_hidden(&mut entity, cut);
    if seen.after.is_none() {
        entity.attributes.clear();
    }
    let before = seen.before.as_ref().map(|(doc, _)| doc.decode()).transpose();
    let before = before.map_err(ngsi_problem)?;
    for (name, dataset, at) in &changes.deleted {
        let instance =
            before.as_ref().and_then(|entity| entity.attribute(name)?.instance(dataset.as_deref()));
        let Some(gone) = instance.map(|instance| instance.deleted(*at)) else { continue };
        match entity.attributes.iter_mut().find(|attribute| attribute.name == *name) {
            // Where nothing of an attribute is left, one Null tells of all its instances.
            Some(attribute) if attribute.instances.iter().all(Instance::is_null) => {}
            Some(attribute) => attribute.instances.push(gone),
            None => {
                entity.attributes.push(Attribute { name: name.clone(), instances: vec![gone] });
            }
        }
    }
    Ok(EntityDoc::from(&entity))
}

/// Takes what is hidden out of an entity.
fn take_hidden(entity: &mut Entity, cut: &Cut<'_>) {
    for attribute in &mut entity.attributes {
        let name = &attribute.name;
        attribute.instances.retain(|one| cut.attribute(name, one.publisher.as_deref()));
    }
    entity.attributes.retain(|attribute| !attribute.instances.is_empty());
}
