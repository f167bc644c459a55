//! The hooks through which a caller cuts what may be seen. Nothing here knows why.

use std::borrow::Cow;

/// What of the stored entities exists for one request. Reading and matching ask it about every type
/// and attribute and treat what is not visible as absent.
pub trait Projection {
    /// Whether entities are seen as being of this expanded type.
    fn entity_type(&self, iri: &str) -> bool;

    /// Whether the attribute of this expanded name, written by `publisher`, is seen.
    fn attribute(&self, name: &str, publisher: Option<&str>) -> bool;

    /// Whether nothing can be hidden. Otherwise times of an entity are those of what is seen of it: its own would tell of changes to the rest,
    /// even after nothing hidden is left.
    fn shows_all(&self) -> bool {
        false
    }

    /// The identifier to show for a stored one.
    fn outward_id<'a>(&self, id: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(id)
    }

    /// An identifier as the caller wrote it → as it would be shown now: it may know one by an earlier name.
    fn current_id<'a>(&self, id: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(id)
    }

    /// A text that occurs in every identifier [`outward_id`](Self::outward_id) changes; `None` if
    /// it changes none. Lets values without it be copied as they are.
    fn id_marker(&self) -> Option<&str> {
        None
    }
}

/// Everything is seen as stored.
#[derive(Debug, Clone, Copy, Default)]
pub struct Everything;

impl Projection for Everything {
    fn entity_type(&self, _iri: &str) -> bool {
        true
    }

    fn attribute(&self, _name: &str, _publisher: Option<&str>) -> bool {
        true
    }

    fn shows_all(&self) -> bool {
        true
    }
}
