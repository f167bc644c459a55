//! What the policies decide, and which policies are loaded at all.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use tsunagu_domain::{Assurance, Catalogue, Level, Timestamp, TsunoId};
use tsunagu_ngsi_ld::Context;
use tsunagu_policy::{
    Asked, Client, Denied, Grant, GrantedType, Policies, PolicyError, Principal, StaffCase, View,
    decide,
};

const CATALOGUE: &[u8] = include_bytes!("../../../schemas/catalogue.json");
const FROM: Timestamp = 1_000;
const UNTIL: Timestamp = 2_000;
const HANAKO: TsunoId = TsunoId::from_bytes([1; 16]);

fn iri(term: &str) -> String {
    Context::core().expand(term).into_owned()
}

fn granted(entity_type: &str, attributes: &[&str]) -> GrantedType {
    let attributes = attributes.iter().map(|name| iri(name)).collect();
    GrantedType { entity_type: iri(entity_type), attributes }
}

fn grant() -> Grant {
    Grant {
        id: "c1".to_owned(),
        version: 1,
        subject: HANAKO,
        client: "health".parse().unwrap(),
        purpose: "health-coaching".to_owned(),
        read: vec![granted("Person", &["name", "address"]), granted("HealthActivity", &["steps"])],
        write: vec![granted("HealthActivity", &["person", "steps"])],
        valid_from: FROM,
        valid_until: UNTIL,
        live: true,
        frequency: None,
    }
}

fn client(id: &str) -> Client {
    Client {
        id: id.parse().unwrap(),
        sector: None,
        publishes: Vec::new(),
        reads_open_data: true,
        writes_open_data: true,
        manages_sources: true,
    }
}

fn levels(ial: Level, aal: Level) -> Assurance {
    Assurance { ial, aal, ..Assurance::default() }
}

fn asked(policies: &Policies, now: Timestamp, principal: Principal<'_>) -> Result<View, Denied> {
    let read = |term: &str| Context::core().expand(term).into_owned();
    let catalogue = Arc::new(Catalogue::read(CATALOGUE, read).unwrap());
    let tenant = "town".parse().unwrap();
    policies.decide(&Asked { tenant: &tenant, catalogue: &catalogue, now, principal })
}

/// A consumer's request, of which each case changes one thing.
struct Case {
    policies: Policies,
    client: Client,
    subject: TsunoId,
    grant: Option<Arc<Grant>>,
    purpose: Option<&'static str>,
    assurance: Assurance,
    now: Timestamp,
}

impl Case {
    fn right() -> Self {
        Self {
            policies: Policies::built_in().unwrap().clone(),
            client: client("health"),
            subject: HANAKO,
            grant: Some(Arc::new(grant())),
            purpose: Some("health-coaching"),
            assurance: levels(Level::Substantial, Level::Substantial),
            now: FROM,
        }
    }

    fn grant(&mut self) -> &mut Grant {
        Arc::make_mut(self.grant.as_mut().unwrap())
    }

    fn decide(&self) -> Result<View, Denied> {
        let principal = Principal::Consumer {
            client: &self.client,
            subject: self.subject,
            grant: self.grant.as_ref(),
            purpose: self.purpose,
            assurance: &self.assurance,
        };
        asked(&self.policies, self.now, principal)
    }

    fn denied(change: impl FnOnce(&mut Self)) -> Option<Denied> {
        let mut case = Self::right();
        change(&mut case);
        case.decide().err()
    }
}

fn reads(view: &View) -> Vec<String> {
    let granted = view.grant().unwrap().read.iter();
    granted.flat_map(|granted| granted.attributes.clone()).collect()
}

fn because(view: &View) -> (Vec<&str>, Vec<&str>) {
    (view.allowed_by(false).collect(), view.allowed_by(true).collect())
}

#[test]
fn a_consent_opens_what_it_names() {
    let view = Case::right().decide().unwrap();
    assert_eq!(reads(&view), [iri("name"), iri("address"), iri("steps")]);
    assert_eq!(view.grant().unwrap().write, grant().write);
    assert_eq!(because(&view), (vec!["consented-reading"], vec!["consented-writing"]));
    // Whatever the client is registered for beside it.
    assert!(view.may_write_open_data().is_err() && view.may_manage_sources().is_err());
    assert!(Case::denied(|case| case.purpose = None).is_none());
    assert!(Case::denied(|case| case.now = UNTIL - 1).is_none());
}

