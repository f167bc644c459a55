//! Staff as persons, between real processes: logins at the town hall's provider, roles, and clients that two persons let in.

use reqwest::Method;
use serde_json::{Value, json};
use tsunagu_sandbox::story::Browser;

use crate::support::Backend;
use crate::support::http::{Answer, seen};
use crate::support::process::run;
use crate::support::town::{APP, AUDITOR, Plan, STAFF, Town};

/// A town with staff.
fn plan() -> Plan {
    Plan { staff: true, ..Plan::default() }
}

/// A member's browser, speaking JSON as the pages' own scripts would.
pub(crate) struct Desk<'a> {
    town: &'a Town,
    browser: Browser,
}

impl<'a> Desk<'a> {
    pub(crate) async fn of(town: &'a Town, name: &str) -> Self {
        let mut browser = Browser::new();
        let page = town.member(&mut browser, name).await;
        assert!(page.status.is_success(), "{name}: {}", page.body);
        Self { town, browser }
    }

    async fn ask(&mut self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let url = self.town.base.join(path).unwrap();
        let mut request = self.town.ask(method, path);
        if let Some(cookies) = self.browser.cookies(&url) {
            request = request.header("Cookie", cookies);
        }
        request = request.header("Origin", self.town.base.as_str().trim_end_matches('/'));
        if let Some(body) = body {
            request = request.json(&body);
        }
        seen(request).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, Some(body)).await
    }
}

fn app(id: &str) -> Value {
    json!({
        "id": id,
        "name": {"ja": "歩こうアプリ", "en": "Walking app"},
        "sector": "walk.example",
        "kind": "consumer",
        "redirect_uris": ["https://walk.example/callback"],
        "jwks_uri": "https://walk.example/jwks.json",
        "purposes": ["health-coaching"],
        "data_classes": ["contact"],
        "contact": "help@walk.example",
    })
}

