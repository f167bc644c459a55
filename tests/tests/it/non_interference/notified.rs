//! What is hidden has no influence on notifications either: for any story of changes, a receiver gets the same as it would if there had never
//! been anything but what the owner of the subscription sees.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tsunagu_broker::{
    Asking, Deliverer, Message, Notifier, Owner, Owners, Pace, SendError, SubscriptionParts,
    Subscriptions,
};
use tsunagu_domain::{Assurance, Clock as _, Problem, SeededIds, TenantId};
use tsunagu_ngsi_ld::{Context, Entity, EntityDoc};
use tsunagu_policy::View;
use tsunagu_store::testing::MemoryStore;
use tsunagu_store::{Change, Consequence as _, Expect, Op, Store, WriteSet};

use super::eyes::Eyes;
use super::population::{self, KINDS, NAMES, Population, Sketch};
use super::requests::{self, CONDITIONS, IDS, PATTERNS};
use super::{Bench, Side, declared, same};

/// Entities, a subscription, and what happens then.
#[derive(Debug, Clone)]
pub(super) struct Story {
    pub(super) population: Population,
    pub(super) subscription: Subscription,
    /// Which entity, and what it becomes; none is its end.
    pub(super) changes: Vec<(usize, Option<Sketch>)>,
    /// Whether each change is told of before the next one.
    pub(super) at_once: bool,
}

#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a member of the subscription")]
pub(super) struct Subscription {
    kinds: Vec<usize>,
    id: Option<usize>,
    pattern: Option<usize>,
    watched: Vec<usize>,
    triggers: Vec<usize>,
    q: Option<usize>,
    attributes: Vec<usize>,
    omit: Vec<usize>,
    format: usize,
    media: usize,
    sys_attrs: bool,
    show_changes: bool,
    join: Option<usize>,
    throttled: bool,
    periodic: bool,
}

const TRIGGERS: [&str; 6] = [
    "entityCreated",
    "entityUpdated",
    "entityDeleted",
    "attributeCreated",
    "attributeUpdated",
    "attributeDeleted",
];
const FORMATS: [&str; 3] = ["normalized", "concise", "keyValues"];
const MEDIA: [&str; 3] = ["application/json", "application/ld+json", "application/geo+json"];
const JOINS: [&str; 2] = ["flat", "inline"];

fn few(of: usize) -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::btree_set(0..of, 1..4).prop_map(|set| set.into_iter().collect())]
}

fn subscription() -> impl Strategy<Value = Subscription> {
    let which = (
        prop::collection::btree_set(0..KINDS.len(), 1..4),
        prop::option::weighted(0.1, 0..IDS),
        prop::option::weighted(0.1, 0..PATTERNS.len()),
        few(NAMES.len()),
        few(TRIGGERS.len()),
        prop::option::weighted(0.15, 0..CONDITIONS.len()),
    );
    let shape = (few(NAMES.len()), few(NAMES.len()), 0..FORMATS.len(), 0..MEDIA.len());
    let more = (
        prop::bool::ANY,
        prop::bool::ANY,
        prop::option::weighted(0.2, 0..JOINS.len()),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
    );
    (which, shape, more).prop_map(|(which, shape, more)| {
        let (kinds, id, pattern, watched, triggers, q) = which;
        let (attributes, omit, format, media) = shape;
        let (sys_attrs, show_changes, join, throttled, periodic) = more;
        Subscription {
            kinds: kinds.into_iter().collect(),
            id,
            pattern,
            watched,
            triggers,
            q,
            attributes,
            omit,
            format,
            media,
            sys_attrs,
            show_changes,
            join,
            throttled,
            periodic,
        }
    })
}

fn story() -> impl Strategy<Value = Story> {
    let change = (0..9_usize, prop::option::weighted(0.85, population::sketch()));
    let changes = prop::collection::vec(change, 3..14);
    (population::any(), subscription(), changes, prop::bool::ANY).prop_map(
        |(population, subscription, changes, at_once)| Story {
            population,
            subscription,
            changes,
            at_once,
        },
    )
}

impl Subscription {
    /// To every change of entities of a type, with all that can be told.
    pub(super) fn to_all_of(kind: usize) -> Self {
        Self {
            kinds: vec![kind],
            id: None,
            pattern: None,
            watched: Vec::new(),
            triggers: (0..TRIGGERS.len()).collect(),
            q: None,
            attributes: Vec::new(),
            omit: Vec::new(),
            format: 0,
            media: 0,
            sys_attrs: true,
            show_changes: true,
            join: None,
            throttled: false,
            periodic: false,
        }
    }

