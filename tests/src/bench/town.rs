//! The data that is measured on. Everybody in it is invented.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use tsunagu_audit::AuditLog;
use tsunagu_consent::{
    Capacity, DataAction, Ledger, NewConsent, Notice, Party, Platform, RESIDENT_DATA,
    ReceiptSigner, Requested, Resident,
};
use tsunagu_domain::{
    Assurance, Catalogue, Clock, IdGen, Level, SectorKeys, SystemClock, SystemIds, TenantId, Text,
    TsunoId, to_iso,
};
use tsunagu_ngsi_ld::parse::parse_entity;
use tsunagu_ngsi_ld::{Context, EntityDoc};
use tsunagu_store::index::Declared;
use tsunagu_store::{Expect, Op, Store, WriteSet};
use tsunagu_store_embedded::{EmbeddedStore, Options};

use super::gateway::{APP, Gateway, INDEXED, SECTOR, TENANT};
use super::token::Signer;

/// So many entities share a value of the indexed attribute.
pub const SAME_CODE: u64 = 20;
/// The type of the open entities.
pub const TYPE: &str = "AirQualityStation";

const CATALOGUE: &[u8] = include_bytes!("../../../schemas/catalogue.json");

/// The id of the n-th open entity: scattered, as hashes are.
pub fn id(n: u64) -> String {
    format!("urn:ngsi-ld:{TYPE}:{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// The value of the indexed attribute of the n-th entity.
pub fn code(n: u64) -> String {
    format!("s-{:07}", n / SAME_CODE)
}

/// The n-th open entity, about 1 KB, normalized.
pub fn entity(n: u64) -> Value {
    let text = |value: &str| json!({ "type": "Property", "value": value });
    let level = |value: u64, unit: &str| json!({ "type": "Property", "value": value, "unitCode": unit, "observedAt": "2026-11-23T09:00:00Z" });
    json!({
        "id": id(n),
        "type": TYPE,
        INDEXED: text(&code(n)),
        "name": text(&format!("都農町 計測所 {n}")),
        "temperature": level(n % 40, "CEL"),
        "humidity": level(n % 100, "P1"),
        "pm25": level(n % 60, "GQ"),
        "no2": level(n % 80, "GQ"),
        "location": { "type": "GeoProperty", "value": { "type": "Point", "coordinates": place(n) } },
        "address": { "type": "Property", "value": { "addressLocality": "都農町", "addressRegion": "宮崎県", "streetAddress": "大字川北" } },
        "status": text("working"),
    })
}

/// West and south of the town, and how far it reaches, in degrees.
const TOWN: ([f64; 2], [f64; 2]) = ([131.4, 32.2], [0.2, 0.1]);
/// A degree in metres: of latitude, and of longitude at this latitude.
const DEGREE: [f64; 2] = [94_000.0, 111_200.0];

/// Where an entity is: anywhere in town, each at a place of its own.
pub fn place(n: u64) -> [f64; 2] {
    let ([west, south], [width, height]) = TOWN;
    // Two irrational steps spread points evenly, however many there are.
    let share = |step: u64| {
        f64::from(u32::try_from(n.wrapping_mul(step) >> 32 & 0xffff_ffff).unwrap_or(0))
            / 4_294_967_296.0
    };
    [west + width * share(0xc13f_a9a9_02a6_328f), south + height * share(0x91e1_0da5_c79e_7b1d)]
}

/// In how many metres around a place some twenty of so many entities are.
pub fn radius_of_twenty(entities: u64) -> f64 {
    let (_, [width, height]) = TOWN;
    let area = width * DEGREE[0] * height * DEGREE[1];
    (20.0 * area / (std::f64::consts::PI * 1e6 * millions(entities))).sqrt()
}

/// A number of entities, in millions.
#[expect(clippy::cast_precision_loss, reason = "counts of a measurement")]
pub fn millions(entities: u64) -> f64 {
    entities as f64 / 1e6
}

/// An activity of a resident, the n-th of theirs: a minute that no other one of theirs has. `id` makes it one of its own.
pub fn activity(person: &str, id: u64, n: u64, now: i64) -> String {
    let minute = 60_000_000;
    let started = now - now % minute - minute * (i64::try_from(n).unwrap_or(0) + 2);
    let (from, to, steps) = (to_iso(started), to_iso(started + minute), 50 + id % 40);
    // Written out: what the generator costs is in our figure and not in the yardstick's.
    format!(
        r#"{{"id":"urn:ngsi-ld:HealthActivity:{id:016x}","type":"HealthActivity","person":{{"type":"Relationship","object":"{person}"}},"steps":{{"type":"Property","value":{steps}}},"activityType":{{"type":"Property","value":"walking"}},"startedAt":{{"type":"Property","value":{{"@type":"DateTime","@value":"{from}"}}}},"endedAt":{{"type":"Property","value":{{"@type":"DateTime","@value":"{to}"}}}},"recordingMethod":{{"type":"Property","value":"sensed"}}}}"#
    )
}

/// As the store keeps it.
pub fn stored(entity: &Value) -> anyhow::Result<EntityDoc> {
    let entity = parse_entity(&entity.to_string(), &Context::core(), SystemClock.micros())?;
    Ok(EntityDoc::from_bytes(entity.encode().into())?)
}

/// The declared attributes, expanded.
pub fn declared() -> Declared {
    Declared(vec![Context::core().expand(INDEXED).into_owned()])
}

/// A resident as their app knows them.
#[derive(Debug, Clone)]
pub struct Client {
    /// Path of the resident's entity.
    pub path: String,
    /// Path of the same entity about nobody.
    pub twin: String,
    /// The app's access token.
    pub token: String,
    /// The resident, as the app names them.
    pub person: String,
}

/// Fills the store of a gateway that ran once and is stopped: `entities` open ones, and `residents` who consented to the app.
pub async fn fill(gateway: &Gateway, entities: u64, residents: u64) -> anyhow::Result<Vec<Client>> {
    let options = Options { declared: declared(), ..Options::default() };
    let store = EmbeddedStore::open(gateway.folder.join("store"), &options)?;
    let filled = Filler::new(gateway, Arc::clone(&store) as _).await?;
    let tenant = &filled.tenant;
    stream::iter(0..entities)
        .map(|n| {
            let store = Arc::clone(&store);
            async move {
                let op = Op::PutEntity { doc: stored(&entity(n))?, expect: Expect::Absent };
                store.commit(WriteSet::new(tenant.clone()).with(op)).await?;
                anyhow::Ok(())
            }
        })
        .buffer_unordered(256)
        .try_collect::<()>()
        .await?;
    let clients =
        stream::iter(0..residents).map(|n| filled.resident(n)).buffer_unordered(256).try_collect();
    let clients = clients.await?;
    drop(filled);
    store.close().await;
    Ok(clients)
}

struct Filler {
    tenant: TenantId,
    store: Arc<dyn Store>,
    ledger: Ledger,
    signer: Signer,
    sectors: SectorKeys,
    issuer: String,
}

impl Filler {
    async fn new(gateway: &Gateway, store: Arc<dyn Store>) -> anyhow::Result<Self> {
        let tenant: TenantId = TENANT.parse()?;
        let keys = gateway.folder.join("keys");
        let (clock, ids): (Arc<dyn Clock>, Arc<dyn IdGen>) =
            (Arc::new(SystemClock), Arc::new(SystemIds));
        let audit = AuditLog::new(
            Arc::clone(&store),
            Arc::clone(&clock),
            Arc::clone(&ids),
            tsunagu_audit::Signer::from_seed(&secret(&keys, "audit.key")?)?,
        );
        let core = Context::core();
        let catalogue = Catalogue::read(CATALOGUE, |term| core.expand(term).into_owned())?;
        let platform = Platform {
            withdrawal: format!("{}/consents", gateway.issuer()),
            controller: Party {
                party_id: gateway.issuer(),
                party_name: text("都農町", "Tsuno Town"),
                party_type: "controller".to_owned(),
                party_address: None,
                party_contact: None,
            },
            issuer: gateway.issuer(),
            storage_location: "JP".to_owned(),
            jurisdiction: "JP".to_owned(),
        };
        let receipts = read(&keys, "receipts.p8")?;
        let ledger = Ledger::new(
            Arc::clone(&store),
            clock,
            ids,
            Arc::new(audit),
            Arc::new(catalogue),
            platform,
            ReceiptSigner::from_pkcs8("receipts-1", &receipts)?,
        );
        let signer = Signer::of_gateway(&*store, &tenant).await?;
        let sectors = SectorKeys::new(&secret(&keys, "pairwise.key")?);
        Ok(Self { tenant, store, ledger, signer, sectors, issuer: gateway.issuer() })
    }

    /// A resident with an entity, a consent, and a token of the app.
    async fn resident(&self, n: u64) -> anyhow::Result<Client> {
        let subject = TsunoId::generate(&SystemIds);
        let twin = format!("urn:ngsi-ld:Twin:{n}");
        let op = Op::PutEntity { doc: person(subject, n)?, expect: Expect::Absent };
        let beside =
            Op::PutEntity { doc: stored(&described(&twin, "Twin", n))?, expect: Expect::Absent };
        self.store.commit(WriteSet::new(self.tenant.clone()).with(op).with(beside)).await?;
        let now = SystemClock.micros();
        let assurance = Assurance {
            ial: Level::Substantial,
            aal: Level::Substantial,
            auth_time: now,
            idp: "xid".to_owned(),
            ..Assurance::default()
        };
        let by = Resident {
            subject,
            assurance: &assurance,
            request: "fill",
            acting: Capacity::Themselves,
        };
        let classes = ["contact", "basic", "health-activity"].map(str::to_owned).to_vec();
        let consent = NewConsent {
            client: APP.parse()?,
            client_name: text("アプリ", "App"),
            requested: Requested {
                r#type: RESIDENT_DATA.to_owned(),
                purpose: "health-coaching".to_owned(),
                data_classes: classes.clone(),
                optional_data_classes: Vec::new(),
                actions: vec![DataAction::Read, DataAction::Write],
                frequency: None,
            },
            chosen: classes,
            days: 30,
            notice: Notice {
                version: "1".to_owned(),
                lang: "ja".to_owned(),
                bytes: b"notice".to_vec(),
                shown_at: now,
            },
            method: "bench".to_owned(),
        };
        let given = self.ledger.give(&self.tenant, &by, &consent).await?;
        let outward = self.sectors.sector(SECTOR)?.outward(subject);
        let token = self.signer.for_resident(&self.issuer, APP, outward, &given.consent.id)?;
        let path = |id: &str| format!("/ngsi-ld/v1/entities/{id}");
        let person = outward.urn();
        Ok(Client { path: path(&person), twin: path(&twin), token, person })
    }
}

fn text(ja: &str, en: &str) -> Text {
    Text { ja: ja.to_owned(), en: en.to_owned() }
}

/// What is known of the n-th resident, as an entity of this id and type.
fn described(id: &str, of: &str, n: u64) -> Value {
    let property = |value: Value| json!({ "type": "Property", "value": value });
    json!({
        "id": id,
        "type": of,
        "name": property(json!(format!("都農 {n}"))),
        "familyName": property(json!("都農")),
        "givenName": property(json!(n.to_string())),
        "birthDate": property(json!("1970-01-01")),
        "gender": property(json!("female")),
        "address": property(json!({ "prefecture": "宮崎県", "city": "都農町", "streetAddress": "大字川北" })),
    })
}

fn person(subject: TsunoId, n: u64) -> anyhow::Result<EntityDoc> {
    let entity = described(&subject.urn(), "Person", n);
    let mut entity = parse_entity(&entity.to_string(), &Context::core(), SystemClock.micros())?;
    entity.set_publisher("identity");
    entity.subject = Some(subject.to_string());
    Ok(EntityDoc::from_bytes(entity.encode().into())?)
}

fn read(keys: &Path, name: &str) -> anyhow::Result<Vec<u8>> {
    let text = std::fs::read_to_string(keys.join(name))
        .with_context(|| format!("the gateway made no key {name}"))?;
    Ok(STANDARD.decode(text.trim())?)
}

/// A secret of the gateway, from its folder of keys.
pub fn secret(keys: &Path, name: &str) -> anyhow::Result<[u8; 32]> {
    read(keys, name)?.try_into().ok().context("a key of another length")
}
