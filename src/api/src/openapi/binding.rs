//! What the operations of the NGSI-LD binding have in common, added to what their handlers say of themselves: headers and parameters
//! (clauses 6.3.5, 6.3.14, 6.3.18), and every problem that the code can answer with, an example for each (clauses 5.5.2, 6.3.2).

use serde_json::{Map, Value, json};
use tsunagu_domain::{Problem, ProblemCode};

use super::examples;
use crate::ngsi_ld::BASE;

const PROBLEM: &str = "application/problem+json";

/// One operation, as far as the rules below ask.
pub(super) struct Operation<'a> {
    pub(super) method: &'a str,
    /// Behind the base path.
    pub(super) path: &'a str,
    body: bool,
    /// Whether answers name things by the @context.
    shows_ld: bool,
}

/// Completes every operation of the binding.
pub(super) fn complete(document: &mut Value) {
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        for (name, schema) in schemas {
            if let Some(example) = examples::named(name) {
                schema["examples"] = json!([example]);
            }
        }
    }
    let schemas = document["components"]["schemas"].clone();
    let Some(paths) = document["paths"].as_object_mut() else { return };
    for (path, item) in paths {
        let Some(rest) = path.strip_prefix(BASE) else { continue };
        let Some(operations) = item.as_object_mut() else { continue };
        for (method, description) in operations {
            let content = &description["responses"]["200"]["content"];
            let operation = Operation {
                method,
                path: rest,
                body: !description["requestBody"].is_null(),
                shows_ld: !content["application/ld+json"].is_null(),
            };
            parameters(&operation, description);
            problems(&operation, description);
            examples::add(&operation, &schemas, description);
        }
    }
}

impl Operation<'_> {
    /// Whether one of several things is named by the path.
    fn is_one(&self) -> bool {
        self.path.contains('{')
    }

    fn is_about(&self, what: &[&str]) -> bool {
        what.iter().any(|what| self.path.starts_with(what))
    }

    fn writes(&self) -> bool {
        self.method != "get" && !self.path.ends_with("/query")
    }

    /// Whether names are read or written by an @context, so that one can be missing.
    fn has_context(&self) -> bool {
        let of_others = ["/csource", "/subscriptions"];
        !(self.path.starts_with("/info")
            || self.path == "/jsonldContexts"
            || self.method == "delete" && self.is_about(&of_others))
    }

    /// Parameters of the standard that it knows and refuses.
    fn unbuilt(&self) -> Vec<&'static str> {
        let (mut names, past) = (Vec::new(), self.path.starts_with("/temporal/entities"));
        let many = matches!(self.path, "/entities" | "/temporal/entities");
        let one = matches!(self.path, "/entities/{entityId}" | "/temporal/entities/{entityId}");
        let reads = self.method == "get" && (many || one);
        let purges = self.method == "delete" && self.path == "/entities";
        if reads || purges {
            names.extend(["entityMap", "jsonKeys"]);
        }
        if many && (reads || purges) {
            names.push("csf");
        }
        if many && reads && past {
            names.push("orderBy");
        }
        names
    }

    /// Every problem that it can answer with.
    fn codes(&self) -> Vec<ProblemCode> {
        use ProblemCode as P;
        let mut codes = vec![P::InvalidRequest, P::Unauthorized, P::StepUpRequired, P::Forbidden];
        codes.extend([P::NonexistentTenant, P::InternalError, P::Unavailable]);
        let mut when = |holds: bool, more: &[P]| {
            if holds {
                codes.extend(more);
            }
        };
        let entities = self.is_about(&["/entities", "/entityOperations", "/temporal"]);
        let searches = self.method == "get" && !self.path.starts_with("/info");
        when(!self.path.starts_with("/info"), &[P::BadRequestData]);
        when(entities, &[P::ConsentRequired]);
        when(entities && !self.writes(), &[P::FrequencyExceeded]);
        when(self.is_one(), &[P::ResourceNotFound]);
        when(self.body, &[P::LengthRequired, P::PayloadTooLarge, P::UnsupportedMediaType]);
        when(self.body && !self.path.ends_with("/query"), &[P::IndividualNumber]);
        when(self.shows_ld, &[P::NotAcceptable]);
        when(self.has_context(), &[P::LdContextNotAvailable]);
        when(
            searches && (entities || self.is_about(&["/types", "/attributes"])),
            &[P::TooManyResults],
        );
        when(self.path.ends_with("/query"), &[P::TooManyResults, P::OperationNotSupported]);
        when(searches && entities, &[P::OperationNotSupported]);
        when(self.path == "/jsonldContexts/{contextId}", &[P::OperationNotSupported]);
        let created = self.method == "post" && !self.is_one();
        when(created && !entities && self.path != "/jsonldContexts", &[P::AlreadyExists]);
        when(self.method == "post" && self.path == "/entities", &[P::AlreadyExists]);
        when(self.writes() && !self.path.starts_with("/entityOperations"), &[P::Conflict]);
        codes
    }
}

