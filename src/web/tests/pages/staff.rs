//! Staff log in by a way of their own, and are what the configuration says.

use tsunagu_staff::{Configured, Role};

use super::town::{Town, members};

#[actix_web::test]
async fn a_member_logs_in_is_shown_their_roles_and_logs_out() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    assert!(browser.get("/staff").await.says("href=\"/staff/login/xid?"));
    let back = browser.log_in_as_staff("hanako").await;
    assert_eq!((back.status, back.location.as_deref()), (303, Some("/staff")));
    let home = browser.get("/staff").await;
    assert!(home.says("kato としてログインしています") && home.says("窓口"), "{}", home.body);
    assert!(!home.says("監査"));
    let refused = browser.post("/staff/logout", &[("csrf", "guessed")]).await;
    assert_eq!(refused.status, 403);
    let csrf = browser.get("/staff").await.field("csrf");
    assert_eq!(browser.post("/staff/logout", &[("csrf", &csrf)]).await.status, 303);
    assert!(browser.get("/staff").await.says("href=\"/staff/login/xid?"));
}

#[actix_web::test]
async fn an_account_without_a_role_or_behind_a_password_alone_gets_nothing() {
    let town = Town::new().await;
    for (code, says) in
        [("nonsense", "ログインできませんでした"), ("weak", "もう一つ確認が必要です")]
    {
        let mut browser = town.browser().await;
        let seen = browser.log_in_as_staff(code).await;
        assert!(seen.says(says), "{code}: {}", seen.body);
        assert_eq!(browser.cookie("tsunagu-staff"), None, "{code}");
    }
    let nobody: Vec<Configured> = members().into_iter().filter(|m| m.name != "kato").collect();
    town.staff.members.configure(&town.tenant, &nobody).await.unwrap();
    let mut browser = town.browser().await;
    let seen = browser.log_in_as_staff("hanako").await;
    assert_eq!(seen.status, 403);
    assert!(seen.says("職員として登録されていません"));
}

/// Logins of residents and of staff are two things: neither session is good for the other, and neither login finishes the other.
#[actix_web::test]
async fn t22_a_residents_login_is_none_of_staff() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    browser.log_in("hanako", "/").await;
    assert!(browser.get("/staff").await.says("href=\"/staff/login/xid?"));
    let mut staff = town.browser().await;
    staff.log_in_as_staff("hanako").await;
    assert!(!staff.get("/").await.says("花子"));
    assert_eq!(staff.get("/access-log").await.status, 403);

    let begun = town.browser().await.get("/login/xid").await.location.unwrap();
    let mut mixed = town.browser().await;
    let own = mixed.get("/login/xid").await.location.unwrap();
    for location in [begun, own] {
        let state = location.split_once("state=").unwrap().1;
        let path = format!("/staff/login/xid/callback?code=hanako&state={state}");
        let seen = mixed.get(&path).await;
        assert!(seen.says("ログインの時間が切れました"), "{}", seen.body);
        assert_eq!(mixed.cookie("tsunagu-staff"), None);
    }
}

/// Roles are those of the moment, not those of the login, and a change of them is in the log.
#[actix_web::test]
async fn t77_a_role_that_is_taken_away_is_gone_from_sessions_too() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    browser.log_in_as_staff("taro").await;
    assert!(browser.get("/staff").await.says("運用"));
    let mut changed = members();
    changed.iter_mut().find(|member| member.name == "inoue").unwrap().roles = vec![Role::Auditor];
    town.staff.members.configure(&town.tenant, &changed).await.unwrap();
    let home = browser.get("/staff").await;
    assert!(home.says("監査") && !home.says("運用"));
    let gone: Vec<Configured> = changed.into_iter().filter(|m| m.name != "inoue").collect();
    town.staff.members.configure(&town.tenant, &gone).await.unwrap();
    assert!(browser.get("/staff").await.says("href=\"/staff/login/xid?"));
    let said = town.acts_of("platform:configuration").await;
    let of_inoue: Vec<&String> = said.iter().filter(|reason| reason.contains("inoue")).collect();
    let expected = [
        "staff-roles inoue operator,approver",
        "staff-roles inoue auditor",
        "staff-roles inoue none",
    ];
    assert_eq!(of_inoue, expected);
}

#[actix_web::test]
async fn a_name_stays_with_its_account_and_an_account_is_one_member() {
    let town = Town::new().await;
    let mut other = members();
    other[0].subject = "somebody-else".to_owned();
    let refused = town.staff.members.configure(&town.tenant, &other).await.unwrap_err();
    assert!(refused.detail.contains("belonged to another account"));
    let mut twice = members();
    twice[1].subject = twice[0].subject.clone();
    let refused = town.staff.members.configure(&town.tenant, &twice).await.unwrap_err();
    assert!(refused.detail.contains("one person is one member"));
}

