//! The temporal representations of an entity (clauses 4.5.6 to 4.5.9, 4.5.19).

use super::linked::Place;
use super::{Format, RenderOptions, Writer, visible_times};
use crate::context::Context;
use crate::json::write_string;
use crate::model::{AttrSlot, EntityDoc, Kind};
use crate::projection::Projection;
use crate::temporal::{Method, Summary};

/// What is shown of each attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemporalForm {
    /// Every instance as an object.
    Instances,
    /// Pairs of value and time (`temporalValues`).
    Values,
}

/// One instance, ready to be shown.
#[derive(Debug, Clone)]
pub struct Moment<'a> {
    /// What it is.
    pub slot: AttrSlot<'a>,
    /// Its identity, as the caller may see it.
    pub id: String,
    /// The time beside the value, µs since the epoch.
    pub at: i64,
}

/// One attribute over time.
#[derive(Debug, Clone)]
pub struct Grown<'a> {
    /// Its expanded name.
    pub name: &'a str,
    /// What it is, for when no instance is left to tell.
    pub kind: Kind,
    /// In the order to be shown.
    pub moments: Vec<Moment<'a>>,
    /// By kind and `datasetId`, in place of the instances: aggregated values.
    pub summaries: Vec<(Kind, Option<&'a str>, Summary)>,
}

/// The scopes from some time on.
#[derive(Debug, Clone)]
pub struct ScopeMoment {
    /// The scopes; none when they were deleted.
    pub scopes: Vec<String>,
    /// When they were set, µs since the epoch.
    pub at: i64,
}

/// An entity over time.
#[derive(Debug, Clone)]
pub struct Evolution<'a> {
    /// The entity as it is, or what was kept of it.
    pub doc: &'a EntityDoc,
    /// When it was deleted, µs since the epoch.
    pub deleted_at: Option<i64>,
    /// Its attributes.
    pub attributes: Vec<Grown<'a>>,
    /// Its scopes.
    pub scopes: Vec<ScopeMoment>,
    /// The methods of the aggregated representation, in place of instances; none when it is not asked for.
    pub methods: Vec<Method>,
}

/// Appends the temporal representation of an entity to `out`, as far as `p` lets it be seen. False, with nothing appended, if nothing selected
/// remains.
pub fn render_temporal(
    evolution: &Evolution<'_>,
    p: &dyn Projection,
    ctx: &Context,
    o: &RenderOptions,
    form: TemporalForm,
    out: &mut Vec<u8>,
) -> bool {
    let start = out.len();
    let mut writer =
        Writer { p, ctx, o, out, first: true, past: None, changes: None, place: Place::ALONE };
    let shown = writer.evolution(evolution, form);
    if !shown {
        out.truncate(start);
    }
    shown
}

