//! Finding entities.

use tsunagu_ngsi_ld::{Entity, EntityDoc, Instance};

use crate::conformance::Place;
use crate::conformance::samples::{
    LAMP, WALK, all, anonymous, asked, doc, found, id, iri, lamp, lamp_near, lamps, person,
    platform, platform_at, put, resident, town, typed, walk,
};
use crate::{Expect, Op, WriteSet};

/// By type, alone or with others; by whom it is about; by what it points to; by id.
pub async fn entities_are_found_by_type_subject_and_relationship(place: &dyn Place) {
    let store = place.open().await;
    let docs = vec![
        lamp_near(2, "b", 1),
        lamp_near(1, "a", 3),
        lamp_near(3, "c", 1),
        walk(1, person(1), 10),
        walk(2, person(2), 20),
        walk(3, person(1), 30),
    ];
    put(&*store, &town(), docs).await;
    let view = platform(&town());
    assert_eq!(found(&*store, &view, &typed(LAMP)).await, lamps(&[1, 2, 3]));
    assert_eq!(found(&*store, &view, &typed(WALK)).await.len(), 3);
    assert_eq!(found(&*store, &view, &typed("Lamp,HealthActivity")).await.len(), 6);
    assert_eq!(found(&*store, &view, &typed("(Lamp;HealthActivity)")).await.len(), 0);
    assert_eq!(found(&*store, &view, &typed("Lam")).await.len(), 0);
    assert_eq!(found(&*store, &view, &all()).await.len(), 6);

    let mine = resident(&town(), person(1));
    assert_eq!(found(&*store, &mine, &typed(WALK)).await, [id(WALK, 1), id(WALK, 3)]);
    let near = asked(LAMP, &format!("near==\"{}\"", id(LAMP, 1)));
    assert_eq!(found(&*store, &view, &near).await, lamps(&[2, 3]));

    let mut query = all();
    query.filter.ids = vec![id(LAMP, 3), id(LAMP, 9), id(LAMP, 1), id(LAMP, 3)];
    assert_eq!(found(&*store, &view, &query).await, lamps(&[3, 1]));
    query.filter.types = typed(WALK).filter.types;
    assert_eq!(found(&*store, &view, &query).await.len(), 0);

    let mut both = Entity::new(id(LAMP, 7), iri(LAMP), 0);
    both.types.push(iri(WALK));
    put(&*store, &town(), vec![doc(&both)]).await;
    assert_eq!(found(&*store, &view, &typed("Lamp,HealthActivity")).await.len(), 7);
    assert_eq!(found(&*store, &view, &typed("(Lamp;HealthActivity)")).await, lamps(&[7]));
    store.close().await;
}

/// A declared attribute is searched as numbers are ordered, negative ones too.
pub async fn values_are_found_in_numeric_order(place: &dyn Place) {
    let store = place.open().await;
    let levels = [-1e9, -10.0, -9.5, -0.0, 0.5, 2.0, 10.0, 1e300];
    let docs = levels.iter().enumerate().map(|(n, level)| lamp(n, *level)).collect();
    put(&*store, &town(), docs).await;
    let view = platform(&town());
    for (q, expected) in [
        ("level==2", vec![5]),
        ("level==0", vec![3]),
        ("level==-9.5", vec![2]),
        ("level==-10..0.5", vec![1, 2, 3, 4]),
        ("level>=2", vec![5, 6, 7]),
        ("level>2", vec![6, 7]),
        ("level<=-9.5", vec![0, 1, 2]),
        ("level<-9.5", vec![0, 1]),
        ("level<0.5;level>-10", vec![2, 3]),
        ("level==2,10", vec![5, 6]),
        ("level==2|level<-10", vec![0, 5]),
        ("level!=2;level>0", vec![4, 6, 7]),
        ("level==3", vec![]),
        ("level==\"2\"", vec![]),
    ] {
        let mut ids = found(&*store, &view, &asked(LAMP, q)).await;
        ids.sort();
        assert_eq!(ids, lamps(&expected), "{q}");
    }
    store.close().await;
}