fn parameters(operation: &Operation<'_>, description: &mut Value) {
    let mut common = vec![json!({
        "name": "NGSILD-Tenant", "in": "header", "required": false, "schema": { "type": "string" },
        "description": "The municipality that is meant, if it is not the one of the client (clause 6.3.14)", "example": "tsuno"
    })];
    if operation.has_context() {
        common.push(json!({
            "name": "Link", "in": "header", "required": false, "schema": { "type": "string" },
            "description": "The @context that names are read and written by; the core one without it. A body of `application/ld+json` carries its own instead (clause 6.3.5)",
            "example": "<https://example.org/context.jsonld>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\""
        }));
    }
    let of_entity = ["/entities/{entityId}", "/temporal/entities/{entityId}"];
    if operation.is_about(&of_entity) {
        common.push(json!({
            "name": "type", "in": "query", "required": false, "schema": { "type": "string" },
            "description": "Type selection (clause 4.17): an entity that is of none of these types is not there for this request", "example": "Building"
        }));
    }
    if !operation.is_about(&["/jsonldContexts", "/csourceRegistrations", "/info"]) {
        common.push(json!({
            "name": "local", "in": "query", "required": false, "schema": { "type": "boolean" },
            "description": "Whether this broker alone is asked (clause 6.3.18), as it always is", "example": true
        }));
    }
    for name in operation.unbuilt() {
        common.push(json!({
            "name": name, "in": "query", "required": false, "schema": { "type": "string" },
            "description": "Known from the standard and not built here: answered with 422"
        }));
    }
    let Some(members) = description.as_object_mut() else { return };
    let listed = members.entry("parameters").or_insert_with(|| json!([]));
    let Some(listed) = listed.as_array_mut() else { return };
    for parameter in common {
        let same =
            |there: &Value| there["name"] == parameter["name"] && there["in"] == parameter["in"];
        if !listed.iter().any(same) {
            listed.push(parameter);
        }
    }
}

fn problems(operation: &Operation<'_>, description: &mut Value) {
    let codes = operation.codes();
    let Some(responses) = description["responses"].as_object_mut() else { return };
    for status in 400..600_u16 {
        let mut named = codes.iter().filter(|code| code.status() == status).peekable();
        if named.peek().is_none() {
            continue;
        }
        let examples: Map<String, Value> =
            named.map(|code| (format!("{code:?}"), sample(*code))).collect();
        let response = responses
            .entry(status.to_string())
            .or_insert_with(|| json!({ "description": said(status) }));
        let content = &mut response["content"][PROBLEM];
        content["schema"] = json!({ "$ref": "#/components/schemas/ProblemBody" });
        content["examples"] = Value::Object(examples);
    }
    responses.sort_keys();
}

/// What a status means where the handler does not say it better.
fn said(status: u16) -> &'static str {
    match status {
        404 => "There is nothing of that name in view, or no such tenant",
        406 => "The answer cannot be had in a media type that is accepted",
        409 => "It is there already, or something else changed it first",
        411 => "The body came without its length",
        413 => "The body is larger than allowed",
        415 => "The media type of the body is none that is taken here",
        422 => "The standard has it, this broker does not",
        500 => "A part of the platform failed",
        504 => "A remote @context could not be had",
        _ => "The request was refused; `type` and `detail` say why",
    }
}

/// A problem of this code, as it is answered.
fn sample(code: ProblemCode) -> Value {
    use ProblemCode as P;
    let (detail, pointer) = match code {
        P::InvalidRequest => ("the body is not a JSON object", None),
        P::BadRequestData => (
            "an identifier is not a URI; begin it with a scheme, for example urn:ngsi-ld:Building:001",
            Some("/id"),
        ),
        P::IndividualNumber => {
            ("an individual number may not be sent to this platform", Some("/name"))
        }
        P::Unauthorized => {
            ("the access token is missing or not valid; get one at /oauth/token", None)
        }
        P::StepUpRequired => ("the login is not strong or fresh enough for this", None),
        P::Forbidden => ("this client may not do this", None),
        P::ConsentRequired => ("the resident's consent is not live", None),
        P::TooManyResults => ("more is meant than one answer may hold; ask for less", None),
        P::ResourceNotFound => ("no such resource is visible to this request", None),
        P::NonexistentTenant => ("there is no such tenant here", Some("NGSILD-Tenant")),
        P::NotAcceptable => (
            "answers here are application/json or application/ld+json; accept one of them",
            Some("Accept"),
        ),
        P::AlreadyExists => ("this exists already; choose another id, or change it", Some("/id")),
        P::Conflict => ("something else changed it at the same moment; repeat the request", None),
        P::LengthRequired => ("send Content-Length", None),
        P::PayloadTooLarge => {
            ("the body is larger than 1048576 bytes; split it into several requests", None)
        }
        P::UnsupportedMediaType => {
            ("send application/json or application/ld+json", Some("Content-Type"))
        }
        P::OperationNotSupported => ("this parameter is not supported here", Some("entityMap")),
        P::LdContextNotAvailable => (
            "the @context could not be had; pin it, or send its definitions inline",
            Some("@context"),
        ),
        _ => ("the store does not answer; nothing was done", None),
    };
    let mut problem = Problem::new(code, detail);
    if let Some(pointer) = pointer {
        problem = problem.at(pointer);
    }
    let value = serde_json::from_slice(&problem.body()).unwrap_or(Value::Null);
    json!({ "summary": code.title(), "value": value })
}