#[test]
fn a_view_knows_how_sure_the_login_behind_it_was_and_one_kept_lately_does_not_answer_for_another() {
    let mut case = Case::right();
    for (ial, aal, reached) in [
        (Level::Substantial, Level::Substantial, Level::Substantial),
        (Level::High, Level::High, Level::High),
        (Level::High, Level::Substantial, Level::Substantial),
        (Level::Substantial, Level::Substantial, Level::Substantial),
    ] {
        case.assurance = levels(ial, aal);
        assert_eq!(case.decide().unwrap().assurance(), Some(reached), "{ial:?} {aal:?}");
    }
    let machine = client("register");
    let built_in = Policies::built_in().unwrap();
    let view = asked(built_in, FROM, Principal::Machine { client: &machine }).unwrap();
    assert_eq!(view.assurance(), None);
}

#[test]
fn each_condition_of_a_consent_decides() {
    let in_grant = |change: fn(&mut Grant)| Case::denied(|case| change(case.grant()));
    for (what, denied) in [
        ("none", Case::denied(|case| case.grant = None)),
        ("withdrawn or paused", in_grant(|grant| grant.live = false)),
        ("another client's", in_grant(|grant| grant.client = "other".parse().unwrap())),
        ("another resident's", in_grant(|grant| grant.subject = TsunoId::from_bytes([2; 16]))),
        ("for another resident", Case::denied(|case| case.subject = TsunoId::from_bytes([2; 16]))),
        ("for another client", Case::denied(|case| case.client = client("other"))),
        ("before its time", Case::denied(|case| case.now = FROM - 1)),
        ("at its end", Case::denied(|case| case.now = UNTIL)),
    ] {
        assert_eq!(denied, Some(Denied::NoConsent), "{what}");
    }
    for (ial, aal) in [(Level::Low, Level::High), (Level::High, Level::Low)] {
        let denied = Case::denied(|case| case.assurance = levels(ial, aal));
        assert_eq!(denied, Some(Denied::LowAssurance));
    }
}

#[test]
fn t57_consent_for_one_purpose_is_none_for_another() {
    let denied = Case::denied(|case| case.purpose = Some("research"));
    assert_eq!(denied, Some(Denied::OtherPurpose));
    // The worse reason first.
    let denied = Case::denied(|case| {
        case.purpose = Some("research");
        case.grant().live = false;
    });
    assert_eq!(denied.as_ref().map(Denied::policy), Some("no-live-consent"));
}

#[test]
fn an_attribute_named_for_the_individual_number_is_not_opened_by_consent() {
    let mut case = Case::right();
    let number = granted("Person", &["myNumber"]);
    let grant = case.grant();
    grant.read = vec![granted("Person", &["name", "個人番号"]), number.clone()];
    grant.write = vec![number];
    let view = case.decide().unwrap();
    assert_eq!(reads(&view), [iri("name")]);
    assert!(view.grant().unwrap().write.is_empty());
    assert_eq!(because(&view), (vec!["consented-reading"], vec![]));
}

#[test]
fn the_others_have_what_is_theirs() {
    let built_in = Policies::built_in().unwrap();
    let seen = |principal| asked(built_in, FROM, principal);
    let mut machine = client("register");
    machine.publishes = vec![iri("Person")];
    let view = seen(Principal::Machine { client: &machine }).unwrap();
    assert!(view.may_see_type(&iri("Person")) && !view.may_see_type(&iri("HealthActivity")));
    assert!(view.may_write_open_data().is_ok() && view.may_manage_sources().is_ok());
    assert_eq!(because(&view), (vec!["publisher"], vec!["publisher"]));
    let none = Client {
        reads_open_data: false,
        writes_open_data: false,
        manages_sources: false,
        ..client("none")
    };
    let view = seen(Principal::Machine { client: &none }).unwrap();
    assert!(view.may_write_open_data().is_err() && view.may_manage_sources().is_err());
    assert!(!view.may_see_type("x:Building") && !view.may_see_persons());

    let strong = levels(Level::Substantial, Level::High);
    let view = seen(Principal::Resident { subject: HANAKO, assurance: &strong }).unwrap();
    assert_eq!((view.only_subject(), because(&view)), (Some(HANAKO), (vec!["own-data"], vec![])));
    assert!(view.may_see_type("x:Building") && view.may_write_open_data().is_err());
    let weak = levels(Level::Low, Level::High);
    let denied = seen(Principal::Resident { subject: HANAKO, assurance: &weak });
    assert_eq!(denied.err(), Some(Denied::LowAssurance));

    for open in [true, false] {
        let view = seen(Principal::Anonymous { reads_open_data: open }).unwrap();
        assert_eq!(view.may_see_type("x:Building"), open);
        assert!(!view.may_see_persons() && view.may_write_open_data().is_err());
    }
    let view = seen(Principal::Platform { task: "test" }).unwrap();
    assert!(view.may_see_persons() && view.may_write_open_data().is_ok());
    assert_eq!(because(&view), (vec!["platform"], vec!["platform"]));
}

