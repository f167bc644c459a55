//! The past of entities: where an instance of an attribute stands among the others.
//!
//! What an entity is now is in the entity; the past holds what was superseded, and that something was deleted. Instances of one attribute and
//! `datasetId` are a series, ordered by time. A key is `series (16 bytes) time (8) id (16)` after the entity, fixed in length so that it sorts
//! as bytes everywhere.

use tsunagu_domain::{Catalogue, fingerprint};
use tsunagu_ngsi_ld::model::AttrSlot;
use tsunagu_ngsi_ld::{EntityDoc, PastDoc, Projection as _};
use tsunagu_policy::{Cut, View};

use crate::StoreError;

/// Bytes of a key after the entity.
pub const SUFFIX: usize = 40;

/// The instances of one attribute with one `datasetId`: eight bytes that stand for its expanded name, eight for the `datasetId`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Series(pub [u8; 16]);

impl Series {
    /// The series of an attribute by expanded name; `None` is the default instance.
    pub fn of(attribute: &str, dataset_id: Option<&str>) -> Self {
        let mut series = [0; 16];
        let (name, dataset) = series.split_at_mut(8);
        name.copy_from_slice(&short(attribute));
        dataset.copy_from_slice(&short(dataset_id.unwrap_or_default()));
        Self(series)
    }

    /// The series that an instance belongs to.
    pub fn of_slot(slot: &AttrSlot<'_>) -> Self {
        Self::of(slot.name(), slot.dataset_id())
    }

    /// Whether it is one of this attribute's.
    pub fn is_of(&self, attribute: &str) -> bool {
        self.0.starts_with(&short(attribute))
    }
}

fn short(text: &str) -> [u8; 8] {
    fingerprint(&[text.as_bytes()]).first_chunk().copied().unwrap_or_default()
}

/// Whom an instance of the past was about, when that is a personal entity that names nobody. An open entity that has its id later does not
/// inherit that. Not the id of a person: those are longer.
pub const NOBODY: &str = "nobody";

/// Whom an entity is about, for its past.
pub fn about<'a>(catalogue: &Catalogue, of: &'a EntityDoc) -> Option<&'a str> {
    of.subject().or_else(|| catalogue.is_personal(of.types()).then_some(NOBODY))
}

/// Where an instance stands in its series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// [`AttrSlot::time`] when it was stored, µs since the epoch.
    pub at: i64,
    /// Its identity, which stays when it is changed.
    pub id: [u8; 16],
}

impl Place {
    /// Before every instance of that time.
    pub fn first_at(at: i64) -> Self {
        Self { at, id: [0; 16] }
    }

    /// The one right after.
    pub fn next(self) -> Option<Self> {
        let id = u128::from_be_bytes(self.id).checked_add(1).map(u128::to_be_bytes);
        match id {
            Some(id) => Some(Self { id, ..self }),
            None => self.at.checked_add(1).map(Self::first_at),
        }
    }
}

/// The name of an instance of the past.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InstanceKey {
    /// The entity's id.
    pub entity: String,
    /// Which series.
    pub series: Series,
    /// Where in it.
    pub place: Place,
}

impl InstanceKey {
    /// The identity that an instance has from the beginning, when it gets none of its own: known from what is stored, the same before and after
    /// it is superseded.
    pub fn derived(entity: &str, slot: &AttrSlot<'_>) -> Self {
        let id = fingerprint(&[b"instance", entity.as_bytes(), slot.bytes()]);
        let place = Place { at: slot.time(), id };
        Self { entity: entity.to_owned(), series: Series::of_slot(slot), place }
    }

    /// The key after the entity.
    pub fn suffix(&self) -> [u8; SUFFIX] {
        suffix(self.series, self.place)
    }
}

/// The key of a place in a series, after the entity.
pub fn suffix(series: Series, place: Place) -> [u8; SUFFIX] {
    let mut key = [0; SUFFIX];
    let (head, id) = key.split_at_mut(24);
    let (name, time) = head.split_at_mut(16);
    name.copy_from_slice(&series.0);
    // The sign turned, so that what was before 1970 sorts first.
    time.copy_from_slice(&(place.at.cast_unsigned() ^ 1 << 63).to_be_bytes());
    id.copy_from_slice(&place.id);
    key
}

/// The inverse of [`suffix`].
pub fn read_suffix(key: [u8; SUFFIX]) -> (Series, Place) {
    let (mut series, mut time, mut id) = ([0; 16], [0; 8], [0; 16]);
    let (head, tail) = key.split_at(24);
    let (name, at) = head.split_at(16);
    series.copy_from_slice(name);
    time.copy_from_slice(at);
    id.copy_from_slice(tail);
    let at = (u64::from_be_bytes(time) ^ 1 << 63).cast_signed();
    (Series(series), Place { at, id })
}

