//! Random requests beyond one entity and a query: linked entities, conditions on them, selectors in a body, the past, discovery.

use proptest::prelude::*;
use tsunagu_broker::{AskedEvolutions, Discover, Temporal};
use tsunagu_ngsi_ld::query::id_pattern;
use tsunagu_ngsi_ld::render::TemporalForm;
use tsunagu_ngsi_ld::temporal::{Duration, Method, Relation, TemporalQuery, TimeProperty};
use tsunagu_ngsi_ld::{
    Context, Join, JoinForm, Q, Query, RenderOptions, Selection, Selector, TypeSelection,
};
use tsunagu_policy::View;

use super::population::{KINDS, NAMES};
use super::requests::{self, IDS, PATTERNS, TYPES, Wanted};
use super::{Side, iri, told};

/// One request, of one of these kinds.
#[derive(Debug, Clone)]
pub(crate) struct Further {
    wanted: Wanted,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Joined(Joined),
    /// With a condition on linked entities.
    Linking(usize),
    /// By selectors in a body: ids, types, pattern.
    Selected(Vec<(Vec<usize>, usize, Option<usize>)>),
    Past(Past),
    Discovered(usize, usize),
}

#[derive(Debug, Clone)]
struct Joined {
    flat: bool,
    level: usize,
    contained: Vec<usize>,
    /// Whether linked entities are shown in part.
    chosen: bool,
    linking: Option<usize>,
}

#[derive(Debug, Clone)]
struct Past {
    relation: usize,
    moments: (i64, i64),
    property: Option<usize>,
    last: Option<usize>,
    values: bool,
    methods: bool,
    most: usize,
    by_id: Option<bool>,
    plain: bool,
}

const LINKING: [&str; 12] = [
    "owner{name}",
    "owner{name}==\"a\"",
    "owner{Person:name}",
    "person{birthDate}",
    "person{Person:steps}>=1",
    "note{HealthActivity:steps}",
    "address{steps}!=5",
    "name{ResidentRecord:name}|note",
    "steps{Building:address}",
    "owner{owner{name}}",
    "note{person{Person:name}}",
    "owner{Building:name};steps",
];

const PROPERTIES: [TimeProperty; 4] = [
    TimeProperty::ObservedAt,
    TimeProperty::CreatedAt,
    TimeProperty::ModifiedAt,
    TimeProperty::DeletedAt,
];

fn joined() -> impl Strategy<Value = Joined> {
    (
        prop::bool::ANY,
        1..4_usize,
        prop::collection::vec(0..IDS, 0..3),
        prop::bool::weighted(0.3),
        prop::option::weighted(0.2, 0..LINKING.len()),
    )
        .prop_map(|(flat, level, contained, chosen, linking)| Joined {
            flat,
            level,
            contained,
            chosen,
            linking,
        })
}

fn past() -> impl Strategy<Value = Past> {
    let how = (prop::bool::ANY, prop::bool::weighted(0.2), prop::bool::ANY);
    (
        0..4_usize,
        (0..16_i64, 0..16_i64),
        prop::option::weighted(0.5, 0..PROPERTIES.len()),
        prop::option::weighted(0.3, 1..4_usize),
        how,
        prop_oneof![1..5_usize, Just(1_000)],
        prop::option::weighted(0.3, prop::bool::ANY),
    )
        .prop_map(|(relation, moments, property, last, how, most, by_id)| {
            let (values, methods, plain) = how;
            Past { relation, moments, property, last, values, methods, most, by_id, plain }
        })
}

fn kind() -> impl Strategy<Value = Kind> {
    let selector = (
        prop::collection::vec(0..IDS, 0..3),
        0..TYPES.len(),
        prop::option::weighted(0.3, 0..PATTERNS.len()),
    );
    prop_oneof![
        3 => joined().prop_map(Kind::Joined),
        2 => (0..LINKING.len()).prop_map(Kind::Linking),
        1 => prop::collection::vec(selector, 1..4).prop_map(Kind::Selected),
        6 => past().prop_map(Kind::Past),
        2 => (0..6_usize, 0..NAMES.len()).prop_map(|(what, name)| Kind::Discovered(what, name)),
    ]
}

/// Any requests.
pub(crate) fn any() -> impl Strategy<Value = Vec<Further>> {
    let one = (requests::wanted(), kind()).prop_map(|(wanted, kind)| Further { wanted, kind });
    prop::collection::vec(one, 1..14)
}

fn linking(number: usize) -> Q {
    Q::parse(LINKING[number], &Context::core()).unwrap()
}

impl Joined {
    fn join(&self) -> Join {
        let only = Selection { omit: vec![iri("note")], ..Selection::default() };
        Join {
            form: if self.flat { JoinForm::Flat } else { JoinForm::Inline },
            level: self.level,
            contained_by: self.contained.iter().map(|number| requests::id(*number)).collect(),
            linked: if self.chosen { vec![(iri("owner"), only)] } else { Vec::new() },
        }
    }
}

