//! What can go wrong, as one table: code, HTTP status, type URI, titles.

use serde::Serialize;

use crate::Level;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:literal, $uri:literal, $en:literal, $ja:literal;)*) => {
        /// Every problem the platform reports (RFC 9457). NGSI-LD problems carry ETSI's type URIs (TS 104-175 clause 5.5.2).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ProblemCode { $($(#[$doc])* $name,)* }

        impl ProblemCode {
            /// Every code, for documentation and tests.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }
            /// The `type` member: a URI that names the problem.
            pub const fn type_uri(self) -> &'static str {
                match self { $(Self::$name => $uri,)* }
            }
            /// The `title` member, in English.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $en,)* }
            }
            /// What staff can tell a resident or vendor on the telephone, in Japanese.
            pub const fn title_ja(self) -> &'static str {
                match self { $(Self::$name => $ja,)* }
            }
        }
    };
}

codes! {
    /// The request itself is malformed: syntax, headers, parameters.
    InvalidRequest = 400, "https://uri.etsi.org/ngsi-ld/errors/InvalidRequest", "Invalid request", "リクエストの形式が正しくありません";
    /// The data does not fit the information model.
    BadRequestData = 400, "https://uri.etsi.org/ngsi-ld/errors/BadRequestData", "Bad request data", "データの内容が正しくありません";
    /// An entity or attribute of that name exists already.
    AlreadyExists = 409, "https://uri.etsi.org/ngsi-ld/errors/AlreadyExists", "Already exists", "すでに存在します";
    /// The operation exists in the standard but not (yet) here.
    OperationNotSupported = 422, "https://uri.etsi.org/ngsi-ld/errors/OperationNotSupported", "Operation not supported", "この操作には対応していません";
    /// Hidden and absent look the same.
    ResourceNotFound = 404, "https://uri.etsi.org/ngsi-ld/errors/ResourceNotFound", "Resource not found", "見つかりません";
    /// The store or another part refused.
    InternalError = 500, "https://uri.etsi.org/ngsi-ld/errors/InternalError", "Internal error", "内部エラーが発生しました";
    /// The answer would be larger than allowed.
    TooManyResults = 403, "https://uri.etsi.org/ngsi-ld/errors/TooManyResults", "Too many results", "結果が多すぎます";
    /// A remote @context is not pinned here and may not or could not be fetched.
    LdContextNotAvailable = 504, "https://uri.etsi.org/ngsi-ld/errors/LdContextNotAvailable", "JSON-LD @context not available", "@context を取得できません";
    /// The tenant does not exist.
    NonexistentTenant = 404, "https://uri.etsi.org/ngsi-ld/errors/NonexistentTenant", "No such tenant", "テナントが存在しません";
    /// The body is larger than allowed.
    PayloadTooLarge = 413, "urn:tsunagu:problem:payload-too-large", "Payload too large", "データが大きすぎます";
    /// The media type of the body is not accepted here.
    UnsupportedMediaType = 415, "urn:tsunagu:problem:unsupported-media-type", "Unsupported media type", "このデータ形式には対応していません";
    /// A body came without saying how long it is (clause 6.3.4).
    LengthRequired = 411, "urn:tsunagu:problem:length-required", "Length required", "Content-Length が必要です";
    /// None of the media types that the client accepts can be given.
    NotAcceptable = 406, "urn:tsunagu:problem:not-acceptable", "Not acceptable", "指定された形式では返せません";
    /// The path exists, the method does not.
    MethodNotAllowed = 405, "urn:tsunagu:problem:method-not-allowed", "Method not allowed", "このメソッドは使えません";
    /// No token, or one that is not valid.
    Unauthorized = 401, "urn:tsunagu:problem:unauthorized", "Authentication required", "認証が必要です";
    /// The actor is known and may not do this.
    Forbidden = 403, "urn:tsunagu:problem:forbidden", "Not allowed", "この操作は許可されていません";
    /// A live consent of the resident is missing; told only to the client whose own grant it was.
    ConsentRequired = 403, "urn:tsunagu:problem:consent-required", "Consent required", "ご本人の同意が必要です";
    /// A fresher or stronger login is needed (RFC 9470).
    StepUpRequired = 401, "urn:tsunagu:problem:step-up-required", "Stronger login required", "もう一度ログインしてください";
    /// The individual number may not be sent to this platform.
    IndividualNumber = 400, "urn:tsunagu:problem:individual-number", "Individual number refused", "個人番号は受け付けられません";
    /// Something else changed it first.
    Conflict = 409, "urn:tsunagu:problem:conflict", "Conflict", "他の更新と競合しました";
    /// Too many requests.
    TooManyRequests = 429, "urn:tsunagu:problem:too-many-requests", "Too many requests", "リクエストが多すぎます";
    /// The resident consented to so many reads and no more; told only to the client whose own grant it is.
    FrequencyExceeded = 429, "urn:tsunagu:problem:frequency-exceeded", "Reads of the consent used up", "同意された回数を使い切りました";
    /// A part that is needed does not answer; nothing was done.
    Unavailable = 503, "urn:tsunagu:problem:unavailable", "Temporarily unavailable", "現在ご利用いただけません";
    /// An outside system that is needed refused or failed.
    BadGateway = 502, "urn:tsunagu:problem:bad-gateway", "Outside system failed", "外部システムが応答しません";
}