/// A part of one series.
#[derive(Debug, Clone, Copy)]
pub struct InstanceRange {
    /// Which series.
    pub series: Series,
    /// From here on, included; no bound is the beginning.
    pub from: Option<Place>,
    /// To before this; no bound is the end.
    pub to: Option<Place>,
    /// From the last one down.
    pub reverse: bool,
    /// At most so many are looked at.
    pub limit: usize,
}

impl InstanceRange {
    /// All of a series, in steps of `limit`.
    pub fn all(series: Series, limit: usize) -> Self {
        Self { series, from: None, to: None, reverse: false, limit }
    }

    /// The keys that qualify, after the entity: from the first, included, to before the second. No second is the end of the series.
    pub fn keys(&self) -> ([u8; SUFFIX], Option<[u8; SUFFIX]>) {
        let first = self.from.unwrap_or(Place::first_at(i64::MIN));
        (suffix(self.series, first), self.to.map(|to| suffix(self.series, to)))
    }

    /// What is left after a chunk that ended at `last`; nothing when that was the end of it.
    pub fn after(mut self, last: Place) -> Option<Self> {
        if self.reverse {
            self.to = Some(last);
        } else {
            self.from = Some(last.next()?);
        }
        Some(self)
    }
}

/// An instance of the past.
#[derive(Debug, Clone)]
pub struct Remembered {
    /// Where it stands.
    pub place: Place,
    /// What it was.
    pub doc: PastDoc,
}

/// Instances of one series, in order.
#[derive(Debug, Default)]
pub struct Chunk {
    /// Those that the view shows.
    pub instances: Vec<Remembered>,
    /// The last place looked at, when the range may go on behind it.
    pub last: Option<Place>,
}

/// Collects a chunk, the same for every backend.
#[derive(Debug)]
pub struct Recall<'a> {
    /// What of the entity is in view.
    cut: Option<Cut<'a>>,
    /// Whom it is about.
    subject: Option<&'a str>,
    limit: usize,
    looked: usize,
    chunk: Chunk,
}

impl<'a> Recall<'a> {
    /// Of the past of this entity, as it is now or was last.
    pub fn new(view: &'a View, of: &'a EntityDoc, range: &InstanceRange) -> Self {
        let (cut, subject) = (view.cut(of), about(view.catalogue(), of));
        Self { cut, subject, limit: range.limit, looked: 0, chunk: Chunk::default() }
    }

    /// Whether more may be offered.
    pub fn is_open(&self) -> bool {
        self.looked < self.limit
    }

    /// Takes an instance, if the view shows it: the entity must be in view as it is, the attribute too, and the entity must have been about
    /// whom it is about now.
    pub fn offer(&mut self, place: Place, doc: PastDoc) {
        self.looked += 1;
        if self.looked == self.limit {
            self.chunk.last = Some(place);
        }
        let in_view = self.cut.as_ref().is_some_and(|cut| {
            let attribute = |slot: AttrSlot<'_>| cut.attribute(slot.name(), slot.publisher());
            cut.is_whole() || doc.slot().is_some_and(attribute)
        });
        // Before there was a name for it, the past of what names nobody was about nobody at all.
        let unnamed = doc.subject().is_none() && self.subject == Some(NOBODY);
        if (doc.subject() == self.subject || unnamed) && in_view {
            self.chunk.instances.push(Remembered { place, doc });
        }
    }

    /// The chunk.
    pub fn finish(self) -> Chunk {
        self.chunk
    }
}

/// What is wrong with a stored instance; nothing when it stands where it belongs.
pub fn misplaced(series: Series, place: Place, doc: &PastDoc) -> Option<&'static str> {
    let Some(slot) = doc.slot() else {
        return Some("an instance of the past does not decode");
    };
    if Series::of_slot(&slot) != series {
        return Some("an instance of the past is stored in another's series");
    }
    (slot.time() != place.at).then_some("an instance of the past is stored at another time")
}

/// Stored bytes as an instance.
pub fn read(bytes: impl Into<bytes::Bytes>) -> Result<PastDoc, StoreError> {
    PastDoc::from_bytes(bytes.into())
        .map_err(|_| StoreError::Corrupt("an instance of the past does not decode".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_by_series_time_and_id() {
        let series = [Series([0; 16]), Series::of("urn:p", None), Series::of("urn:p", Some("d"))];
        assert!(series[1].is_of("urn:p") && series[2].is_of("urn:p") && !series[1].is_of("urn:q"));
        let mut all = Vec::new();
        for series in series {
            for at in [i64::MIN, -1, 0, 1, i64::MAX] {
                for id in [[0; 16], [1; 16], [255; 16]] {
                    all.push((series, Place { at, id }));
                }
            }
        }
        let key = |(series, place): (Series, Place)| suffix(series, place);
        for one in &all {
            assert_eq!(read_suffix(key(*one)), *one);
            for other in &all {
                assert_eq!(one.cmp(other), key(*one).cmp(&key(*other)));
            }
            if let Some(next) = one.1.next() {
                assert!(next > one.1);
            }
        }
    }
}