impl Writer<'_> {
    fn evolution(&mut self, evolution: &Evolution<'_>, form: TemporalForm) -> bool {
        let doc = evolution.doc;
        if !doc.types().any(|iri| self.p.entity_type(iri)) {
            return false;
        }
        self.open();
        self.id_member(doc);
        self.type_member(doc);
        if !evolution.scopes.is_empty() && self.o.shows("scope") && evolution.methods.is_empty() {
            self.name("scope");
            self.scopes(&evolution.scopes, form);
        }
        if self.o.sys_attrs
            && let Some((created, modified)) = visible_times(doc, self.p)
        {
            self.times(created, modified, true);
            if let Some(at) = evolution.deleted_at.filter(|_| self.o.shows("deletedAt")) {
                self.time("deletedAt", at);
            }
        }
        for attribute in &evolution.attributes {
            self.compact_name(attribute.name);
            if !evolution.methods.is_empty() {
                self.aggregated(attribute, &evolution.methods);
            } else if form == TemporalForm::Values {
                self.values(attribute);
            } else {
                self.moments(attribute);
            }
            self.first = false;
        }
        let something = !self.first;
        if self.o.embed_context {
            self.name("@context");
            self.out.extend_from_slice(self.ctx.json().get().as_bytes());
        }
        self.close();
        something
    }

    fn moments(&mut self, attribute: &Grown<'_>) {
        self.out.push(b'[');
        for (nth, moment) in attribute.moments.iter().enumerate() {
            if nth > 0 {
                self.out.push(b',');
            }
            self.past = Some(moment.id.clone());
            self.instance(&moment.slot.instance(), true);
        }
        self.out.push(b']');
    }

    /// Objects with pairs: one for each kind and `datasetId` that the attribute had.
    fn values(&mut self, attribute: &Grown<'_>) {
        let of =
            |moment: &Moment<'_>| (moment.slot.kind(), moment.slot.dataset_id().map(str::to_owned));
        let mut groups: Vec<(Kind, Option<String>)> = Vec::new();
        for moment in &attribute.moments {
            let group = of(moment);
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        if groups.is_empty() {
            groups.push((attribute.kind, None));
        }
        self.each(&groups, &mut |writer, (kind, dataset)| {
            let language = writer.o.lang.is_some() && *kind == Kind::LanguageProperty;
            let shown = if language { Kind::Property } else { *kind };
            writer.heading(shown, dataset.as_deref());
            writer.name(plural(shown));
            writer.out.push(b'[');
            let group = (*kind, dataset.clone());
            for (nth, moment) in attribute.moments.iter().filter(|m| of(m) == group).enumerate() {
                writer.out.extend_from_slice(if nth > 0 { b",[" } else { b"[" });
                writer.pair(moment, language);
                writer.out.push(b',');
                writer.moment(moment.at);
                writer.out.push(b']');
            }
            writer.out.push(b']');
        });
    }

    fn pair(&mut self, moment: &Moment<'_>, language: bool) {
        let (kind, value) = (moment.slot.kind(), moment.slot.instance().value);
        match kind {
            Kind::LanguageProperty if language && !moment.slot.is_deletion() => {
                self.in_language(value);
            }
            Kind::Property | Kind::GeoProperty | Kind::Relationship | Kind::ListProperty => {
                self.value(value);
            }
            Kind::ListRelationship => self.links(value),
            Kind::LanguageProperty | Kind::VocabProperty | Kind::JsonProperty => {
                self.open();
                self.name(kind.value_member());
                self.content(kind, value);
                self.close();
            }
        }
    }

    fn aggregated(&mut self, attribute: &Grown<'_>, methods: &[Method]) {
        let none = [(attribute.kind, None, Summary::default())];
        let groups =
            if attribute.summaries.is_empty() { &none[..] } else { &attribute.summaries[..] };
        self.each(groups, &mut |writer, (kind, dataset, summary)| {
            writer.heading(*kind, *dataset);
            for method in methods {
                writer.name(method.name());
                writer.out.push(b'[');
                for (nth, period) in summary.periods.iter().enumerate() {
                    writer.out.extend_from_slice(if nth > 0 { b",[" } else { b"[" });
                    period.write(*method, writer.out);
                    writer.out.push(b',');
                    writer.moment(period.from);
                    writer.out.push(b',');
                    writer.moment(period.to);
                    writer.out.push(b']');
                }
                writer.out.push(b']');
            }
        });
    }

    /// One object, or an array of several.
    fn each<T>(&mut self, groups: &[T], write: &mut dyn FnMut(&mut Self, &T)) {
        if groups.len() > 1 {
            self.out.push(b'[');
        }
        for (nth, group) in groups.iter().enumerate() {
            if nth > 0 {
                self.out.push(b',');
            }
            self.open();
            write(self, group);
            self.close();
        }
        if groups.len() > 1 {
            self.out.push(b']');
        }
    }

    fn heading(&mut self, kind: Kind, dataset: Option<&str>) {
        self.name("type");
        write_string(kind.name(), self.out);
        if let Some(dataset) = dataset {
            self.name("datasetId");
            self.id(dataset);
        }
    }

    /// The scope as a Property over time, with temporal members only (clause 4.5.6).
    fn scopes(&mut self, moments: &[ScopeMoment], form: TemporalForm) {
        if form == TemporalForm::Values {
            self.open();
            self.heading(Kind::Property, None);
            self.name("values");
            self.out.push(b'[');
            for (nth, moment) in moments.iter().enumerate() {
                self.out.extend_from_slice(if nth > 0 { b",[" } else { b"[" });
                self.scope_value(&moment.scopes);
                self.out.push(b',');
                self.moment(moment.at);
                self.out.push(b']');
            }
            self.out.push(b']');
            self.close();
            return;
        }
        self.out.push(b'[');
        for (nth, moment) in moments.iter().enumerate() {
            if nth > 0 {
                self.out.push(b',');
            }
            self.open();
            if self.o.format != Format::Concise {
                self.name("type");
                write_string(Kind::Property.name(), self.out);
            }
            self.name("value");
            self.scope_value(&moment.scopes);
            if moment.scopes.is_empty() {
                self.time("deletedAt", moment.at);
            } else {
                self.time("observedAt", moment.at);
                if self.o.sys_attrs {
                    self.times(moment.at, moment.at, false);
                }
            }
            self.close();
        }
        self.out.push(b']');
        self.first = false;
    }

    fn scope_value(&mut self, scopes: &[String]) {
        if let [one] = scopes {
            return write_string(one, self.out);
        }
        self.out.push(b'[');
        for (nth, scope) in scopes.iter().enumerate() {
            if nth > 0 {
                self.out.push(b',');
            }
            write_string(scope, self.out);
        }
        self.out.push(b']');
    }
}

