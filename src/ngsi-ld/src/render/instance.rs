//! Attribute instances in the three representations.

use super::earlier::kind_in;
use super::{Format, Writer, language};
use crate::context::NGSI_LD;
use crate::json::{elements, first_byte, is_array, is_object, members, string_of, write_string};
use crate::model::{AttrSlot, AttrSlots, InstanceRef, Kind};

const SEALED_ID: &str = "entityIdSealed";
const SEALED_TYPE: &str = "entityTypeSealed";

impl Writer<'_> {
    /// Writes an attribute from its instances, of which there is at least one.
    pub(super) fn attribute(&mut self, slots: &[AttrSlot<'_>]) {
        let Some(first) = slots.first() else { return };
        self.compact_name(first.name());
        let several = slots.len() > 1;
        if self.o.format == Format::Simplified {
            // A lone instance of some dataset is shown with its name as well (clause 4.5.4).
            if several || first.dataset_id().is_some() {
                self.open();
                self.name("dataset");
                self.open();
                for slot in slots {
                    self.name(slot.dataset_id().unwrap_or("@none"));
                    self.simplified(&slot.instance());
                    self.first = false;
                }
                self.close();
                self.close();
            } else {
                self.simplified(&first.instance());
            }
            self.first = false;
            return;
        }
        for (index, slot) in slots.iter().enumerate() {
            if several {
                self.out.push(if index == 0 { b'[' } else { b',' });
            }
            self.instance(&slot.instance(), several);
        }
        if several {
            self.out.push(b']');
        }
        self.first = false;
    }

    fn shown_kind(&self, kind: Kind) -> Kind {
        self.o.version.map_or(kind, |version| kind_in(kind, version))
    }

    fn simplified(&mut self, instance: &InstanceRef<'_>) {
        let kind = instance.slot.kind();
        if self.shown_kind(kind) != kind {
            self.content(kind, instance.value);
            return;
        }
        match kind {
            Kind::Relationship | Kind::ListRelationship if self.linked_value(instance) => {}
            Kind::Property | Kind::GeoProperty | Kind::Relationship | Kind::ListProperty => {
                self.value(instance.value);
            }
            Kind::ListRelationship => self.content(kind, instance.value),
            Kind::LanguageProperty if self.o.lang.is_some() => {
                self.in_language(instance.value);
            }
            _ => {
                self.open();
                self.name(kind.value_member());
                self.content(kind, instance.value);
                self.close();
            }
        }
    }

    /// Writes the language wanted; gives its tag.
    pub(super) fn in_language<'v>(&mut self, map: &'v str) -> Option<std::borrow::Cow<'v, str>> {
        let wanted = self.o.lang.as_deref().unwrap_or("*");
        if let Some((tag, texts)) = language::choose(map, wanted) {
            self.value(texts);
            Some(tag)
        } else {
            self.out.extend_from_slice(b"\"\"");
            None
        }
    }

    /// Writes an instance; as one of `several` it needs an object to be told from a plain array.
    pub(super) fn instance(&mut self, instance: &InstanceRef<'_>, several: bool) {
        let kind = instance.slot.kind();
        let concise = self.o.format == Format::Concise;
        if concise && !several && self.can_be_bare(instance) {
            self.value(instance.value);
            return;
        }
        self.open();
        if kind == Kind::LanguageProperty && self.o.lang.is_some() {
            if !concise {
                self.name("type");
                write_string(Kind::Property.name(), self.out);
            }
            self.name("value");
            let tag = self.in_language(instance.value);
            if let Some(tag) = tag {
                self.name("lang");
                write_string(&tag, self.out);
            }
        } else {
            let shown = self.shown_kind(kind);
            if !concise || misread(kind, instance.value) {
                self.name("type");
                write_string(shown.name(), self.out);
            }
            self.name(shown.value_member());
            self.content(kind, instance.value);
            self.linked_member(instance);
        }
        self.previous(&instance.slot);
        self.metadata(instance);
        self.unlinked(|writer| writer.sub_attributes(instance.sub.clone()));
        self.close();
    }

    /// Whether the concise representation may leave out the object around the value.
    fn can_be_bare(&self, instance: &InstanceRef<'_>) -> bool {
        let alone = !self.o.sys_attrs
            && !self.has_previous(&instance.slot)
            && instance.slot.dataset_id().is_none()
            && instance.observed_at.is_none()
            && instance.unit_code.is_none()
            && instance.value_type.is_none()
            && self.past.is_none()
            && instance.sub.is_empty();
        alone
            && match instance.slot.kind() {
                Kind::Property => !is_object(instance.value) && !is_array(instance.value),
                Kind::GeoProperty => true,
                _ => false,
            }
    }

    fn metadata(&mut self, instance: &InstanceRef<'_>) {
        let texts = [
            ("unitCode", instance.unit_code),
            ("observedAt", instance.observed_at),
            ("datasetId", instance.slot.dataset_id()),
            ("expiresAt", instance.expires_at.filter(|_| self.o.sys_attrs)),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                self.name(name);
                self.id(text);
            }
        }
        if let Some(iri) = instance.value_type {
            self.name("valueType");
            self.terms(&mut std::iter::once(iri));
        }
        if !instance.object_type.is_empty() {
            self.name("objectType");
            let mut types = instance.object_type.clone();
            self.terms(&mut types);
        }
        if let Some(id) = self.past.take() {
            self.identity(&id, instance.slot);
        } else if self.o.sys_attrs {
            self.times(instance.slot.created_at(), instance.slot.modified_at(), false);
            self.deleted_at(&instance.slot);
        }
    }

    /// What an instance has in the temporal representation only (clause 4.5.7): its identity, and when it was deleted.
    fn identity(&mut self, id: &str, slot: AttrSlot<'_>) {
        if !id.is_empty() {
            self.name("instanceId");
            write_string(id, self.out);
        }
        if slot.is_deletion() {
            if self.o.sys_attrs {
                self.time("createdAt", slot.created_at());
            }
            self.time("deletedAt", slot.modified_at());
        } else if self.o.sys_attrs {
            self.times(slot.created_at(), slot.modified_at(), false);
        }
    }

    fn sub_attributes(&mut self, slots: AttrSlots<'_>) {
        // Changes are told of the attributes of the entity only.
        let changes = self.changes.take();
        self.each_sub_attribute(slots);
        self.changes = changes;
    }

    fn each_sub_attribute(&mut self, slots: AttrSlots<'_>) {
        let mut group: Vec<AttrSlot<'_>> = Vec::new();
        for slot in slots {
            let core = slot.name().strip_prefix(NGSI_LD);
            if let Some(name) = core.filter(|name| [SEALED_ID, SEALED_TYPE].contains(name)) {
                // Not reified, and terms of the core @context here only (clause 4.5.2.2).
                self.name(name);
                self.content(slot.kind(), slot.instance().value);
                self.first = false;
                continue;
            }
            if group.first().is_some_and(|first| first.name() != slot.name()) {
                self.attribute(&group);
                group.clear();
            }
            group.push(slot);
        }
        self.attribute(&group);
    }

    /// Writes the content of the value member.
    pub(super) fn content(&mut self, kind: Kind, value: &str) {
        match kind {
            Kind::VocabProperty if is_array(value) => {
                self.list(value, &mut |writer, element| writer.term(element));
            }
            Kind::VocabProperty => self.term(value),
            // Elsewhere than in an objectList, objects are bare.
            Kind::ListRelationship
                if self.o.format == Format::Simplified
                    || self.shown_kind(kind) == Kind::Relationship =>
            {
                self.links(value);
            }
            Kind::ListRelationship => self.list(value, &mut |writer, element| {
                writer.out.extend_from_slice(b"{\"object\":");
                writer.value(object_of(element));
                writer.out.push(b'}');
            }),
            _ => self.value(value),
        }
    }

    /// Writes the bare URIs of an `objectList`.
    pub(super) fn links(&mut self, value: &str) {
        self.list(value, &mut |writer, element| writer.value(object_of(element)));
    }

    fn term(&mut self, token: &str) {
        match string_of(token) {
            Some(iri) if self.p.id_marker().is_some_and(|marker| iri.contains(marker)) => {
                self.id(&iri);
            }
            Some(iri) => write_string(&self.ctx.compact_value(&iri), self.out),
            None => self.out.extend_from_slice(token.as_bytes()),
        }
    }

    fn list(&mut self, array: &str, each: &mut dyn FnMut(&mut Self, &str)) {
        self.out.push(b'[');
        for (index, element) in elements(array).filter_map(Result::ok).enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            each(self, element);
        }
        self.out.push(b']');
    }
}

/// The URI of an element of an `objectList`, as a string token.
pub(super) fn object_of(element: &str) -> &str {
    if !is_object(element) {
        return element;
    }
    members(element)
        .filter_map(Result::ok)
        .find(|(name, _)| name == "object")
        .map_or(element, |(_, value)| value)
}

/// Whether an instance without its type would be read as another kind: a Property whose value
/// looks like a geometry.
fn misread(kind: Kind, value: &str) -> bool {
    kind == Kind::Property && first_byte(value) == b'{' && crate::parse::is_geometry(value)
}
