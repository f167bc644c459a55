//! Attributes that the standard gives a form of their own: the core geometries (clause 4.7.1) and `ngsildproof` (4.5.2.2).

use super::attribute::Input;
use super::geometry;
use crate::context::NGSI_LD;
use crate::error::Error;
use crate::json::{is_object, is_string};
use crate::model::{Attribute, Instance, Kind};

/// The part of an IRI after the namespace of NGSI-LD itself.
fn core_name(iri: &str) -> Option<&str> {
    iri.strip_prefix(NGSI_LD).filter(|name| !name.contains('/'))
}

/// Checks an attribute of an entity against the form that its name demands.
pub(super) fn check(attribute: &mut Attribute, input: &Input<'_>) -> Result<(), Error> {
    match core_name(&attribute.name) {
        Some("location" | "observationSpace" | "operationSpace") => {
            // Published data calls geometries plain properties now and then: what is one in all but name is kept as it came.
            let geometry = |i: &Instance| {
                i.kind == Kind::GeoProperty
                    || (i.kind == Kind::Property && geometry::check(i.value.get()).is_ok())
            };
            let other =
                |i: &Instance| !i.is_null() && (i.has_kind || !input.fragment) && !geometry(i);
            if attribute.instances.iter().any(other) {
                return Err(Error::bad("this attribute is a GeoProperty by definition")
                    .remedy("give it a GeoJSON geometry, or another name"));
            }
        }
        Some("ngsildproof") => {
            for instance in &mut attribute.instances {
                if instance.has_value && !instance.is_null() && !is_object(instance.value.get()) {
                    return Err(Error::bad("the value of ngsildproof is not an object")
                        .at("/value")
                        .remedy("give the proof as W3C Data Integrity defines it"));
                }
                seal(instance, input)?;
            }
            return Ok(());
        }
        _ => {}
    }
    attribute.instances.iter().try_for_each(unsealed)
}

/// The sealed members are texts; the type is kept expanded.
fn seal(instance: &mut Instance, input: &Input<'_>) -> Result<(), Error> {
    for sub in &mut instance.sub {
        let Some(name) = core_name(&sub.name).filter(|name| name.ends_with("Sealed")) else {
            continue;
        };
        let vocabulary = name == "entityTypeSealed";
        for sealed in &mut sub.instances {
            if !is_string(sealed.value.get()) {
                return Err(Error::bad("a sealed member is not a string").at(format!("/{name}")));
            }
            if vocabulary && sealed.kind == Kind::Property {
                sealed.kind = Kind::VocabProperty;
                sealed.value = input.value(Kind::VocabProperty, sealed.value.get())?;
            }
        }
    }
    Ok(())
}

fn unsealed(instance: &Instance) -> Result<(), Error> {
    for sub in &instance.sub {
        if matches!(core_name(&sub.name), Some("entityIdSealed" | "entityTypeSealed")) {
            return Err(
                Error::bad("only ngsildproof has sealed members").remedy("remove the member")
            );
        }
        sub.instances.iter().try_for_each(unsealed)?;
    }
    Ok(())
}