    /// As its owner writes it.
    fn body(&self) -> Value {
        let names = |of: &[usize]| -> Vec<&str> { of.iter().map(|nth| NAMES[*nth]).collect() };
        let selector = |kind: &usize| {
            let mut selector = json!({ "type": KINDS[*kind] });
            if let Some(id) = self.id {
                selector["id"] = json!(requests::id(id));
            } else if let Some(pattern) = self.pattern {
                selector["idPattern"] = json!(PATTERNS[pattern]);
            }
            selector
        };
        let mut notification = json!({
            "format": FORMATS[self.format],
            "sysAttrs": self.sys_attrs,
            "endpoint": { "uri": "https://receiver.example/", "accept": MEDIA[self.media] },
        });
        if !self.attributes.is_empty() {
            notification["attributes"] = json!(names(&self.attributes));
        } else if !self.omit.is_empty() {
            notification["omit"] = json!(names(&self.omit));
        }
        // Changes are told in whole attributes only.
        if self.show_changes && FORMATS[self.format] != "keyValues" {
            notification["showChanges"] = json!(true);
        }
        // Features have no place for linked entities.
        if let Some(join) = self.join.filter(|_| self.media != 2) {
            notification["join"] = json!(JOINS[join]);
            notification["joinLevel"] = json!(2);
        }
        let mut body = json!({
            "id": "urn:ngsi-ld:Subscription:1",
            "type": "Subscription",
            "entities": self.kinds.iter().map(selector).collect::<Vec<_>>(),
            "notification": notification,
        });
        if self.periodic {
            body["timeInterval"] = json!(2);
        } else {
            if !self.watched.is_empty() {
                body["watchedAttributes"] = json!(names(&self.watched));
            }
            if self.throttled {
                body["throttling"] = json!(2.5);
            }
            let triggers: Vec<&str> = self.triggers.iter().map(|nth| TRIGGERS[*nth]).collect();
            if !triggers.is_empty() {
                body["notificationTrigger"] = json!(triggers);
            }
        }
        if let Some(q) = self.q {
            body["q"] = json!(requests::filled(CONDITIONS[q]));
        }
        body
    }
}

/// One owner, who sees this.
struct Sees(View);

#[async_trait]
impl Owners for Sees {
    async fn view(&self, _: &TenantId, _: &Owner) -> Result<Option<View>, Problem> {
        Ok(Some(self.0.clone()))
    }
}

/// Keeps everything that arrives.
#[derive(Default)]
struct Receiver(Mutex<Vec<String>>);

#[async_trait]
impl Notifier for Receiver {
    async fn notify(&self, message: &Message) -> Result<(), SendError> {
        let body = String::from_utf8_lossy(&message.body);
        // The id of a notification is chance.
        assert!(body.contains(&message.id));
        let body = body.replace(&message.id, "urn:ngsi-ld:Notification:");
        let Message { uri, media, link, .. } = message;
        self.0.lock().unwrap().push(format!("{uri} {media} {link:?} {body}"));
        Ok(())
    }
}

/// One side of the comparison with a subscription and its receiver.
struct Told {
    store: Arc<dyn Store>,
    tenant: TenantId,
    view: View,
    owner: Owner,
    side: Side,
    subscriptions: Arc<Subscriptions>,
    receiver: Arc<Receiver>,
    deliverer: Deliverer,
}

impl Told {
    async fn new(bench: &Bench, side: Side, eyes: &Eyes, wanted: &Subscription) -> Self {
        let tenant = side.tenant.clone();
        let view = eyes.view(&tenant, bench.clock.micros());
        let subscriptions = Arc::new(Subscriptions::new(SubscriptionParts {
            store: Arc::clone(&bench.store),
            catalogue: Arc::clone(&bench.catalogue),
            clock: Arc::clone(&bench.clock) as _,
            ids: Arc::new(SeededIds::new(1)),
            owners: Arc::new(Sees(view.clone())),
        }));
        let owner = Owner {
            tenant: tenant.clone(),
            client: "app".parse().unwrap(),
            subject: None,
            grant: None,
            assurance: Assurance::default(),
        };
        let receiver = Arc::new(Receiver::default());
        let deliverer = Deliverer::new(
            Arc::clone(&subscriptions),
            Arc::clone(&side.broker),
            Arc::clone(&receiver) as _,
            vec![tenant.clone()],
            Pace::default(),
        );
        let told = Self {
            store: Arc::clone(&bench.store),
            tenant,
            view,
            owner,
            side,
            subscriptions,
            receiver,
            deliverer,
        };
        let (body, context) = (wanted.body().to_string(), Context::core());
        let contexts = told.side.broker.contexts();
        told.subscriptions.create(&told.asking(), &body, &context, contexts).await.unwrap();
        told
    }

