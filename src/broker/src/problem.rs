//! From what is wrong with a document to a problem.

use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::{Error, ErrorKind};

/// The problem detail for an error of the information model.
pub fn ngsi_problem(error: Error) -> Problem {
    let code = match error.kind {
        ErrorKind::BadRequestData => ProblemCode::BadRequestData,
        ErrorKind::TooLarge => ProblemCode::PayloadTooLarge,
        ErrorKind::LdContextNotAvailable => ProblemCode::LdContextNotAvailable,
        ErrorKind::ResourceNotFound => ProblemCode::ResourceNotFound,
        ErrorKind::OperationNotSupported => ProblemCode::OperationNotSupported,
        ErrorKind::Corrupt => ProblemCode::InternalError,
        _ => ProblemCode::InvalidRequest,
    };
    let detail = match error.remedy {
        Some(remedy) => format!("{}; {remedy}", error.detail),
        None => error.detail,
    };
    let problem = Problem::new(code, detail);
    match error.pointer {
        Some(pointer) => problem.at(pointer),
        None => problem,
    }
}
