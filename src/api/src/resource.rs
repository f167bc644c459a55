//! Paths with their methods: another method is a 405 that names them, another path a 404, both as problem details.

use actix_web::http::Method;
use actix_web::{Resource, Route, web};
use tsunagu_domain::{Problem, ProblemCode};

use crate::Failure;

/// A resource with one route for each method.
pub(crate) fn resource<const N: usize>(path: &str, routes: [(Method, Route); N]) -> Resource {
    let allow: Vec<&str> = routes.iter().map(|(method, _)| method.as_str()).collect();
    let allow = allow.join(", ");
    let resource = web::resource(path).default_service(web::to(move || {
        let mut failure = Failure::new(
            ProblemCode::MethodNotAllowed,
            format!("this path takes {allow}; see /openapi.json"),
        );
        failure.allow = Some(allow.clone());
        std::future::ready(Err::<&'static str, _>(failure))
    }));
    routes.into_iter().fold(resource, |resource, (_, route)| resource.route(route))
}

/// The answer on paths that do not exist.
pub fn no_such_path() -> Failure {
    let detail = "there is nothing at this path; see /openapi.json for what there is";
    Problem::new(ProblemCode::ResourceNotFound, detail).into()
}
