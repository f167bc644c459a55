//! Why a server of the sandbox could not start or go on.

use std::path::PathBuf;

/// Why a server of the sandbox could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The port is taken or may not be used.
    #[error("cannot listen on 127.0.0.1:{port}: {source}")]
    Listen {
        /// The port asked for.
        port: u16,
        /// What the system said.
        source: std::io::Error,
    },
    /// The server stopped by itself.
    #[error("the {role} server stopped: {reason}")]
    Stopped {
        /// Which server.
        role: &'static str,
        /// What it said.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("cannot use {path}: {source}")]
    File {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line of the coin issuer's journal is not one of ours.
    #[error("{path} line {line} is not a journal entry: {reason}")]
    Journal {
        /// Which file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// An option has a value that cannot work.
    #[error("option {option}: {reason}")]
    Option {
        /// The option's name as typed.
        option: &'static str,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// A key could not be made or used.
    #[error("cannot make or use a key: {0}")]
    Key(&'static str),
    /// A character of the register has no place in the encoding of the file.
    #[error("character U+{code_point:04X} of the register has no CP932 form")]
    Unencodable {
        /// The character.
        code_point: u32,
    },
    /// The HTTP client could not be made.
    #[error("cannot make an HTTP client: {0}")]
    Client(reqwest::Error),
    /// The line that says the server is ready could not be written.
    #[error("cannot write to standard output: {0}")]
    Output(std::io::Error),
}
