//! Accesses in words.

use tsunagu_consent::State;
use tsunagu_domain::{Catalogue, Problem, TenantId, Text};
use tsunagu_staff::Told;
use tsunagu_store::access::{Access, Action, Decision};

use crate::Gateway;

fn text(ja: impl Into<String>, en: impl Into<String>) -> Text {
    Text { ja: ja.into(), en: en.into() }
}

/// Who it was.
pub(super) async fn who(
    gateway: &Gateway,
    tenant: &TenantId,
    access: &Access,
) -> Result<Text, Problem> {
    if tsunagu_staff::at_counter(access) {
        // Who it was is in the consent's own history.
        return Ok(text("役場の窓口", "Town hall counter"));
    }
    let (kind, name) = access.actor.split_once(':').unwrap_or((&access.actor, ""));
    Ok(match kind {
        "resident" => text("ご本人", "You"),
        // Which member it was, the town hall says to whoever names the case.
        "staff" => text("役場の職員", "A member of the town hall's staff"),
        "guardian" | "family" => {
            let found = gateway.ledger.delegation(tenant, name).await?;
            let name = found.map_or_else(String::new, |delegation| delegation.delegate_name);
            if kind == "guardian" {
                text(format!("保護者 {name}"), format!("Guardian {name}"))
            } else {
                text(format!("ご家族 {name}"), format!("Family {name}"))
            }
        }
        "other-resident" => text("ほかの方", "Somebody else"),
        "platform" => text("データ連携基盤", "The data-linkage platform"),
        "connector" => text(format!("連携システム {name}"), format!("Connected system {name}")),
        _ => {
            let client = match name.parse() {
                Ok(id) => gateway.clients.get(tenant, &id).await?,
                Err(_) => None,
            };
            client.map_or_else(|| text(name, name), |client| client.name.clone())
        }
    })
}

/// What was done, and why, as a sentence without its subject.
pub(super) fn what(catalogue: &Catalogue, access: &Access) -> Text {
    let data = data(catalogue, access);
    let purpose = access.purpose.as_deref().and_then(|code| catalogue.purpose(code));
    let (ja, en) = verb(access);
    let told = tsunagu_staff::told(access);
    let mut sentence = match purpose {
        Some(purpose) => text(
            format!("「{}」のために、{}を{ja}", purpose.text.ja, data.ja),
            format!("{en} {} for: {}", data.en, purpose.text.en),
        ),
        None => match &told {
            Some(told) => told_by_staff(told, &data, (ja, en)),
            None => text(format!("{}を{ja}", data.ja), format!("{en} {}", data.en)),
        },
    };
    if access.decision == Decision::Denied {
        sentence.ja.push_str("（許可されませんでした）");
        sentence.en.push_str(" (refused)");
    }
    sentence
}

/// Why staff did it, and in which case.
fn told_by_staff(told: &Told, data: &Text, (ja, en): (&str, &str)) -> Text {
    let (case_ja, case_en) = match &told.case {
        Some(case) => (format!("（用件番号 {case}）"), format!(" (case {case})")),
        None => (String::new(), String::new()),
    };
    text(
        format!("「{}」のために{case_ja}、{}を{ja}", told.why.0, data.ja),
        format!("{en} {} for: {}{case_en}", data.en, told.why.1),
    )
}

/// What an actor is called to residents: of staff, which member it was is not told here.
pub(super) fn code(actor: String) -> String {
    if actor.starts_with("staff:") { "staff".to_owned() } else { actor }
}