/// Texts, lists and truth values of declared attributes are found by value, whatever index serves.
pub async fn texts_and_truths_are_found_by_value(place: &dyn Place) {
    let store = place.open().await;
    let long = "長い".repeat(100);
    let other = format!("{long}!");
    let label = |n: usize, value: serde_json::Value| {
        let mut entity = Entity::new(id(LAMP, n), iri(LAMP), 0);
        entity.set(iri("label"), Instance::property(&value, 0).unwrap());
        doc(&entity)
    };
    let docs = vec![
        label(1, "red".into()),
        label(2, "redder".into()),
        label(3, true.into()),
        label(4, serde_json::json!(["red", "green", 7])),
        label(5, long.clone().into()),
        label(6, other.into()),
        label(9, serde_json::json!([1, 100])),
        label(10, 20.into()),
        label(7, "2026-04-01T00:00:00Z".into()),
        label(8, "2026-04-01T00:00:00.000Z".into()),
    ];
    put(&*store, &town(), docs).await;
    let view = platform(&town());
    for (q, expected) in [
        ("label==\"red\"".to_owned(), vec![1, 4]),
        ("label==true".to_owned(), vec![3]),
        ("label==false".to_owned(), vec![]),
        ("label==7".to_owned(), vec![4]),
        // One element may meet one bound and another the other.
        ("label>50;label<15".to_owned(), vec![9]),
        ("label>15;label<50".to_owned(), vec![9, 10]),
        (format!("label==\"{long}\""), vec![5]),
        ("label==2026-04-01T00:00:00Z".to_owned(), vec![7, 8]),
        ("label>2026-03-31T00:00:00Z".to_owned(), vec![7, 8]),
        ("label>\"green\"".to_owned(), vec![1, 2, 4, 5, 6]),
    ] {
        let mut ids = found(&*store, &view, &asked(LAMP, &q)).await;
        ids.sort();
        assert_eq!(ids, lamps(&expected), "{q}");
    }
    store.close().await;
}

/// Changing or deleting an entity changes where it is found, and nothing is left behind.
pub async fn the_index_follows_changes(place: &dyn Place) {
    let store = place.open().await;
    let view = platform(&town());
    let first = put(&*store, &town(), vec![lamp(1, 1.0), lamp_near(2, "a", 1)]).await;
    assert!(put(&*store, &town(), vec![lamp(1, 2.0), lamp_near(2, "b", 3)]).await > first);
    assert_eq!(found(&*store, &view, &asked(LAMP, "level==1")).await.len(), 0);
    assert_eq!(found(&*store, &view, &asked(LAMP, "level==2")).await, lamps(&[1]));
    assert_eq!(found(&*store, &view, &asked(LAMP, "label==\"a\"")).await.len(), 0);
    assert_eq!(found(&*store, &view, &asked(LAMP, "label==\"b\"")).await, lamps(&[2]));
    let mut moved = Entity::new(id(LAMP, 1), iri("Lantern"), 0);
    moved.set(iri("level"), Instance::property(&2, 0).unwrap());
    put(&*store, &town(), vec![doc(&moved)]).await;
    assert_eq!(found(&*store, &view, &typed(LAMP)).await, lamps(&[2]));
    assert_eq!(found(&*store, &view, &typed("Lantern")).await, lamps(&[1]));
    // There and away inside one set, and away and there again.
    let set = WriteSet::new(town())
        .with(Op::PutEntity { doc: lamp(3, 3.0), expect: Expect::Absent })
        .with(Op::DeleteEntity { id: id(LAMP, 3), expect: Expect::Present })
        .with(Op::DeleteEntity { id: id(LAMP, 2), expect: Expect::Present })
        .with(Op::PutEntity { doc: lamp(2, 4.0), expect: Expect::Absent });
    store.commit(set).await.unwrap();
    assert_eq!(found(&*store, &view, &typed(LAMP)).await, lamps(&[2]));
    assert_eq!(found(&*store, &view, &asked(LAMP, "level==4")).await, lamps(&[2]));
    assert_eq!(found(&*store, &view, &asked(LAMP, "label==\"b\"")).await.len(), 0);
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
    let delete = |n| Op::DeleteEntity { id: id(LAMP, n), expect: Expect::Present };
    store.commit(WriteSet::new(town()).with(delete(1)).with(delete(2))).await.unwrap();
    assert_eq!(found(&*store, &view, &all()).await.len(), 0);
    assert_eq!(found(&*store, &view, &typed("Lamp,Lantern")).await.len(), 0);
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
    store.close().await;
}

