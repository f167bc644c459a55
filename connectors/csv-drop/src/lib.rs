//! The connector for CSV files that a municipal system drops into a folder.
//!
//! ```text
//! folder ─ pattern ─► scan (digest, encoding, rows) ─► decode ─► rows ─► entities ─► runner
//! ```
//!
//! Old files are as common as new ones, so it reads UTF-8 with and without a byte order mark, UTF-16 and CP932 (the Shift JIS of Windows),
//! commas, tabs and semicolons, dates in Japanese eras, and digits of either width (`tsunagu-japanese`). One bad row is refused with its line,
//! column and remedy and the others go on; a file is refused whole only when it cannot be read at all, lacks a column, is much too short, or has
//! a column for the individual number. Names are stored exactly as written. Files are never moved or changed.
//!
//! A file is read when it has not changed for a while, the oldest first; what changes while it is read is read anew. What the folder holds ends the same
//! however its files arrived: after one that arrives late the later ones are read once more.
//!
//! [`CsvDrop`] publishes what it finds; [`Rows`] gives the same rows to whoever looks at a file before anything is published, with what a
//! person has to decide told apart from what is refused.
//!
//! [`check()`] does that for a whole file and stores nothing; [`CsvReport`] and [`ndjson`] write down what it finds.
//!
//! Memory does not grow with the file: a key given twice is found by marks in a table of at most 32 MiB, and only names that may come twice
//! are remembered.

mod check;
mod config;
mod cursor;
mod decode;
mod entity;
mod files;
mod finding;
mod numbers;
mod read;
mod remedy;
mod report;
mod row;
mod rows;
mod scan;
mod source;
mod template;
mod twice;

pub use check::{Tally, Watcher, check};
pub use config::{Column, Config, ConfigError, Encoding, Ended, Kind, Publish};
pub use files::{Listed, files};
pub use finding::{Finding, Weight};
pub use report::{CsvReport, ndjson};
pub use row::{Decided, Decisions, Layout, Outcome, Record, Undecided, is_lossy};
pub use rows::{Rows, Sighted};
pub use source::CsvDrop;
pub use template::template;
pub use tsunagu_japanese::addresses::{Town, is_code as is_municipality_code};
