//! Style, pictures and the vendored API viewer: part of the program, kept by browsers under an address that changes with the content.

use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::security;

/// A file that is served under `/assets/`.
#[derive(Debug)]
struct Asset {
    path: &'static str,
    media_type: &'static str,
    content: &'static [u8],
    /// Tells versions of the content apart.
    version: String,
}

macro_rules! assets {
    ($($path:literal: $media_type:literal,)*) => {
        static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| vec![$(
            asset($path, $media_type, include_bytes!(concat!("../assets/", $path))),
        )*]);
    };
}

assets! {
    "site.css": "text/css; charset=utf-8",
    "mark.svg": "image/svg+xml",
    "services.svg": "image/svg+xml",
    "eye.svg": "image/svg+xml",
    "coin.svg": "image/svg+xml",
    "flow.svg": "image/svg+xml",
    "docs.js": "text/javascript; charset=utf-8",
    "vendor/swagger-ui/swagger-ui.css": "text/css; charset=utf-8",
    "vendor/swagger-ui/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
}

fn asset(path: &'static str, media_type: &'static str, content: &'static [u8]) -> Asset {
    let version = security::sha256(content).chars().take(16).collect();
    Asset { path, media_type, content, version }
}

fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

/// The address of an asset, with its version.
pub(crate) fn address(path: &str) -> Option<String> {
    find(path).map(|asset| format!("/assets/{}?v={}", asset.path, asset.version))
}

/// `GET /assets/{path}`.
pub(crate) async fn serve(request: HttpRequest, path: web::Path<String>) -> HttpResponse {
    let Some(asset) = find(&path) else {
        return security::headers(HttpResponse::NotFound(), &[]).finish();
    };
    let tag = format!("\"{}\"", asset.version);
    let pinned = request.query_string() == format!("v={}", asset.version);
    let kept = if pinned { "public, max-age=31536000, immutable" } else { "no-cache" };
    let fresh = request
        .headers()
        .get(header::IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok())
        .is_some_and(|tags| tags.split(',').any(|t| t.trim() == tag));
    let builder = if fresh { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    let mut builder = security::headers(builder, &[]);
    builder
        .insert_header((header::CACHE_CONTROL, kept))
        .insert_header((header::ETAG, tag))
        .content_type(asset.media_type);
    if fresh { builder.finish() } else { builder.body(asset.content) }
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;
    use actix_web::{App, test};

    use super::*;

    #[actix_web::test]
    async fn an_asset_is_kept_under_its_version_and_checked_without() {
        let app =
            test::init_service(App::new().route("/assets/{path:.*}", web::get().to(serve))).await;
        let versioned = address("site.css").unwrap();
        let answer =
            test::call_service(&app, test::TestRequest::get().uri(&versioned).to_request()).await;
        assert!(
            answer.headers().get("cache-control").unwrap().to_str().unwrap().ends_with("immutable")
        );
        let tag = answer.headers().get("etag").unwrap().clone();
        let again = test::TestRequest::get()
            .uri("/assets/site.css")
            .insert_header(("if-none-match", tag))
            .to_request();
        let answer = test::call_service(&app, again).await;
        assert_eq!(answer.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(answer.headers().get("cache-control").unwrap(), "no-cache");
        let stranger = test::TestRequest::get().uri("/assets/../Cargo.toml").to_request();
        assert_eq!(test::call_service(&app, stranger).await.status(), StatusCode::NOT_FOUND);
    }

    #[::core::prelude::v1::test]
    fn our_own_assets_call_no_other_host() {
        for asset in ASSETS.iter().filter(|asset| !asset.path.starts_with("vendor/")) {
            let text = std::str::from_utf8(asset.content).unwrap();
            let text = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("://") && !text.contains("@import"), "{}", asset.path);
        }
    }
}