const FORBID: &str = r#"
@id("no-addresses-for-research")
@ja("研究に住所は使わないため")
@en("because research does not need addresses")
forbid (principal, action == Action::"read", resource == Attribute::"TYPE ATTRIBUTE")
when { context has consent && context.consent.purpose == "research" };
@id("not-this-one")
@ja("この事業者とは契約が終わったため")
@en("because the contract with this service has ended")
forbid (principal == Consumer::"gone", action, resource);
@id("nothing-at-all")
@ja("なにも許さないため")
@en("because nothing is allowed")
forbid (principal is Task, action, resource);
"#;

fn town() -> Policies {
    let cedar = FORBID.replace("TYPE", &iri("Person")).replace("ATTRIBUTE", &iri("address"));
    Policies::with_forbids(&cedar).unwrap()
}

#[test]
fn a_town_forbids_more() {
    let mut case = Case { policies: town(), purpose: None, ..Case::right() };
    assert_eq!(reads(&case.decide().unwrap()).len(), 3);
    case.grant().purpose = "research".to_owned();
    assert_eq!(reads(&case.decide().unwrap()), [iri("name"), iri("steps")]);
    assert_eq!(
        case.policies.reason("no-addresses-for-research").unwrap().ja,
        "研究に住所は使わないため"
    );

    case.client = client("gone");
    case.grant().client = "gone".parse().unwrap();
    let denied = case.decide().unwrap_err();
    assert_eq!(denied, Denied::ByTown("not-this-one".to_owned()));
    // What the policies of the program say comes first, and the platform goes on.
    case.grant = None;
    assert_eq!(case.decide().unwrap_err(), Denied::NoConsent);
    assert!(asked(&town(), FROM, Principal::Platform { task: "test" }).is_ok());
}

#[test]
fn t78_policies_that_are_not_proven_are_not_loaded() {
    let with = |from: &str, to: &str| {
        assert!(FORBID.contains(from), "{from}");
        Policies::with_forbids(&FORBID.replace(from, to)).unwrap_err()
    };
    let permits = with("forbid (principal == Consumer", "permit (principal == Consumer");
    assert_eq!(permits, PolicyError::Permits("not-this-one".to_owned()));
    for (from, to) in [
        ("Consumer::\"gone\"", "Vendor::\"gone\""),
        ("context.consent.purpose == \"research\"", "context.consent.reason == \"research\""),
        ("context has consent && context.consent", "context.consent"),
        ("== \"research\"", "== 7"),
        ("== \"research\"", "> \"research\""),
        ("Action::\"read\"", "Action::\"look\""),
        ("principal == Consumer::\"gone\"", "principal == ?principal"),
    ] {
        assert!(matches!(with(from, to), PolicyError::Unfit(_)), "{to}");
    }
    for (from, to) in [
        ("@id(\"not-this-one\")", ""),
        ("@id(\"not-this-one\")", "@id(\"Not this one\")"),
        ("@id(\"not-this-one\")", "@id(\"consented-reading\")"),
        ("@id(\"not-this-one\")", "@id(\"nothing-at-all\")"),
        ("@ja(\"なにも許さないため\")", ""),
        ("@en(\"because nothing is allowed\")", "@en(\"\")"),
    ] {
        assert!(matches!(with(from, to), PolicyError::Unexplained(_)), "{to}");
    }
    assert!(matches!(with("forbid (", "forbid ["), PolicyError::Unreadable(_)));
    let fetched =
        with("@id(\"not-this-one\")", "@id(\"x\") import \"https://policies.example/all.cedar\";");
    assert!(matches!(fetched, PolicyError::Unreadable(_)));
}

/// The town's time: beyond it, nobody reads.
const CURFEW: &str = r#"@id("curfew") @ja("夜は読めないため") @en("because nobody reads at night")
forbid (principal is Consumer, action == Action::"actFor", resource) when { context.now >= 2000 };"#;

