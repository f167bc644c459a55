//! What can be wrong with a document, a @context or a query.

use std::fmt;

/// The class of an [`Error`], mapped to the error types of clause 5.5.2 and 6.3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes are not JSON, or not JSON of a shape the operation takes.
    InvalidRequest,
    /// The JSON is well formed but breaks a rule of the information model.
    BadRequestData,
    /// The document is nested deeper than the limit.
    TooDeep,
    /// The document, @context or pattern is larger than the limit.
    TooLarge,
    /// A remote @context could not be used.
    LdContextNotAvailable,
    /// The entity has no such attribute (or no instance with that `datasetId`).
    ResourceNotFound,
    /// The request needs a part of the language that is not offered.
    OperationNotSupported,
    /// A stored document is damaged: the fault is here, not at the client.
    Corrupt,
}

impl ErrorKind {
    /// The error type URI of clause 5.5.2.
    #[must_use]
    pub fn uri(self) -> &'static str {
        match self {
            Self::InvalidRequest | Self::TooDeep | Self::TooLarge => {
                "https://uri.etsi.org/ngsi-ld/errors/InvalidRequest"
            }
            Self::BadRequestData => "https://uri.etsi.org/ngsi-ld/errors/BadRequestData",
            Self::LdContextNotAvailable => {
                "https://uri.etsi.org/ngsi-ld/errors/LdContextNotAvailable"
            }
            Self::ResourceNotFound => "https://uri.etsi.org/ngsi-ld/errors/ResourceNotFound",
            Self::OperationNotSupported => {
                "https://uri.etsi.org/ngsi-ld/errors/OperationNotSupported"
            }
            Self::Corrupt => "https://uri.etsi.org/ngsi-ld/errors/InternalError",
        }
    }
}

/// Why something was refused. Carries names and positions only, never a value of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The class, from which a caller derives a status code.
    pub kind: ErrorKind,
    /// What is wrong, lower case, without a trailing stop.
    pub detail: String,
    /// Where: a JSON pointer (RFC 6901) into the body, or a parameter's name.
    pub pointer: Option<String>,
    /// How to mend it.
    pub remedy: Option<String>,
}

impl Error {
    /// An error of `kind` without a position.
    pub fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), pointer: None, remedy: None }
    }

    /// A breach of the information model.
    pub(crate) fn bad(detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadRequestData, detail)
    }

    /// Input that is not usable JSON.
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidRequest, detail)
    }

    /// A damaged stored document.
    pub(crate) fn corrupt(detail: &'static str) -> Self {
        Self::new(ErrorKind::Corrupt, detail)
    }

    /// The same error at a position.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// The same error, one level further from the root: `name` is put before the pointer.
    #[must_use]
    pub(crate) fn under(mut self, name: &str) -> Self {
        let tail = self.pointer.take().unwrap_or_default();
        let mut pointer = String::with_capacity(name.len() + tail.len() + 1);
        crate::json::push_pointer(&mut pointer, name);
        pointer.push_str(&tail);
        self.pointer = Some(pointer);
        self
    }

    /// The same error with advice.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)?;
        if let Some(pointer) = &self.pointer {
            write!(f, " (at {pointer})")?;
        }
        if let Some(remedy) = &self.remedy {
            write!(f, "; {remedy}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