/// What a command said, and whether it did what it was told.
async fn shell(args: &[&str]) -> (bool, String) {
    let output = run(args).await;
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

/// What the log has of an actor: decision and reason, the oldest first.
pub(crate) async fn acts(town: &Town, actor: &str) -> Vec<(String, String)> {
    let token = town.token(AUDITOR).await;
    let request = town.ask(Method::GET, "/audit/v1/entries?limit=1000").bearer_auth(token);
    let read = seen(request).await.json();
    let entries = read["entries"].as_array().unwrap().iter().map(|entry| &entry["access"]);
    let text = |access: &Value, name: &str| access[name].as_str().unwrap().to_owned();
    let found = entries.filter(|access| access["actor"] == actor);
    found.map(|access| (text(access, "decision"), text(access, "reason"))).collect()
}

#[tokio::test]
async fn a_member_logs_in_at_the_town_hall_and_has_the_roles_of_the_configuration() {
    let town = Town::start(Backend::Embedded, &plan()).await;
    for (name, roles) in [
        ("kato", json!(["counter"])),
        ("mori", json!(["auditor"])),
        ("ishikawa", json!(["operator", "approver"])),
    ] {
        let me = Desk::of(&town, name).await.get("/staff/v1/me").await;
        assert_eq!(me.json(), json!({"name": name, "roles": roles}));
    }
    for (form, says) in [
        (("th-1006", "ok"), "職員として登録されていません"),
        (("th-1001", "password"), "もう一つ確認が必要です"),
        (("th-1001", "cancelled"), "ログインを中止しました"),
    ] {
        let mut browser = Browser::new();
        let form = [("persona", form.0), ("outcome", form.1)];
        let page = town.account(&mut browser, &form).await;
        assert!(page.body.contains(says), "{form:?}: {}", page.body);
        let url = town.base.join("/staff").unwrap();
        assert!(browser.cookies(&url).is_none(), "{form:?}");
    }
    let denied = |why: &str| ("denied".to_owned(), format!("staff-login {why}"));
    assert_eq!(acts(&town, "platform:staff-login").await, [denied("unknown")]);
    assert_eq!(acts(&town, "staff:kato").await, [denied("too-weak")]);
}

/// A person with the wrong role, a machine and a page of another site are refused, each in one entry as far as it is known who it was.
#[tokio::test]
async fn t77_each_function_of_staff_is_for_its_role_alone() {
    let town = Town::start(Backend::Embedded, &plan()).await;
    let mut counter = Desk::of(&town, "kato").await;
    for path in ["/admin/v1/identity-reviews", "/admin/v1/link-reviews"] {
        assert_eq!(counter.get(path).await.status, 200, "{path}");
    }
    let mut expected: Vec<(String, String)> =
        vec![("allowed".to_owned(), "counter-duty".to_owned()); 2];
    let reason = json!({"note": "x"});
    let decision = json!({"revision": 1});
    for (method, path, body, why) in [
        (Method::GET, "/connectors/v1", None, "connectors role-missing"),
        (Method::GET, "/staff/v1/clients", None, "clients-look role-missing"),
        (Method::GET, "/staff/v1/clients/app", None, "clients-look app role-missing"),
        (
            Method::POST,
            "/staff/v1/clients",
            Some(json!({"client": app("walk"), "note": "x"})),
            "client-apply role-missing",
        ),
        (
            Method::POST,
            "/staff/v1/clients/app/approve",
            Some(decision.clone()),
            "client-approve app role-missing",
        ),
        (
            Method::POST,
            "/staff/v1/clients/app/deny",
            Some(decision),
            "client-deny app role-missing",
        ),
        (
            Method::POST,
            "/staff/v1/clients/app/suspend",
            Some(reason.clone()),
            "client-suspend app role-missing",
        ),
        (
            Method::POST,
            "/staff/v1/clients/app/resume",
            Some(reason.clone()),
            "client-resume app role-missing",
        ),
        (Method::POST, "/staff/v1/clients/app/end", Some(reason), "client-end app role-missing"),
    ] {
        let answer = counter.ask(method.clone(), path, body).await;
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.text());
        expected.push(("denied".to_owned(), why.to_owned()));
    }
    assert_eq!(acts(&town, "staff:kato").await, expected);

    let mut operator = Desk::of(&town, "inoue").await;
    assert_eq!(operator.get("/connectors/v1").await.status, 200);
    for path in ["/admin/v1/identity-reviews", "/admin/v1/link-reviews"] {
        assert_eq!(operator.get(path).await.status, 403, "{path}");
    }
    let refused = ["identity-reviews", "link-reviews"]
        .map(|act| ("denied".to_owned(), format!("{act} role-missing")));
    assert_eq!(acts(&town, "staff:inoue").await, refused);

    // Tools keep their queues; what needs a person refuses them.
    let token = town.token(STAFF).await;
    let queue = town.ask(Method::GET, "/admin/v1/link-reviews").bearer_auth(&token);
    assert_eq!(seen(queue).await.status, 200);
    let suspend = town.ask(Method::POST, "/staff/v1/clients/app/suspend").bearer_auth(&token);
    assert_eq!(seen(suspend.json(&json!({"note": "x"}))).await.status, 403);
    let said = acts(&town, "client:staff").await;
    let last = ("denied".to_owned(), "client-suspend app needs-a-person".to_owned());
    assert_eq!(said.last(), Some(&last));

    // A page of another site makes the browser of an operator send a form.
    let url = town.base.join("/staff").unwrap();
    let cookies = operator.browser.cookies(&url).unwrap();
    for origin in [None, Some("https://evil.example")] {
        let mut request = town.ask(Method::POST, "/staff/v1/clients/app/suspend");
        request = request.header("Cookie", &cookies).json(&json!({"note": "x"}));
        if let Some(origin) = origin {
            request = request.header("Origin", origin);
        }
        assert_eq!(seen(request).await.status, 403, "{origin:?}");
    }
}

#[tokio::test]
async fn t77_two_persons_let_a_client_in_and_its_end_is_final() {
    let mut town = Town::start(Backend::Embedded, &plan()).await;
    {
        let mut first = Desk::of(&town, "ishikawa").await;
        let body = json!({"client": app("walk"), "note": "申請書 第1号"});
        let applied = first.post("/staff/v1/clients", body).await;
        assert_eq!(applied.json(), json!({"id": "walk", "revision": 1}));
        let own = first.post("/staff/v1/clients/walk/approve", json!({"revision": 1})).await;
        assert_eq!(own.status, 403, "{}", own.text());
    }
    // By the shell she stays the same person.
    town.stop().await;
    let config = town.config();
    let config = config.to_str().unwrap();
    let approve = ["client", "approve", "walk", "--revision", "1", "--config", config, "--as"];
    let (done, said) = shell(&[&approve[..], &["ishikawa"]].concat()).await;
    assert!(!done && said.contains("cannot approve it"), "{said}");
    let (done, said) = shell(&[&approve[..], &["nobody"]].concat()).await;
    assert!(!done && said.contains("no member"), "{said}");
    let (done, said) = shell(&[&approve[..], &["ueda"]].concat()).await;
    assert!(done, "{said}");
    let suspend = ["client", "suspend", "walk", "--note", "苦情", "--as", "inoue"];
    let (done, said) = shell(&[&suspend[..], &["--config", config]].concat()).await;
    assert!(done, "{said}");
    let (_, said) = shell(&["client", "list", "--config", config]).await;
    assert!(said.contains("walk  suspended"), "{said}");
    town.open().await;

    let mut second = Desk::of(&town, "ueda").await;
    let ended = second.post("/staff/v1/clients/walk/end", json!({"note": "契約の終了"})).await;
    assert_eq!(ended.status, 204, "{}", ended.text());
    let shown = second.get("/staff/v1/clients/walk").await.json();
    assert_eq!(
        (&shown["state"], &shown["client"]["name"]["en"]),
        (&json!("ended"), &json!("Walking app"))
    );
    let again = second.post("/staff/v1/clients/walk/resume", json!({"note": "x"})).await;
    assert_eq!(again.status, 409);
    let steps: Vec<(&str, &str, &str)> = shown["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            let text = |name: &str| step[name].as_str().unwrap();
            (text("act"), text("by"), text("via"))
        })
        .collect();
    let expected = [
        ("applied", "ishikawa", "session"),
        ("approved", "ueda", "shell"),
        ("suspended", "inoue", "shell"),
        ("ended", "ueda", "session"),
    ];
    assert_eq!(steps, expected);
    let twice = ("denied".to_owned(), "client-approve walk own-request".to_owned());
    let of_first = acts(&town, "staff:ishikawa").await;
    assert_eq!(of_first[1..], [twice.clone(), twice]);
}

