//! Our ledger held against the issuer's statement.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use tsunagu_domain::TenantId;
use tsunagu_store::{Scan, StoreError};

use crate::ledger::{Entry, Step};
use crate::records::{ENTRIES, KEYS, Pointer, decode, transitions};
use crate::{AwardUid, Rewards, State};

/// One grant on the issuer's statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementLine {
    /// Key of the order.
    pub key: AwardUid,
    /// Credited account.
    pub account: String,
    /// Coins; less than 0 for what was taken back.
    pub amount: i64,
}

/// What does not agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum DifferenceKind {
    /// We hold it confirmed; the issuer does not list it.
    MissingAtIssuer,
    /// The issuer lists it; we do not hold it confirmed.
    MissingInLedger {
        /// Where it stands here; `None` when no such award was ever decided.
        state: Option<State>,
    },
    /// The amounts differ.
    Amount {
        /// In our ledger.
        ours: i64,
        /// On the statement.
        theirs: i64,
    },
    /// Another account was credited.
    Account,
    /// The statement lists it more than once.
    Repeated,
    /// The issuer took it back; we hold it confirmed.
    Cancelled,
    /// It has no outcome for more than a day.
    Overdue,
    /// The states of the award and the entries of our own ledger speak of different things.
    Ledger,
}

/// One line that staff must explain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The award.
    pub award: AwardUid,
    /// What does not agree.
    pub difference: DifferenceKind,
}

impl Rewards {
    /// Compares every confirmed award with a complete statement. Empty means that both sides agree line by line.
    pub async fn reconcile(
        &self,
        tenant: &TenantId,
        statement: &[StatementLine],
    ) -> Result<Vec<Difference>, StoreError> {
        let mut out = Vec::new();
        let mut theirs: HashMap<AwardUid, &StatementLine> = HashMap::with_capacity(statement.len());
        for line in statement {
            if theirs.insert(line.key, line).is_some() {
                out.push(Difference { award: line.key, difference: DifferenceKind::Repeated });
            }
        }
        let mut after = None;
        loop {
            let scan = Scan { after: after.clone(), limit: 512, ..Scan::default() };
            let page = self.store.records(tenant, ENTRIES, &scan).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (_, record) in page {
                let entry: Entry = decode(&record.value)?;
                if entry.step != Step::Confirm {
                    continue;
                }
                let difference = match theirs.remove(&entry.key.unwrap_or(entry.uid)) {
                    None => DifferenceKind::MissingAtIssuer,
                    Some(line) if line.amount != entry.amount => {
                        DifferenceKind::Amount { ours: entry.amount, theirs: line.amount }
                    }
                    Some(line) if line.account != entry.account => DifferenceKind::Account,
                    Some(_) => continue,
                };
                out.push(Difference { award: entry.uid, difference });
            }
        }
        let mut rest: Vec<AwardUid> = theirs.into_keys().collect();
        rest.sort_unstable();
        for award in rest {
            let key = award;
            let award = self.award_under(tenant, key).await?;
            let state =
                transitions(&*self.store, tenant, award).await?.first().map(|latest| latest.state);
            out.push(Difference { award, difference: DifferenceKind::MissingInLedger { state } });
        }
        Ok(out)
    }

    /// The award that the issuer knows by this key; the key itself when it is none of a period.
    pub(crate) async fn award_under(
        &self,
        tenant: &TenantId,
        key: AwardUid,
    ) -> Result<AwardUid, StoreError> {
        match self.store.record(tenant, KEYS, key.as_bytes()).await? {
            Some(record) => decode::<Pointer>(&record.value).map(|pointer| pointer.uid),
            None => Ok(key),
        }
    }
}