#[test]
fn what_was_decided_lately_holds_no_longer_than_its_facts() {
    let read = |term: &str| Context::core().expand(term).into_owned();
    let catalogue = Arc::new(Catalogue::read(CATALOGUE, read).unwrap());
    let tenant = "town".parse().unwrap();
    let (health, strong) = (client("health"), levels(Level::Substantial, Level::Substantial));
    let weak = levels(Level::Low, Level::Substantial);
    let decide = |policies: &Policies, grant: &Arc<Grant>, purpose, assurance, now| {
        let (subject, grant) = (HANAKO, Some(grant));
        let principal = Principal::Consumer { client: &health, subject, grant, purpose, assurance };
        policies.decide(&Asked { tenant: &tenant, catalogue: &catalogue, now, principal })
    };
    let built_in = Policies::built_in().unwrap();
    let given = Arc::new(grant());
    for now in [FROM, FROM + 1, UNTIL - 1, FROM] {
        let view = decide(built_in, &given, None, &strong, now).unwrap();
        assert_eq!((view.now(), reads(&view).len()), (now, 3));
    }
    // The same consent, asked about differently.
    assert_eq!(decide(built_in, &given, None, &strong, UNTIL).unwrap_err(), Denied::NoConsent);
    assert_eq!(decide(built_in, &given, None, &strong, FROM - 1).unwrap_err(), Denied::NoConsent);
    let other = decide(built_in, &given, Some("research"), &strong, FROM);
    assert_eq!(other.unwrap_err(), Denied::OtherPurpose);
    assert_eq!(decide(built_in, &given, None, &weak, FROM).unwrap_err(), Denied::LowAssurance);
    // The next version of it.
    let narrowed = Grant { version: 2, read: vec![granted("Person", &["name"])], ..grant() };
    let view = decide(built_in, &Arc::new(narrowed), None, &strong, FROM).unwrap();
    assert_eq!(reads(&view), [iri("name")]);
    let withdrawn = Grant { version: 3, live: false, ..grant() };
    let denied = decide(built_in, &Arc::new(withdrawn), None, &strong, FROM).unwrap_err();
    assert_eq!(denied, Denied::NoConsent);
    // What a town forbids may look at the clock in its own way: it is asked again within a second.
    let curfew = Policies::with_forbids(CURFEW).unwrap();
    let second = 1_000_000;
    let longer = Arc::new(Grant { valid_until: 10 * second, ..grant() });
    assert!(decide(&curfew, &longer, None, &strong, 1_999).is_ok());
    let late = decide(&curfew, &longer, None, &strong, 1_999 + second);
    assert_eq!(late.unwrap_err(), Denied::ByTown("curfew".to_owned()));
}

#[test]
fn without_a_town_the_free_function_decides_the_same() {
    let catalogue = Arc::new(Catalogue::read(CATALOGUE, iri).unwrap());
    let tenant = "town".parse().unwrap();
    let assurance = levels(Level::Low, Level::Low);
    let (client, grant) = (client("health"), Arc::new(grant()));
    let principal = Principal::Consumer {
        client: &client,
        subject: HANAKO,
        grant: Some(&grant),
        purpose: None,
        assurance: &assurance,
    };
    let asked = Asked { tenant: &tenant, catalogue: &catalogue, now: FROM, principal };
    assert_eq!(decide(&asked).err(), Some(Denied::LowAssurance));
}

/// A member of staff sees in a case of their own, about whom it is about, while it is open; and writes nothing.
#[test]
fn staff_see_in_a_case_alone() {
    let built_in = Policies::built_in().unwrap();
    let case = StaffCase {
        said: "inquiry 20261130-0a1b2c3d".to_owned(),
        account: "a1".to_owned(),
        subject: Some(HANAKO),
        open: true,
        approved: false,
        from: FROM,
        until: UNTIL,
    };
    let seen = |account: &str, case: &StaffCase, now| {
        asked(built_in, now, Principal::Staff { name: "kato", account, case })
    };
    let view = seen("a1", &case, FROM).unwrap();
    assert_eq!((view.only_subject(), because(&view)), (Some(HANAKO), (vec!["staff-case"], vec![])));
    assert!(view.may_see_persons() && !view.may_see_type("x:Building"));
    let person = [iri("Person")];
    assert!(view.may_write(&person, Some(HANAKO), &iri("name")).is_err());

    let several = StaffCase { subject: None, ..case.clone() };
    let approved = StaffCase { approved: true, ..several.clone() };
    let view = seen("a1", &approved, FROM).unwrap();
    assert_eq!((view.only_subject(), because(&view)), (None, (vec!["staff-case-of-two"], vec![])));
    assert!(view.may_write(&person, Some(HANAKO), &iri("name")).is_err());
    assert!(view.may_write_open_data().is_err() && view.may_manage_sources().is_err());

    let closed = StaffCase { open: false, ..case.clone() };
    for (account, case, now) in [
        ("a2", &case, FROM),
        ("a1", &case, FROM - 1),
        ("a1", &case, UNTIL),
        ("a1", &closed, FROM),
        ("a2", &approved, FROM),
        ("a1", &approved, UNTIL),
    ] {
        assert_eq!(seen(account, case, now).err(), Some(Denied::CaseNotOpen));
    }
    assert_eq!(seen("a1", &several, FROM).err(), Some(Denied::Undecided));
}
