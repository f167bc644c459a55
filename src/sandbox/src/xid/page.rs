//! The page on which a tester plays the phone.

use std::fmt::Write as _;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::authorize::Request;
use crate::http::{escape, page};
use crate::idp::{Login, faults};
use crate::town::Town;

/// The choice of person, outcome and fault; posts back to the same query.
pub(super) fn choice(town: &Town, asked: &Request, login: &Login, query: &str) -> HttpResponse {
    let mut people = String::new();
    for (at, person) in town.people().iter().filter(|person| person.can_log_in()).enumerate() {
        let (key, name) = (escape(&person.key), escape(&person.certificate_name.full()));
        let selected = if at == 0 { " selected" } else { "" };
        let place = person.certificate_address.city;
        // writing to a string cannot fail
        _ = write!(
            people,
            "<option value=\"{key}\"{selected}>{name}({}、{place}) {key}</option>",
            person.birth_date
        );
    }
    let faults = faults();
    let (query, client, scope) = (escape(query), escape(&asked.client_id), escape(&login.scope));
    page(
        StatusCode::OK,
        "xID(模擬)でログイン",
        &format!(
            "<p class=\"note\">これは試験用の模擬です。登場する人物はすべて架空です。<br>\
             <span lang=\"en\">A simulator for trying things; everybody here is invented.</span></p>\
             <p>ログイン先: <b>{client}</b>(求める範囲: {scope})</p>\
             <form method=\"post\" action=\"/oauth2/auth?{query}\">\
             <label for=\"persona\">人物を選ぶ</label>\
             <select id=\"persona\" name=\"persona\" size=\"12\" required>{people}</select>\
             <details><summary>不具合を選ぶ</summary><label for=\"fault\">不具合</label>\
             <select id=\"fault\" name=\"fault\"><option value=\"\" selected>なし</option>{faults}\
             </select></details>\
             <p><button name=\"outcome\" value=\"ok\">ログインする</button>\
             <button name=\"outcome\" value=\"cancelled\">キャンセルする</button></p></form>"
        ),
    )
}