fn registration(id: &str) -> String {
    serde_json::json!({
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
    .to_string()
}

#[actix_web::test]
async fn t77_two_persons_register_a_client_by_page_and_one_alone_cannot() {
    let town = Town::new().await;
    let mut counter = town.browser().await;
    counter.log_in_as_staff("hanako").await;
    assert_eq!(counter.get("/staff/clients").await.status, 403);
    let mut inoue = town.browser().await;
    inoue.log_in_as_staff("taro").await;
    let form = inoue.get("/staff/clients/apply").await;
    let csrf = form.field("csrf");
    let fields = |registration: &str| {
        [
            ("csrf", csrf.clone()),
            ("registration", registration.to_owned()),
            ("note", "第1号".to_owned()),
        ]
    };
    let of = |fields: &[(&'static str, String)]| -> Vec<(String, String)> {
        fields.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect()
    };
    let wrong = inoue.post_all("/staff/clients/apply", &of(&fields("{}"))).await;
    assert!(wrong.says("内容を確かめてください"), "{}", wrong.body);
    let sent = inoue.post_all("/staff/clients/apply", &of(&fields(&registration("walk")))).await;
    assert_eq!(sent.location.as_deref(), Some("/staff/clients/walk"), "{}", sent.body);

    // He has both roles and sees no button; pressing it all the same is refused.
    let own = inoue.get("/staff/clients/walk").await;
    assert!(own.says("承認できません") && !own.says("/staff/clients/walk/approve"));
    let approve = [("csrf", csrf.as_str()), ("revision", "1"), ("note", "")];
    let refused = inoue.post("/staff/clients/walk/approve", &approve).await;
    assert_eq!(refused.status, 403);

    let mut ueda = town.browser().await;
    ueda.log_in_as_staff("jiro").await;
    let csrf = ueda.get("/staff/clients/walk").await.field("csrf");
    let approve = [("csrf", csrf.as_str()), ("revision", "2"), ("note", "")];
    let unseen = ueda.post("/staff/clients/walk/approve", &approve).await;
    assert_eq!(unseen.status, 409);
    assert!(unseen.says("先にほかの変更がありました"));
    let forged = [("csrf", "guessed"), ("revision", "1"), ("note", "")];
    assert_eq!(ueda.post("/staff/clients/walk/approve", &forged).await.status, 403);
    let approve = [("csrf", csrf.as_str()), ("revision", "1"), ("note", "")];
    assert_eq!(ueda.post("/staff/clients/walk/approve", &approve).await.status, 303);
    let shown = ueda.get("/staff/clients/walk").await;
    assert!(shown.says("有効") && shown.says("承認（ueda）") && shown.says("申請（inoue）"));

    let stop = [("csrf", csrf.as_str()), ("note", "苦情のため")];
    assert_eq!(ueda.post("/staff/clients/walk/suspend", &stop).await.status, 303);
    assert_eq!(ueda.post("/staff/clients/walk/resume", &stop).await.status, 403);
    assert!(ueda.get("/staff/clients").await.says("停止中"));

    assert_eq!(town.acts_of("staff:kato").await, ["clients-look role-missing"]);
    let expected = ["client-applied walk revision-1", "client-approve walk own-request"];
    assert_eq!(town.acts_of("staff:inoue").await, expected);
    let expected = [
        "client-approve walk changed-since",
        "client-approved walk revision-1",
        "client-suspended walk",
        "client-resume walk own-request",
    ];
    assert_eq!(town.acts_of("staff:ueda").await, expected);
}

/// A look by page: the resident is told, a search needs a second person, a log is saved as CSV.
#[actix_web::test]
async fn t85_staff_look_in_cases_by_page_and_residents_see_it() {
    let town = Town::new().await;
    let mut hanako = town.browser().await;
    hanako.log_in("hanako", "/").await;
    let id = hanako.tsuno_id().await.to_string();

    let mut kato = town.browser().await;
    kato.log_in_as_staff("hanako").await;
    let form = kato.get("/staff/cases/new?kind=resident").await;
    let csrf = form.field("csrf");
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let fields = |kind: &str, more: &[(&str, &str)]| {
        let ours = [("csrf", csrf.as_str()), ("kind", kind), ("reason", "inquiry"), ("hours", "1")];
        let all = ours.iter().chain([("note", "窓口に来られた")].iter()).chain(more);
        all.map(|(name, value)| field(name, value)).collect::<Vec<_>>()
    };
    let wrong = kato.post_all("/staff/cases/new", &fields("resident", &[("tsunoId", "x")])).await;
    assert!(wrong.says("内容を確かめてください"), "{}", wrong.body);
    let mut forged = fields("resident", &[("tsunoId", &id)]);
    forged[0].1 = "guessed".to_owned();
    assert_eq!(kato.post_all("/staff/cases/new", &forged).await.status, 403);
    let opened = kato.post_all("/staff/cases/new", &fields("resident", &[("tsunoId", &id)])).await;
    let case = opened.location.unwrap();
    let seen = kato.post(&format!("{case}/read"), &[("csrf", &csrf)]).await;
    assert!(seen.says("都農 花子") && seen.says("1950-04-01"), "{}", seen.body);

    let log = hanako.get("/access-log").await;
    assert!(log.says("役場の職員が") && log.says("ご本人からの問い合わせ"), "{}", log.body);
    assert!(log.says(case.rsplit('/').next().unwrap()) && !log.says("kato"));

    assert_eq!(kato.post(&format!("{case}/close"), &[("csrf", &csrf)]).await.status, 303);
    assert_eq!(kato.post(&format!("{case}/read"), &[("csrf", &csrf)]).await.status, 403);
    assert_eq!(kato.get("/staff/cases/new?kind=breach").await.status, 403);

    let search = fields("search", &[("name", "都農 花子")]);
    let search = kato.post_all("/staff/cases/new", &search).await.location.unwrap();
    assert!(kato.get(&search).await.says("承認待ち"));
    assert_eq!(kato.post(&format!("{search}/read"), &[("csrf", &csrf)]).await.status, 403);
    let mut ueda = town.browser().await;
    ueda.log_in_as_staff("jiro").await;
    let secret = ueda.get(&search).await.field("csrf");
    let approved = ueda.post(&format!("{search}/approve"), &[("csrf", &secret)]).await;
    assert_eq!(approved.status, 303);
    let found = kato.post(&format!("{search}/read"), &[("csrf", &csrf)]).await;
    assert!(found.says("都農 花子"), "{}", found.body);

    let mut mori = town.browser().await;
    mori.log_in_as_staff("counter").await;
    let form = mori.get("/staff/cases/new?kind=provisions").await;
    let own = form.field("csrf");
    let mut provisions = fields("provisions", &[("from", "2026-11-01")]);
    provisions[0].1.clone_from(&own);
    let provisions = mori.post_all("/staff/cases/new", &provisions).await.location.unwrap();
    assert_eq!(ueda.post(&format!("{provisions}/approve"), &[("csrf", &secret)]).await.status, 303);
    let csv = mori.post(&format!("{provisions}/read"), &[("csrf", &own), ("form", "csv")]).await;
    assert!(csv.says("提供年月日"), "{}", csv.body);
    let page = mori.post(&format!("{provisions}/read"), &[("csrf", &own)]).await;
    assert!(page.says("消された記録"), "{}", page.body);
}

/// The counter's queue is its standing duty; to others it is closed. What is decided holds at the next login.
#[actix_web::test]
async fn the_counter_decides_who_somebody_is_by_page() {
    let town = Town::new().await;
    let mut sakura = town.browser().await;
    let told = sakura.log_in("counter", "/").await;
    assert!(told.says("窓口で確認します"));
    let mut inoue = town.browser().await;
    inoue.log_in_as_staff("taro").await;
    assert_eq!(inoue.get("/staff/queue").await.status, 403);
    let mut kato = town.browser().await;
    kato.log_in_as_staff("hanako").await;
    let queue = kato.get("/staff/queue").await;
    assert!(queue.says("町内かどうか、わかりません"), "{}", queue.body);
    let (_, rest) = queue.body.split_once("/staff/queue/identity/").unwrap();
    let reference = rest.split('"').next().unwrap();
    assert!(told.says(reference));
    let address = format!("/staff/queue/identity/{reference}");
    let secret = queue.field("csrf");
    let forged = kato.post(&address, &[("csrf", "guessed"), ("decision", "new")]).await;
    assert_eq!(forged.status, 403);
    let decided = kato.post(&address, &[("csrf", &secret), ("decision", "new")]).await;
    assert_eq!(decided.status, 303);
    assert!(kato.get("/staff/queue").await.says("決定済み"));
    assert_eq!(sakura.log_in("counter", "/").await.status, 303);
    assert_eq!(town.acts_of("staff:inoue").await, ["counter-reviews role-missing"]);
    let expected = ["counter-duty", "counter-new-resident", "counter-duty"];
    assert_eq!(town.acts_of("staff:kato").await, expected);
}