/// The member of the simplified temporal representation (clause 4.5.9).
fn plural(kind: Kind) -> &'static str {
    match kind {
        Kind::Property | Kind::GeoProperty => "values",
        Kind::Relationship => "objects",
        Kind::LanguageProperty => "languageMaps",
        Kind::VocabProperty => "vocabs",
        Kind::JsonProperty => "jsons",
        Kind::ListProperty => "valueLists",
        Kind::ListRelationship => "objectLists",
    }
}

#[cfg(test)]
mod tests {
    use super::{Evolution, Grown, Moment, ScopeMoment, TemporalForm, render_temporal};
    use crate::model::{Entity, EntityDoc, Instance, Kind};
    use crate::projection::Everything;
    use crate::{Context, RenderOptions};

    fn shown(form: TemporalForm, o: &RenderOptions) -> serde_json::Value {
        let mut entity = Entity::new("urn:a:1", "urn:t", 0);
        let mut observed = Instance::property(&7, 1_000_000).unwrap();
        observed.observed_at = Some("1970-01-01T00:00:01Z".to_owned());
        entity.set("https://uri.etsi.org/ngsi-ld/default-context/p", observed.clone());
        entity.set("https://uri.etsi.org/ngsi-ld/default-context/r", observed.deleted(2_000_000));
        let doc = EntityDoc::from(&entity);
        let grown = |slot: crate::model::AttrSlot<'_>| slot.name().to_owned();
        let names: Vec<String> = doc.attributes().map(grown).collect();
        let attributes = doc.attributes().zip(&names).map(|(slot, name)| Grown {
            name,
            kind: Kind::Property,
            moments: vec![Moment { slot, id: "urn:i".to_owned(), at: slot.time() }],
            summaries: Vec::new(),
        });
        let scopes = vec![ScopeMoment { scopes: vec!["/A".to_owned()], at: 0 }];
        let attributes = attributes.collect();
        let evolution =
            Evolution { doc: &doc, deleted_at: None, attributes, scopes, methods: Vec::new() };
        let mut out = Vec::new();
        assert!(render_temporal(&evolution, &Everything, &Context::core(), o, form, &mut out));
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn instances_and_pairs() {
        let o = RenderOptions::default();
        let whole = shown(TemporalForm::Instances, &o);
        assert_eq!(
            whole["p"],
            serde_json::json!([{ "type": "Property", "value": 7, "observedAt": "1970-01-01T00:00:01Z", "instanceId": "urn:i" }])
        );
        assert_eq!(
            whole["r"],
            serde_json::json!([{ "type": "Property", "value": "urn:ngsi-ld:null", "instanceId": "urn:i", "deletedAt": "1970-01-01T00:00:02Z" }])
        );
        assert_eq!(whole["scope"][0]["observedAt"], "1970-01-01T00:00:00Z");
        let pairs = shown(TemporalForm::Values, &o);
        assert_eq!(
            pairs["p"],
            serde_json::json!({ "type": "Property", "values": [[7, "1970-01-01T00:00:01Z"]] })
        );
        assert_eq!(pairs["r"]["values"][0][0], "urn:ngsi-ld:null");
    }

    #[test]
    fn what_is_left_out_is_left_out() {
        let o = RenderOptions {
            omit: vec!["scope".to_owned(), "type".to_owned()],
            ..Default::default()
        };
        let whole = shown(TemporalForm::Instances, &o);
        assert!(whole.get("scope").is_none() && whole.get("type").is_none());
    }
}
