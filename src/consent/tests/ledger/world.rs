//! A ledger on a store in memory, with a clock moved by hand.

use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use chrono::DateTime;
use tsunagu_consent::{
    Capacity, Consent, DataAction, Ledger, NewConsent, Notice, Part, Party, Platform,
    RESIDENT_DATA, ReceiptSigner, Requested, Resident,
};
use tsunagu_domain::{
    Assurance, Catalogue, Clock, Level, ManualClock, Problem, SeededIds, TenantId, Text, TsunoId,
};
use tsunagu_store::access::{Access, AccessLog, Ticket};
use tsunagu_store::testing::MemoryStore;
use tsunagu_store::{Log, Op, Store, WriteSet};

pub(crate) const LOG: Log = Log("audit");
pub(crate) const ALL: Part = Part { offset: 0, limit: 100 };

/// Writes accesses down as they are.
pub(crate) struct PlainLog(Arc<MemoryStore>);

#[async_trait]
impl AccessLog for PlainLog {
    fn ops(&self, access: &Access) -> Result<Vec<Op>, Problem> {
        Ok(vec![Op::Append { log: LOG, entry: serde_json::to_vec(access).unwrap() }])
    }

    async fn record(&self, tenant: &TenantId, access: &Access) -> Result<Ticket, Problem> {
        let set = WriteSet { tenant: tenant.clone(), ops: self.ops(access)? };
        let receipt = self.0.commit(set).await?;
        Ok(self.ticket(&receipt, 0).unwrap())
    }
}

pub(crate) const CATALOGUE: &str = r#"{"version":3,
  "personal_types":[
    {"iri":"Person","label":{"ja":"人","en":"Person"},"subject":"id"},
    {"iri":"Walk","label":{"ja":"歩","en":"Walk"},"subject":{"relationship":"person"}}],
  "data_classes":[
    {"code":"contact","label":{"ja":"連絡先","en":"contact"},"sensitivity":"personal",
     "covers":[{"type":"Person","attributes":[{"iri":"name","label":{"ja":"氏名","en":"name"}}]}]},
    {"code":"walks","label":{"ja":"歩","en":"walks"},"sensitivity":"sensitive",
     "covers":[{"type":"Walk","attributes":[{"iri":"steps","label":{"ja":"歩数","en":"steps"}}]}]}],
  "purposes":[
    {"code":"coach","text":{"ja":"助言","en":"coaching"},"legal_basis":"dpv:Consent",
     "retention_days":30,"max_days":365,"data_classes":["contact","walks"]},
    {"code":"research","text":{"ja":"研究","en":"research"},"legal_basis":"dpv:Consent",
     "retention_days":10,"max_days":90,"data_classes":["walks"]},
    {"code":"visit","text":{"ja":"診察","en":"visit"},"legal_basis":"dpv:Consent","by_share_code":true,
     "retention_days":5,"max_days":10,"data_classes":["contact","walks"]}]}"#;

pub(crate) fn iri(term: &str) -> String {
    format!("https://example.org/{term}")
}

pub(crate) struct World {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) tenant: TenantId,
}

pub(crate) fn ledger(
    store: &Arc<MemoryStore>,
    clock: &Arc<ManualClock>,
    catalogue: &str,
    seed: u64,
) -> Ledger {
    let catalogue = Catalogue::read(catalogue.as_bytes(), iri).unwrap();
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .unwrap();
    let shared: Arc<dyn Store> = Arc::<MemoryStore>::clone(store);
    let time: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
    let platform = Platform {
        issuer: "https://gateway.example".to_owned(),
        controller: Party {
            party_id: "https://town.example".to_owned(),
            party_name: Text { ja: "町".to_owned(), en: "Town".to_owned() },
            party_type: "controller".to_owned(),
            party_address: None,
            party_contact: None,
        },
        withdrawal: "https://gateway.example/me/consents".to_owned(),
        storage_location: "JP".to_owned(),
        jurisdiction: "JP".to_owned(),
    };
    Ledger::new(
        shared,
        time,
        Arc::new(SeededIds::new(seed)),
        Arc::new(PlainLog(Arc::clone(store))),
        Arc::new(catalogue),
        platform,
        ReceiptSigner::from_pkcs8("receipts-1", key.as_ref()).unwrap(),
    )
}

pub(crate) fn world() -> World {
    let store = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::at(DateTime::from_timestamp(1_800_000_000, 0).unwrap()));
    let ledger = Arc::new(ledger(&store, &clock, CATALOGUE, 1));
    World { store, clock, ledger, tenant: "tsuno".parse().unwrap() }
}

pub(crate) const ALICE: TsunoId = TsunoId::from_bytes([1; 16]);
pub(crate) const BOB: TsunoId = TsunoId::from_bytes([2; 16]);

pub(crate) fn resident(subject: TsunoId, assurance: &Assurance) -> Resident<'_> {
    Resident { subject, assurance, request: "r-1", acting: Capacity::Themselves }
}

impl World {
    pub(crate) fn fresh(&self) -> Assurance {
        Assurance {
            ial: Level::High,
            aal: Level::Substantial,
            auth_time: self.clock.micros(),
            idp: "xid".to_owned(),
            ..Assurance::default()
        }
    }

    pub(crate) fn new_consent(&self) -> NewConsent {
        NewConsent {
            client: "health".parse().unwrap(),
            client_name: Text { ja: "健康アプリ".to_owned(), en: "Health app".to_owned() },
            requested: Requested {
                r#type: RESIDENT_DATA.to_owned(),
                purpose: "coach".to_owned(),
                data_classes: vec!["contact".to_owned(), "walks".to_owned()],
                optional_data_classes: vec![],
                actions: vec![DataAction::Read, DataAction::Write],
                frequency: None,
            },
            chosen: vec!["contact".to_owned(), "walks".to_owned()],
            days: 365,
            notice: Notice {
                version: "1".to_owned(),
                lang: "ja".to_owned(),
                bytes: b"abc".to_vec(),
                shown_at: self.clock.micros(),
            },
            method: "consent-page/button".to_owned(),
        }
    }

    pub(crate) async fn given(&self) -> Consent {
        let assurance = self.fresh();
        let by = resident(ALICE, &assurance);
        self.ledger.give(&self.tenant, &by, &self.new_consent()).await.unwrap().consent
    }

    pub(crate) async fn live(&self, id: &str) -> bool {
        let now = self.clock.micros();
        self.ledger.live_grant(&self.tenant, id, now).await.unwrap().is_some()
    }

    pub(crate) async fn accesses(&self) -> Vec<Access> {
        let entries = self.store.log_entries(&self.tenant, LOG, 0, 1000).await.unwrap();
        entries.iter().map(|entry| serde_json::from_slice(entry).unwrap()).collect()
    }
}