fn verb(access: &Access) -> (&'static str, &'static str) {
    let consent = |state: State| access.reason == state.as_str();
    match access.action {
        Action::Read => ("閲覧", "Read"),
        Action::Query => ("検索", "Searched"),
        Action::Notify => ("通知で受信", "Was told of changes of"),
        Action::Write => ("書き込み", "Wrote"),
        Action::Identify => ("本人確認に使用", "Used for logging in"),
        Action::Link
            if matches!(access.reason.as_str(), "identity-linked" | "counter-same-person") =>
        {
            ("別のログイン方法と結び付け", "Linked another way to log in to")
        }
        Action::Link => ("住民記録と結び付け", "Linked to the municipal record"),
        Action::Consent if access.reason == "delegation-made" => ("登録", "Registered"),
        Action::Consent if access.reason == "delegation-ended" => ("終了", "Ended"),
        Action::Consent if access.reason == "confirmed" => {
            ("提供する同意を成人後に確認", "Confirmed, of age, the consent to share")
        }
        Action::Consent if access.reason == "share-code-made" => {
            ("見せるための共有コードを作成", "Made a share code to show")
        }
        Action::Consent if access.reason == "share-code-cancelled" => {
            ("見せるための共有コードを取り消し", "Took back the share code to show")
        }
        Action::Consent if access.reason.starts_with("share-code-") => {
            ("見るために共有コードを使用", "Used a share code to see")
        }
        Action::Consent if consent(State::Refused) => ("提供しないと回答", "Declined to share"),
        Action::Consent if consent(State::Withdrawn) => {
            ("提供する同意を取り消し", "Withdrew the consent to share")
        }
        Action::Consent if consent(State::Paused) => {
            ("提供する同意を一時停止", "Paused the consent to share")
        }
        Action::Consent if consent(State::Resumed) => {
            ("提供する同意を再開", "Resumed the consent to share")
        }
        Action::Consent if consent(State::Superseded) => {
            ("提供する古い同意を置き換え", "Replaced the older consent to share")
        }
        Action::Consent if consent(State::Revoked) => (
            "提供する同意を、サービスの終了により終了",
            "Ended the consent with the service's end: to share",
        ),
        Action::Consent => ("提供することに同意", "Consented to share"),
    }
}

/// The names of the data, as residents know them.
fn data(catalogue: &Catalogue, access: &Access) -> Text {
    let covers = catalogue.data_classes.iter().flat_map(|class| &class.covers);
    let mut labels: Vec<&Text> = covers
        .filter(|covered| access.types.contains(&covered.r#type))
        .flat_map(|covered| &covered.attributes)
        .filter(|attribute| access.attributes.contains(&attribute.iri))
        .map(|attribute| &attribute.label)
        .collect();
    if labels.is_empty() {
        let types = access.types.iter().filter_map(|iri| catalogue.personal_type(iri));
        labels = types.map(|personal| &personal.label).collect();
    }
    let mut seen: Vec<&Text> = Vec::new();
    labels.retain(|label| {
        let new = !seen.contains(label);
        seen.push(label);
        new
    });
    if labels.is_empty() {
        return ours(access);
    }
    let join = |parts: Vec<&str>, with: &str| parts.join(with);
    text(
        join(labels.iter().map(|label| label.ja.as_str()).collect(), "・"),
        join(labels.iter().map(|label| label.en.as_str()).collect(), ", "),
    )
}

/// The platform's own records.
fn ours(access: &Access) -> Text {
    match access.types.first().map(String::as_str) {
        Some("urn:tsunagu:type:Consent") => text("同意の記録", "records of consent"),
        Some("urn:tsunagu:type:Delegation") => text("代わりの方", "who acts for you"),
        Some("urn:tsunagu:type:ShareCode") => text("共有コード", "share codes"),
        Some("urn:tsunagu:type:AccessLog") => text("利用の記録", "the record of use"),
        Some("urn:tsunagu:type:IdentityReview" | "urn:tsunagu:type:LinkReview") => {
            text("窓口での確認の記録", "what waits for the counter")
        }
        Some("urn:tsunagu:type:StaffCase") => {
            text("役場の用件の記録", "the record of a case at the town hall")
        }
        Some("urn:tsunagu:type:AuditEntry") => text("監査の記録", "entries of the audit log"),
        _ => text("データ", "data"),
    }
}