/// Pages, offsets and counts are those of evaluating the query on every entity; more than any store looks at in one go.
pub async fn pages_are_what_evaluation_gives(place: &dyn Place) {
    const LAMPS: u16 = 700;
    let store = place.open().await;
    let docs: Vec<EntityDoc> =
        (0..LAMPS).map(|n| lamp(usize::from(n), f64::from(n % 7) - 3.0)).collect();
    for part in docs.chunks(100) {
        put(&*store, &town(), part.to_vec()).await;
    }
    put(&*store, &town(), (0..50).map(|n| walk(n, person(1), 1)).collect()).await;
    let view = anonymous(&town());
    for query in [typed(LAMP), asked(LAMP, "level>=1"), asked(LAMP, "level!=0"), all()] {
        let matching: Vec<&EntityDoc> = docs
            .iter()
            .filter(|doc| view.cut(doc).is_some_and(|cut| query.filter.matches(doc, &cut)))
            .collect();
        let mut whole = query.clone();
        (whole.limit, whole.count) = (10_000, true);
        let page = store.query(&view, &whole).await.unwrap();
        assert_eq!(page.count, Some(matching.len() as u64));
        let whole: Vec<String> = page.entities.iter().map(|f| f.doc.id().to_owned()).collect();
        let mut sorted = whole.clone();
        sorted.sort();
        assert!(sorted.iter().eq(matching.iter().map(|doc| doc.id())));
        for (offset, limit) in [(0, 20), (20, 20), (95, 10), (290, 20), (0, 0), (699, 5), (700, 5)]
        {
            let mut part = query.clone();
            (part.offset, part.limit) = (offset, limit);
            let ids = found(&*store, &view, &part).await;
            let expected: Vec<&String> = whole.iter().skip(offset).take(limit).collect();
            assert!(ids.iter().eq(expected), "{offset} {limit}");
            part.count = true;
            let page = store.query(&view, &part).await.unwrap();
            assert_eq!(page.count, Some(matching.len() as u64), "{offset} {limit}");
            assert_eq!(page.entities.len(), ids.len());
        }
    }
    store.close().await;
}

/// What a view does not show is absent: not found, not on a page, not counted, not a gap.
pub async fn what_is_hidden_does_not_count(place: &dyn Place) {
    let store = place.open().await;
    let docs = (0..30).map(|n| walk(n, person(u8::from(n % 3 == 0)), 1));
    put(&*store, &town(), docs.chain([lamp(1, 1.0)]).collect()).await;
    let (nobody, mine) = (anonymous(&town()), resident(&town(), person(1)));
    assert!(store.entity(&nobody, &id(WALK, 3)).await.unwrap().is_none());
    assert!(store.entity(&mine, &id(WALK, 1)).await.unwrap().is_none());
    assert!(store.entity(&mine, &id(WALK, 3)).await.unwrap().is_some());
    for (view, query, expected) in [
        (&nobody, typed(WALK), 0),
        (&nobody, all(), 1),
        (&nobody, asked("HealthActivity,Lamp", "steps>0|level>0"), 1),
        (&mine, typed(WALK), 10),
        (&mine, asked(WALK, "steps==1"), 10),
        (&mine, all(), 11),
    ] {
        let mut query = query;
        (query.limit, query.count) = (4, true);
        let page = store.query(view, &query).await.unwrap();
        assert_eq!(page.count, Some(expected));
        assert_eq!(page.entities.len() as u64, expected.min(4));
    }
    let mut walks = typed(WALK);
    (walks.offset, walks.limit) = (8, 10);
    assert_eq!(found(&*store, &mine, &walks).await, [id(WALK, 24), id(WALK, 27)]);
    store.close().await;
}

/// What has ended by the moment of the view is absent, by id and in searches, though it is stored.
pub async fn what_has_ended_is_absent(place: &dyn Place) {
    let store = place.open().await;
    let mut dimmed = Entity::new(id(LAMP, 1), iri(LAMP), 0);
    let mut level = Instance::property(&1, 0).unwrap();
    level.expires_at = Some("1970-01-01T00:00:10Z".to_owned());
    dimmed.set(iri("level"), level);
    let mut removed = Entity::new(id(LAMP, 2), iri(LAMP), 0);
    removed.set(iri("level"), Instance::property(&1, 0).unwrap());
    removed.expires_at = Some("1970-01-01T00:00:20Z".to_owned());
    let version = put(&*store, &town(), vec![doc(&dimmed), doc(&removed)]).await;

    for (seconds, there, lit) in
        [(9, vec![1, 2], vec![1, 2]), (10, vec![1, 2], vec![2]), (20, vec![1], vec![])]
    {
        let view = platform_at(&town(), seconds * 1_000_000);
        assert_eq!(found(&*store, &view, &typed(LAMP)).await, lamps(&there), "{seconds}");
        assert_eq!(found(&*store, &view, &all()).await, lamps(&there), "{seconds}");
        assert_eq!(found(&*store, &view, &asked(LAMP, "level==1")).await, lamps(&lit), "{seconds}");
        let mut query = all();
        query.filter.ids = lamps(&[2, 1]);
        query.count = true;
        let page = store.query(&view, &query).await.unwrap();
        assert_eq!(page.count, Some(there.len() as u64), "{seconds}");
        let first = store.entity(&view, &id(LAMP, 1)).await.unwrap().unwrap();
        assert_eq!(first.version, version);
        assert_eq!(first.doc.attributes().count(), usize::from(seconds < 10));
        let second = store.entity(&view, &id(LAMP, 2)).await.unwrap();
        assert_eq!(second.is_some(), seconds < 20);
    }
    // Looking has changed nothing.
    let earlier = platform_at(&town(), 0);
    assert_eq!(found(&*store, &earlier, &asked(LAMP, "level==1")).await, lamps(&[1, 2]));
    store.close().await;
}
