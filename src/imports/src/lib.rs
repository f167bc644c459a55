//! Governed loads: files of municipal records that people look at before they are published.
//!
//! ```text
//! folder ─► staging ─► comparing ─► waiting ─► proposed ─► publishing ─► published ─► superseded
//!            rows       with the     │  ▲        │ by an      by another member        │
//!            kept in    published    ▼  │        ▼ operator   of staff                 ▼
//!            the store  load         decisions   held when too much would end         rolled back to
//! ```
//!
//! A layout with `publish = "second-person"` is not published as it comes. Each file becomes a [`Load`]: its rows are kept in the store, in
//! batches, each with the place where to go on, so that a process that is killed goes on where it was and ends in the same state. Rows that a
//! person has to decide about wait in a queue; what was decided holds for the same value in later loads until somebody withdraws it. The load is compared with the one that
//! is published; when too much would end it is held. An operator proposes it, and an approver who had no hand in it publishes it. The load before
//! is kept, and rolling back is publishing that one.
//!
//! Memory does not grow with the rows: files are read as streams, and loads are compared by walking through both in order.
//!
//! Owned here: the collections named `import-*`. Staged rows and the queue hold personal data; what is written down about a file (findings,
//! steps) never does.

mod acts;
mod compare;
mod decisions;
mod imports;
mod load;
mod loader;
mod publishing;
mod queue;
mod records;
mod settling;
mod staging;
mod upload;

pub use acts::Format;
pub use decisions::{DecidedValue, KeptDecision};
pub use imports::{Imports, Registry};
pub use load::{Counts, Difference, Load, LoadId, LoadState, Step};
pub use loader::Loader;
pub use queue::{Answer, Item, Question};
pub use upload::{Checked, Purpose, Remark, Upload};
