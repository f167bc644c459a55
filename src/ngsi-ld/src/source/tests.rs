use serde_json::{Value, json};

use super::*;
use crate::context::Context;
use crate::query::{Q, TypeSelection, id_pattern};

const NOW: i64 = 1_795_000_000_000_000;

fn parse(body: &Value) -> Result<Registration, crate::Error> {
    Registration::parse(&body.to_string(), &Context::core(), "urn:r:own", NOW)
}

fn minimal() -> Value {
    json!({
        "type": "ContextSourceRegistration",
        "information": [{"entities": [{"type": "Building"}], "propertyNames": ["name"]}],
        "endpoint": "https://other.example/ngsi-ld/v1",
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut body = minimal();
    body[name] = value;
    body
}

#[test]
fn what_is_registered_is_given_back() {
    let mut body = with("id", json!("urn:r:1"));
    for (name, value) in [
        ("registrationName", json!("都農")),
        ("tenant", json!("t")),
        ("location", json!({"type": "Point", "coordinates": [131.5, 32.2]})),
        ("observationInterval", json!({"startAt": "2020-01-01T00:00:00Z"})),
        (
            "managementInterval",
            json!({"startAt": "2020-01-01T00:00:00Z", "endAt": "2021-01-01T00:00:00Z"}),
        ),
        ("expiresAt", json!("2099-01-01T00:00:00Z")),
        ("contextSourceInfo", json!([{"key": "X-Key", "value": "v"}])),
        ("scope", json!(["/a", "/b/c"])),
        ("mode", json!("redirect")),
        ("operations", json!(["queryEntity"])),
        ("refreshRate", json!("PT5M")),
        (
            "management",
            json!({"localOnly": true, "timeout": 1000, "cooldown": 0.5, "cacheDuration": "P1DT1H"}),
        ),
        ("owner", json!({"type": "Property", "value": "x"})),
    ] {
        body[name] = value;
    }
    let registration = parse(&body).unwrap();
    let shown =
        |secrets| render(&registration, &Context::core(), Shape { secrets, ..Shape::default() });
    assert_eq!(shown(true), body);
    let stored = serde_json::to_string(&registration).unwrap();
    assert_eq!(serde_json::from_str::<Registration>(&stored).unwrap(), registration);
    assert!(shown(false).get("contextSourceInfo").is_none());
    let own = render(&parse(&minimal()).unwrap(), &Context::core(), Shape::default());
    assert_eq!((&own["id"], &own["mode"]), (&json!("urn:r:own"), &json!("inclusive")));
    assert_eq!(own["operations"], json!(["federationOps"]));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (name, value, pointer) in [
        ("id", json!("no uri"), "/id"),
        ("type", json!("Building"), "/type"),
        ("mode:", json!("inclusive"), "/mode:"),
        ("information", json!(null), "/information"),
        ("information", json!([]), "/information"),
        ("information", json!([{}]), "/information/0"),
        (
            "information",
            json!([{"entities": [{"id": "urn:e:1"}]}]),
            "/information/0/entities/0/type",
        ),
        (
            "information",
            json!([{"entities": [{"type": "T", "idPattern": "("}]}]),
            "/information/0/entities/0/idPattern",
        ),
        (
            "information",
            json!([{"entities": [{"type": "T", "other": 1}]}]),
            "/information/0/entities/0/other",
        ),
        ("information", json!([{"propertyNames": []}]), "/information/0/propertyNames"),
        ("information", json!([{"propertyNames": ["a-b"]}]), "/information/0/propertyNames"),
        ("endpoint", json!("ftp://x.example"), "/endpoint"),
        ("endpoint", json!(7), "/endpoint"),
        ("location", json!({"type": "Point", "coordinates": ["a"]}), "/location/coordinates"),
        (
            "observationInterval",
            json!({"endAt": "2020-01-01T00:00:00Z"}),
            "/observationInterval/startAt",
        ),
        ("managementInterval", json!({"startAt": "yesterday"}), "/managementInterval/startAt"),
        (
            "managementInterval",
            json!({"startAt": "2020-01-01T00:00:00Z", "endAt": "2019-01-01T00:00:00Z"}),
            "/managementInterval/endAt",
        ),
        ("expiresAt", json!("2020-01-01T00:00:00Z"), "/expiresAt"),
        ("expiresAt", json!("soon"), "/expiresAt"),
        ("contextSourceInfo", json!([{"key": "k", "value": 1}]), "/contextSourceInfo/0/value"),
        ("contextSourceInfo", json!([{"key": "k"}]), "/contextSourceInfo/0"),
        ("scope", json!("a b"), "/scope"),
        ("mode", json!("other"), "/mode"),
        ("operations", json!(["fly"]), "/operations"),
        ("operations", json!([]), "/operations"),
        ("refreshRate", json!("5 minutes"), "/refreshRate"),
        ("management", json!("yes"), "/management"),
        ("management", json!({"cacheDuration": "PT"}), "/management/cacheDuration"),
        ("management", json!({"cooldown": 0}), "/management/cooldown"),
        ("management", json!({"localOnly": "yes"}), "/management/localOnly"),
    ] {
        let error = parse(&with(name, value.clone())).unwrap_err();
        assert_eq!(error.pointer.as_deref(), Some(pointer), "{name} {value}");
    }
    let mut auxiliary = with("mode", json!("auxiliary"));
    assert!(parse(&auxiliary).is_err());
    auxiliary["operations"] = json!(["retrieveOps"]);
    assert!(parse(&auxiliary).is_ok());
    assert!(parse(&json!([])).is_err());
}

#[test]
fn exclusive_sources_have_attributes_of_single_entities() {
    let exclusive = |information: Value| {
        let mut body = with("mode", json!("exclusive"));
        body["information"] = information;
        parse(&body)
    };
    for wrong in [
        json!([{"entities": [{"type": "T", "id": "urn:e:1"}]}]),
        json!([{"entities": [{"type": "T"}], "propertyNames": ["a"]}]),
        json!([{"entities": [{"type": "T", "idPattern": ".*"}], "propertyNames": ["a"]}]),
        json!([{"propertyNames": ["a"]}]),
    ] {
        assert!(exclusive(wrong.clone()).is_err(), "{wrong}");
    }
    let one = |attribute: &str| json!([{"entities": [{"type": "T", "id": "urn:e:1"}], "propertyNames": [attribute]}]);
    let first = exclusive(one("a")).unwrap();
    assert!(first.excludes(&exclusive(one("a")).unwrap()));
    assert!(!first.excludes(&exclusive(one("b")).unwrap()));
    let redirect = |information: Value| {
        let mut body = with("mode", json!("redirect"));
        body["information"] = information;
        parse(&body).unwrap()
    };
    assert!(redirect(one("a")).excludes(&first) && first.excludes(&redirect(one("a"))));
    assert!(!redirect(one("a")).excludes(&redirect(one("a"))));
    assert!(!parse(&with("information", one("a"))).unwrap().excludes(&first));
}

#[test]
fn updates_replace_members_and_null_removes() {
    let mut body = with("expiresAt", json!("2099-01-01T00:00:00Z"));
    body["colour"] = json!("red");
    let mut registration = parse(&body).unwrap();
    let later = NOW + 5;
    let mut update = |fragment: Value| {
        let mut changed = registration.clone();
        let done = changed.update(&fragment.to_string(), &Context::core(), later);
        if done.is_ok() {
            registration = changed;
        }
        done.map(|()| registration.clone())
    };
    let changed =
        update(json!({"endpoint": "https://new.example", "expiresAt": null, "colour": null}));
    let changed = changed.unwrap();
    assert_eq!((changed.endpoint.as_str(), &changed.expires_at), ("https://new.example", &None));
    assert_eq!((changed.created_at, changed.modified_at), (NOW, later));
    assert!(changed.properties.is_empty());
    for wrong in [
        json!({"information": null}),
        json!({"endpoint": "urn:ngsi-ld:null"}),
        json!({"type": "Building"}),
        json!({"id": "urn:r:other"}),
        json!({"mode": "exclusive"}),
    ] {
        assert!(update(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn sources_are_found_by_what_they_have() {
    let mut body = with("colour", json!("red"));
    body["information"] = json!([
        {"entities": [{"type": "Vehicle", "id": "urn:v:1"}], "propertyNames": ["speed"]},
        {"entities": [{"type": "Parking", "idPattern": ".*downtown$"}], "relationshipNames": ["near"]},
    ]);
    let registration = parse(&body).unwrap();
    let iri = |term: &str| Context::core().expand(term).into_owned();
    let finds = |set: &dyn Fn(&mut Discovery)| {
        let mut discovery = Discovery::default();
        set(&mut discovery);
        discovery.matches(&registration)
    };
    let typed = |text: &str| Some(TypeSelection::parse(text, &Context::core()).unwrap());
    let q = |text: &str| Some(Q::parse(text, &Context::core()).unwrap());
    assert!(finds(&|_| {}));
    assert!(finds(&|d| d.types = typed("Vehicle")) && !finds(&|d| d.types = typed("Building")));
    assert!(finds(&|d| d.attrs = vec![iri("near")]) && !finds(&|d| d.attrs = vec![iri("name")]));
    assert!(finds(&|d| d.ids = vec!["urn:p:downtown".to_owned()]));
    assert!(!finds(&|d| d.ids = vec!["urn:v:2".to_owned()]));
    assert!(!finds(&|d| {
        d.types = typed("Vehicle");
        d.attrs = vec![iri("near")];
    }));
    assert!(finds(&|d| d.id_pattern = Some(id_pattern("^urn:v").unwrap())));
    assert!(!finds(&|d| {
        d.types = typed("Vehicle");
        d.id_pattern = Some(id_pattern("^urn:w").unwrap());
    }));
    assert!(finds(&|d| d.q = q("colour==\"red\"")) && !finds(&|d| d.q = q("colour==\"blue\"")));
    let endpoint = "endpoint==\"https://other.example/ngsi-ld/v1\"";
    assert!(finds(&|d| d.csf = q(endpoint)) && !finds(&|d| d.csf = q("endpoint==\"x\"")));
}

#[test]
fn sources_of_the_past_are_found_by_time() {
    let mut body = minimal();
    body["observationInterval"] =
        json!({"startAt": "2020-01-01T00:00:00Z", "endAt": "2021-01-01T00:00:00Z"});
    let registration = parse(&body).unwrap();
    let finds = |params: &[(&str, &str)]| {
        let get = |name: &str| params.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        let temporal = TemporalQuery::read(get)?;
        Ok::<_, crate::Error>(Discovery { temporal, ..Discovery::default() }.matches(&registration))
    };
    let when = |rel, at| [("timerel", rel), ("timeAt", at)];
    assert_eq!(finds(&[]), Ok(false));
    assert_eq!(finds(&when("before", "2020-06-01T00:00:00Z")), Ok(true));
    assert_eq!(finds(&when("before", "2019-06-01T00:00:00Z")), Ok(false));
    assert_eq!(finds(&when("after", "2020-06-01T00:00:00Z")), Ok(true));
    assert_eq!(finds(&when("after", "2022-06-01T00:00:00Z")), Ok(false));
    let managed =
        [("timerel", "before"), ("timeAt", "2020-06-01T00:00:00Z"), ("timeproperty", "createdAt")];
    assert_eq!(finds(&managed), Ok(false));
    let between = |end| {
        let at = "2020-12-01T00:00:00Z";
        finds(&[("timerel", "between"), ("timeAt", at), ("endTimeAt", end)])
    };
    assert_eq!(between("2022-01-01T00:00:00Z"), Ok(true));
    assert!(between("2019-01-01T00:00:00Z").is_err());
    for wrong in [
        vec![("timerel", "before")],
        vec![("timerel", "during"), ("timeAt", "2020-06-01T00:00:00Z")],
        vec![("timeAt", "2020-06-01T00:00:00Z")],
        when("between", "2020-06-01T00:00:00Z").to_vec(),
        when("before", "today").to_vec(),
    ] {
        assert!(finds(&wrong).is_err(), "{wrong:?}");
    }
}
