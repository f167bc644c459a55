//! The connector for CSV files that a municipal system drops into a folder.
//!
//! ```text
//! folder ─ pattern ─► scan (digest, encoding, rows) ─► decode ─► rows ─► entities ─► runner
//! ```
//!
//! Old files are as common as new ones, so it reads UTF-8 with and without a byte order mark, UTF-16 and CP932 (the Shift JIS of Windows),
//! dates in Japanese eras, and digits of either width. One bad row is refused with its line, column and remedy and the others go on;
//! a file is refused whole only when it cannot be read at all, lacks a column, is much too short, or has a column for the individual number.
//! Names are stored exactly as written. Files are never moved or changed. Memory does not grow with the file, except for 16 bytes a row that
//! find a key given twice.

mod config;
mod cursor;
mod decode;
mod entity;
mod read;
mod row;
mod scan;
mod source;
mod wareki;

pub use config::{Column, Config, ConfigError, Encoding, Kind};
pub use source::CsvDrop;
pub use wareki::{DateRefusal, parse_date};