/// What one gateway was told holds in the other within half a second.
#[tokio::test]
async fn a_suspension_holds_in_every_process() {
    let town = Town::start(Backend::Postgres, &plan()).await;
    let replica = town.replica(&[]).await;
    let token = town.token(STAFF).await;
    let queue = || {
        let url = replica.base.join("/admin/v1/link-reviews").unwrap();
        town.http.get(url).bearer_auth(&token)
    };
    assert_eq!(seen(queue()).await.status, 200);
    let mut desk = Desk::of(&town, "inoue").await;
    let body = json!({"note": "鍵の漏えい"});
    assert_eq!(desk.post("/staff/v1/clients/staff/suspend", body).await.status, 204);
    let told = std::time::Instant::now();
    while seen(queue()).await.status == 200 {
        assert!(told.elapsed().as_millis() < 1_000, "the other gateway goes on");
    }
    assert!(told.elapsed().as_millis() < 1_000);
}

/// The Tsuno ID that the home page shows.
async fn tsuno_id(town: &Town, browser: &mut Browser) -> String {
    let home = browser.open(town.base.clone()).await.unwrap();
    let (_, rest) = home.body.split_once("<p class=\"id\">").unwrap();
    // In one piece, as the API writes it.
    rest.split_once('<').unwrap().0.replace('-', "")
}