    fn asking(&self) -> Asking<'_> {
        Asking { view: &self.view, owner: &self.owner, tenant_header: None }
    }

    /// Changes an entity, in a transaction with what follows.
    async fn change(&self, before: Option<&Entity>, after: Option<&Entity>, at: i64) {
        let (before, after) = (before.map(EntityDoc::from), after.map(EntityDoc::from));
        let mut ops = match (&before, &after) {
            (None, None) => return,
            (_, Some(doc)) => vec![Op::PutEntity { doc: doc.clone(), expect: Expect::Any }],
            (Some(doc), None) => {
                vec![Op::DeleteEntity { id: doc.id().to_owned(), expect: Expect::Present }]
            }
        };
        let (before, after) = (before.as_ref(), after.as_ref());
        let tenant = &self.tenant;
        let change =
            Change { tenant, before, after, client: None, grant: None, assurance: None, at };
        self.subscriptions.follow(&change, &mut ops).await.unwrap();
        self.store.commit(WriteSet { tenant: tenant.clone(), ops }).await.unwrap();
        self.subscriptions.committed(&change);
    }

    async fn deliver(&self) {
        self.deliverer.run_once().await.unwrap();
    }

    /// Everything that was told, and what the owner reads of the subscription.
    async fn all(&self) -> String {
        let (context, id) = (Context::core(), "urn:ngsi-ld:Subscription:1");
        let read = self.subscriptions.retrieve(&self.asking(), id, &context, false, false).await;
        let read = String::from_utf8(read.unwrap()).unwrap();
        let mut told = self.receiver.0.lock().unwrap().clone();
        told.push(read);
        told.join("\n")
    }
}

impl Bench {
    pub(super) async fn tell(&self, story: &Story) -> Result<usize, TestCaseError> {
        let case = self.cases.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let Story { population, subscription, changes, at_once } = story;
        let eyes = Eyes::of(population, &self.catalogue);
        let everything = population.holdings();
        let seen = everything.seen(&eyes);
        let real = self.side(&format!("told-{case}"), &everything).await;
        let shown = self.side(&format!("told-seen-{case}"), &seen).await;
        let real = Told::new(self, real, &eyes, subscription).await;
        let shown = Told::new(self, shown, &eyes, subscription).await;
        let ids = population.ids();
        let mut there = everything.present;
        for (nth, sketch) in changes {
            let Some(id) = ids.get(nth % ids.len().max(1)) else { continue };
            self.clock.advance(chrono::TimeDelta::seconds(1));
            let at = self.clock.micros();
            let found = there.iter().position(|entity| entity.id == *id);
            let before = found.map(|place| there.remove(place));
            let after = sketch.as_ref().map(|sketch| sketch.instead(id, &ids));
            real.change(before.as_ref(), after.as_ref(), at).await;
            let project = |entity: &Option<Entity>| entity.as_ref().and_then(|e| eyes.project(e));
            let (was, is) = (project(&before), project(&after));
            shown.change(was.as_ref(), is.as_ref(), at).await;
            there.extend(after);
            if *at_once {
                real.deliver().await;
                shown.deliver().await;
            }
        }
        self.clock.advance(chrono::TimeDelta::seconds(2));
        real.deliver().await;
        shown.deliver().await;
        let (one, other) = (real.all().await, shown.all().await);
        same(story, &one, &other)?;
        Ok(one.lines().count() - 1)
    }
}

/// Stories with anything to tell are counted: a comparison of nothing with nothing would hold nothing.
#[test]
fn hidden_changes_are_not_told() {
    let runtime = Runtime::new().unwrap();
    let cases = std::env::var("PROPTEST_CASES").ok().map_or(400, |n| n.parse().unwrap());
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let bench = Bench::new(Arc::new(MemoryStore::with(declared())));
    let told = std::cell::Cell::new(0);
    let proven = TestRunner::new(config).run(&story(), |story| {
        told.set(told.get() + runtime.block_on(bench.tell(&story))?);
        Ok(())
    });
    if let Err(error) = proven {
        panic!("{error}");
    }
    assert!(told.get() > usize::try_from(cases).unwrap() / 10, "only {} were told", told.get());
}
