//! The words of the platform: ids, time, assurance, the catalogue of what is personal, and the table of problems.
//!
//! Pure. It knows no storage, no HTTP and no wall clock: time and randomness come in through [`Clock`] and
//! [`IdGen`], so that expiry, replay and rewards can be tested by moving a clock.

mod age;
mod assurance;
mod catalogue;
mod clock;
mod fingerprint;
mod frequency;
mod hex;
mod id_gen;
pub mod individual_number;
mod pairwise;
mod problem;
mod tenant;
mod tsuno_id;

pub use age::{comes_of_age, day_begins, day_ends};
pub use assurance::{Assurance, Level};
pub use catalogue::{
    Catalogue, CatalogueError, ClassAttribute, DataClass, PersonalType, Purpose, Sensitivity,
    SubjectPath, Text, TypeAttributes,
};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp, to_iso};
pub use fingerprint::fingerprint;
pub use frequency::Frequency;
pub use hex::hex;
pub use id_gen::{IdGen, SeededIds, SystemIds};
pub use pairwise::{SectorCipher, SectorKey, SectorKeys};
pub use problem::{Problem, ProblemCode, StepUp};
pub use tenant::{ClientId, TenantId};
pub use tsuno_id::{PERSON_URN, TsunoId};
