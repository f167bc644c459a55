//! Measuring the gateway from outside: every figure is a ratio to a yardstick of the same run on the same machine.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`gateway`] | the gateway as a process, with a configuration for measuring |
//! | [`town`] | the data: open entities, residents and their consents |
//! | [`load`] | many connections that ask as fast as they are answered |
//! | [`yardstick`] | the bare handler (A) and the bare engine (S) |
//! | [`token`] | tokens for machines and for residents' apps |
//! | [`run`] | one measurement; the rows are in `reads`, `writes`, `past`, `notify` |
//! | [`growth`] | the same with more and more data |
//! | [`report`] | medians, ratios, the table |
//! | [`soak`] | writers that know what was acknowledged, for killing the gateway under them |
//! | [`imports`] | files of municipal records: rows a second, and memory |
//! | [`served`] | readers that know what they were given, for the same |

pub mod gateway;
pub mod growth;
pub mod imports;
pub mod load;
mod notify;
mod past;
mod reads;
pub mod report;
pub mod run;
pub mod served;
pub mod soak;
pub mod token;
pub mod town;
mod writes;
pub mod yardstick;
