//! The app's page: enough for a person to try it, without scripts.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::FixedOffset;

use super::State;
use crate::http::{Params, escape, page};

/// `GET /`
pub(super) async fn home(request: HttpRequest, state: Data<State>) -> HttpResponse {
    let note = "<p class=\"note\">これは試験用の模擬アプリです。<br>\
                <span lang=\"en\">A make-believe app for trying things.</span></p>";
    let Some(login) = state.sessions.login(&request) else {
        let body = format!(
            "{note}<p>歩いた記録をつけて、つのコインをためましょう。</p>\
             <p><a class=\"button\" href=\"/login\">都農IDでログイン</a></p>"
        );
        return page(StatusCode::OK, "つのヘルスケア", &body);
    };
    let now = (state.clock)();
    let today = FixedOffset::east_opt(9 * 3600)
        .map_or_else(|| now.date_naive(), |japan| now.with_timezone(&japan).date_naive());
    let sub = escape(&login.sub);
    page(
        StatusCode::OK,
        "つのヘルスケア",
        &format!(
            "{note}{}<p>ログイン中(このアプリでのID: {sub})</p>\
             <form method=\"post\" action=\"/activities\">\
             <label>歩いた日 <input type=\"date\" name=\"date\" value=\"{today}\" required></label>\
             <label>歩数 <input type=\"number\" name=\"steps\" min=\"0\" max=\"100000\" required>\
             </label><button>歩数を送る</button></form>\
             <p><a class=\"button\" href=\"/activities\">送った記録</a> \
             <a class=\"button\" href=\"/me\">アプリに見えるわたしの情報</a></p>\
             <form method=\"post\" action=\"/logout\"><button>ログアウト</button></form>",
            sent(&request)
        ),
    )
}

/// What became of the form that was just sent.
fn sent(request: &HttpRequest) -> &'static str {
    let status = Params::parse(request.query_string().as_bytes())
        .ok()
        .and_then(|query| query.get("status")?.parse::<u16>().ok());
    match status {
        None => "",
        Some(200..=299) => "<p class=\"note\" role=\"status\">記録を送りました。</p>",
        Some(401 | 403 | 404) => {
            "<p class=\"note\" role=\"alert\">送れませんでした。同意が終わっているか、\
             ログインの期限が切れています。もう一度ログインしてください。</p>"
        }
        Some(_) => {
            "<p class=\"note\" role=\"alert\">送れませんでした。時間をおいて、\
                    もう一度お試しください。</p>"
        }
    }
}