#[tokio::test]
async fn t85_a_resident_is_told_who_of_staff_looked_why_and_in_which_case() {
    let town =
        Town::start(Backend::Embedded, &Plan { people: true, staff: true, ..Plan::default() })
            .await;
    let mut hanako = town.hanako().await;
    let login = town.connect(&mut hanako).await;
    let read = town.ask(Method::GET, &format!("/ngsi-ld/v1/entities/{}", login.person));
    assert_eq!(seen(read.bearer_auth(&login.token)).await.status, 200);
    let id = tsuno_id(&town, &mut hanako).await;

    let mut counter = Desk::of(&town, "kato").await;
    let scope = json!({"kind": "resident", "tsunoId": id});
    let body = json!({"reason": "inquiry", "note": "窓口に来られた", "hours": 1, "scope": scope});
    let opened = counter.post("/staff/v1/cases", body).await;
    assert_eq!(opened.status, 201, "{}", opened.text());
    let case = opened.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/staff/v1/cases/{case}");
    let file = counter.get(&format!("{path}/read")).await.json();
    assert_eq!(file["person"]["name"], "都農 花子");
    let csv = counter.get(&format!("{path}/read?form=csv")).await;
    assert_eq!(csv.status, 400);
    // A page of another site makes her browser look: nothing is read, and she is told of no look.
    let cookies = counter.browser.cookies(&town.base.join("/staff").unwrap()).unwrap();
    for (name, value) in
        [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example"), ("Accept", "*/*")]
    {
        let forged = town.ask(Method::GET, &format!("{path}/read")).header("Cookie", &cookies);
        assert_eq!(seen(forged.header(name, value)).await.status, 403, "{name}");
    }
    assert_eq!(Desk::of(&town, "mori").await.get(&format!("{path}/read")).await.status, 403);
    assert_eq!(counter.post(&format!("{path}/close"), json!({})).await.status, 204);
    assert_eq!(counter.get(&format!("{path}/read")).await.status, 403);

    let mut auditor = Desk::of(&town, "mori").await;
    let body = json!({"reason": "incident", "note": "端末の紛失", "hours": 1, "scope": {"kind": "breach"}});
    let opened = auditor.post("/staff/v1/cases", body).await.json();
    assert_eq!(opened["state"], "waiting");
    let breach = opened["id"].as_str().unwrap().to_owned();
    let path = format!("/staff/v1/cases/{breach}");
    assert_eq!(auditor.get(&format!("{path}/read")).await.status, 403);
    assert_eq!(auditor.post(&format!("{path}/approve"), json!({})).await.status, 403);
    let mut second = Desk::of(&town, "ueda").await;
    assert_eq!(second.post(&format!("{path}/approve"), json!({})).await.status, 204);
    assert_eq!(second.get(&format!("{path}/read")).await.status, 403);
    let found = auditor.get(&format!("{path}/read")).await.json();
    assert_eq!((&found["persons"], &found["concerned"][0]["person"]), (&json!(1), &json!(id)));
    let csv = auditor.get(&format!("{path}/read?form=csv&encoding=utf-8")).await;
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert!(csv.text().contains(&id));
    let cp932 = auditor.get(&format!("{path}/read?form=csv&encoding=cp932")).await;
    assert_eq!(cp932.header("content-type"), Some("text/csv; charset=windows-31j"));

    let url = town.base.join("/me/access-log").unwrap();
    let (_, log) = hanako.json(Method::GET, url, None).await.unwrap();
    let looks: Vec<(&str, &str, &str)> = log["accesses"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|access| access["actor"] == "staff")
        .map(|access| {
            let text = |name: &str| access[name].as_str().unwrap();
            (text("actorJa"), text("case"), text("action"))
        })
        .collect();
    let who = "役場の職員";
    let expected = [
        (who, breach.as_str(), "query"),
        (who, breach.as_str(), "query"),
        (who, breach.as_str(), "query"),
        // Refused: it was closed.
        (who, case.as_str(), "read"),
        (who, case.as_str(), "write"),
        // Refused: it was another member's.
        (who, case.as_str(), "read"),
        (who, case.as_str(), "read"),
        (who, case.as_str(), "write"),
    ];
    assert_eq!(looks, expected);
    let page = hanako.open(town.base.join("/access-log").unwrap()).await.unwrap();
    let text = page.text();
    assert!(text.contains("役場の職員が") && text.contains("ご本人からの問い合わせ"), "{text}");
    assert!(text.contains(&case) && text.contains(&breach) && !text.contains("kato"));
}

#[tokio::test]
async fn t62_at_the_counter_the_account_says_who_the_clerk_is() {
    let town =
        Town::start(Backend::Embedded, &Plan { people: true, staff: true, ..Plan::default() })
            .await;
    let mut hanako = town.hanako().await;
    let id = tsuno_id(&town, &mut hanako).await;
    let mut counter = Desk::of(&town, "kato").await;
    let asked = json!({"client": APP, "purpose": "health-coaching", "dataClasses": ["contact"],
        "actions": ["read"], "days": 30, "lang": "ja"});
    let notice = counter.post("/counter/v1/notice", asked.clone()).await.json();
    let path = format!("/counter/v1/residents/{id}/consents");
    // She types the name of a colleague.
    let assisted = json!({"clerk": "mori", "identity": "passport", "noticeRead": notice["sha256"]});
    let given = counter.post(&path, json!({"asked": asked, "assisted": assisted})).await;
    assert_eq!(given.status, 201, "{}", given.text());
    let consent = given.json()["id"].as_str().unwrap().to_owned();
    let ended = format!("{path}/{consent}/withdraw");
    let body = json!({"assisted": {"identity": "passport"}});
    assert_eq!(counter.post(&ended, body).await.status, 200);

    let allowed = |reason: &str| ("allowed".to_owned(), reason.to_owned());
    assert_eq!(acts(&town, "staff:kato").await, [allowed("given"), allowed("withdrawn")]);
    let url = town.base.join(&format!("/consents/v1/{consent}")).unwrap();
    let (_, told) = hanako.json(Method::GET, url, None).await.unwrap();
    for event in told["events"].as_array().unwrap() {
        assert_eq!((&event["by"], &event["actedBy"]["clerk"]), (&json!("counter"), &json!("kato")));
    }
    // She is told that it was the counter.
    let url = town.base.join("/me/access-log").unwrap();
    let (_, log) = hanako.json(Method::GET, url, None).await.unwrap();
    let accesses = log["accesses"].as_array().unwrap();
    let acts = accesses.iter().filter(|access| access["action"] == "consent");
    let said: Vec<_> = acts.map(|a| [&a["actor"], &a["actorJa"], &a["actorEn"]]).collect();
    let counter = [&json!("staff"), &json!("役場の窓口"), &json!("Town hall counter")];
    assert_eq!(said, [counter, counter]);
    let page = hanako.open(town.base.join("/access-log").unwrap()).await.unwrap();
    assert!(page.text().contains("役場の窓口が"), "{}", page.text());
}
