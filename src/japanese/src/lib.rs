//! How Japanese records write characters, dates and addresses.
//!
//! * [`characters`]: what must not pass silently in a text (gaiji, what could not be decoded), and substitute characters.
//! * [`keys`]: search keys, by which two systems' spellings of a name, a reading or an address meet. They are compared, never stored in the
//!   place of what was written.
//! * [`dates`]: dates in Japanese eras and in our calendar, with parts that are not known.
//! * [`addresses`]: the parts of an address, the code of its municipality, and how sure that is.
//! * [`export`]: text in the encoding of a file, with a word about every character that could not be written as it is.
//! * [`spreadsheets`]: what spreadsheet programs do to values, and cells that they do not take for formulas.
//!
//! All of it is pure. Nothing is guessed: what has two meanings is refused, or left to a person.

pub mod addresses;
pub mod characters;
pub mod dates;
pub mod export;
pub mod keys;
pub mod spreadsheets;