/// One problem, ready to be sent as `application/problem+json`. Its texts never hold personal data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", code.title())]
pub struct Problem {
    /// Which of the table.
    pub code: ProblemCode,
    /// What is wrong and how to mend it.
    pub detail: String,
    /// Where: a JSON pointer into the body, or the name of a parameter or header.
    pub pointer: Option<String>,
    /// Where consent can be asked for, when saying so reveals nothing.
    pub consent_request_url: Option<String>,
    /// What the login must be, when it is not strong or fresh enough.
    pub step_up: Option<StepUp>,
}

/// What is asked of a login (RFC 9470 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepUp {
    /// It must reach this level.
    Level(Level),
    /// It must be at most so many seconds old.
    MaxAge(i64),
}

impl Problem {
    /// A problem with its explanation.
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            pointer: None,
            consent_request_url: None,
            step_up: None,
        }
    }

    /// A login that is not strong or fresh enough, and what it must be.
    pub fn step_up(needed: StepUp, detail: impl Into<String>) -> Self {
        Self { step_up: Some(needed), ..Self::new(ProblemCode::StepUpRequired, detail) }
    }

    /// Adds where it is.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// The one answer for hidden and absent alike.
    pub fn not_found() -> Self {
        Self::new(ProblemCode::ResourceNotFound, "no such resource is visible to this request")
    }

    /// The JSON body (RFC 9457). The id of the request, for support, is in the `X-Request-Id` header.
    pub fn body(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a> {
            r#type: &'a str,
            title: &'a str,
            status: u16,
            detail: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            pointer: Option<&'a str>,
            #[serde(rename = "titleJa")]
            title_ja: &'a str,
            #[serde(rename = "consentRequestUrl", skip_serializing_if = "Option::is_none")]
            consent_request_url: Option<&'a str>,
        }
        let body = Body {
            r#type: self.code.type_uri(),
            title: self.code.title(),
            status: self.code.status(),
            detail: &self.detail,
            pointer: self.pointer.as_deref(),
            title_ja: self.code.title_ja(),
            consent_request_url: self.consent_request_url.as_deref(),
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        for code in ProblemCode::ALL {
            assert!((400..600).contains(&code.status()));
            assert!(
                code.type_uri().contains(':')
                    && !code.title().is_empty()
                    && !code.title_ja().is_empty()
            );
        }
    }

    #[test]
    fn the_body_is_rfc_9457() {
        let body = Problem::new(ProblemCode::BadRequestData, "type is missing").at("/type").body();
        let text = String::from_utf8(body).unwrap();
        assert!(text.starts_with(r#"{"type":"https://uri.etsi.org/ngsi-ld/errors/BadRequestData","title":"Bad request data","status":400"#));
        assert!(text.contains(r#""pointer":"/type""#) && !text.contains("consentRequestUrl"));
    }
}