impl Past {
    /// Everything there is.
    fn whole() -> Self {
        Self {
            relation: 0,
            moments: (0, 0),
            property: None,
            last: None,
            values: false,
            methods: false,
            most: 1_000,
            by_id: None,
            plain: true,
        }
    }

    fn temporal(&self) -> Temporal {
        let (from, to) = self.moments;
        let (relation, from, to) = match self.relation {
            0 => (None, None, None),
            1 => (Some(Relation::Before), None, Some(to)),
            2 => (Some(Relation::After), Some(from), None),
            _ => (Some(Relation::Between), Some(from), Some(to)),
        };
        let property = self.property.map(|nth| PROPERTIES[nth]);
        let query = TemporalQuery { relation, from, to, property, last: self.last };
        let methods = ["totalCount", "distinctCount", "sum", "max"];
        let methods = methods.map(|name| Method::from_name(name).unwrap());
        Temporal {
            query,
            form: if self.values { TemporalForm::Values } else { TemporalForm::Instances },
            methods: if self.methods { methods.to_vec() } else { Vec::new() },
            every: Duration::default(),
            most: self.most,
        }
    }
}

impl Further {
    /// The whole past of everything of a type.
    pub(crate) fn past_of_all(kind: &str) -> Self {
        Self { wanted: Wanted::everything(kind), kind: Kind::Past(Past::whole()) }
    }

    /// The whole past of one entity.
    pub(crate) fn past_of(number: usize) -> Self {
        Self { wanted: Wanted::one(number), kind: Kind::Past(Past::whole()) }
    }

    /// Everything that the answer tells.
    pub(crate) async fn answer(&self, side: &Side, view: &View) -> String {
        let mut options = self.wanted.options();
        let asked = self.wanted.query();
        match &self.kind {
            Kind::Joined(joined) => {
                options.join = Some(joined.join());
                let asked = asked.map(|mut asked| {
                    asked.filter.q = joined.linking.map(linking).or(asked.filter.q);
                    asked
                });
                side.asked(view, &self.wanted.id(), asked, &options).await
            }
            Kind::Linking(number) => {
                let Some(mut asked) = asked else { return String::new() };
                asked.filter.q = Some(linking(*number));
                side.asked(view, "", Some(asked), &options).await
            }
            Kind::Selected(selectors) => {
                let Some(mut asked) = asked else { return String::new() };
                let each = |(ids, types, pattern): &(Vec<usize>, usize, Option<usize>)| Selector {
                    ids: ids.iter().map(|number| requests::id(*number)).collect(),
                    id_pattern: pattern.map(|nth| id_pattern(PATTERNS[nth]).unwrap()),
                    types: Some(TypeSelection::parse(TYPES[*types], &Context::core()).unwrap()),
                };
                asked.filter.any_of = selectors.iter().map(each).collect();
                side.asked(view, "", Some(asked), &options).await
            }
            Kind::Past(past) => self.past(side, view, past, &options).await,
            Kind::Discovered(what, name) => {
                let (kind, name) = (iri(KINDS[name % KINDS.len()]), iri(NAMES[*name]));
                let what = match what {
                    0 | 1 => Discover::Types { details: *what == 1 },
                    2 | 3 => Discover::Attributes { details: *what == 3 },
                    4 => Discover::Type(&kind),
                    _ => Discover::Attribute(&name),
                };
                side.discovered(view, what).await
            }
        }
    }

    async fn past(&self, side: &Side, view: &View, past: &Past, options: &RenderOptions) -> String {
        let temporal = past.temporal();
        let request = side.request(view);
        let context = Context::core();
        let options = RenderOptions { feature: None, ..options.clone() };
        let Some(asked) = self.wanted.query() else {
            let id = self.wanted.id();
            let found =
                side.broker.retrieve_evolution(&request, &id, &temporal, &context, &options).await;
            return match found {
                Err(problem) => told(&problem),
                Ok(found) => format!(
                    "{} {:?} {:?}",
                    String::from_utf8_lossy(&found.body),
                    found.ticket,
                    found.part
                ),
            };
        };
        let mut filter = asked.filter;
        if past.plain {
            // What conditions look at would leave little.
            filter = Query { types: filter.types, ids: filter.ids, ..Query::default() };
        }
        let asked = AskedEvolutions {
            filter,
            by_id: past.by_id,
            limit: asked.limit,
            offset: asked.offset,
            count: asked.count,
        };
        match side.broker.query_evolutions(&request, asked, &temporal, &context, &options).await {
            Err(problem) => told(&problem),
            Ok(page) => format!(
                "{} count {:?} more {} {:?} {:?}",
                String::from_utf8_lossy(&page.evolved.body),
                page.count,
                page.more,
                page.evolved.ticket,
                page.evolved.part
            ),
        }
    }
}
