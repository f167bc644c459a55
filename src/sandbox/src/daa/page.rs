//! The page in place of card and app, as the real sandbox has one for those without a test card.

use std::fmt::Write as _;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::{PROTOCOL, REALM};
use crate::http::{escape, page};
use crate::idp::{Login, faults};
use crate::town::Town;

pub(super) const TITLE: &str = "デジタル認証アプリ(模擬)";

/// The choice of person, outcome and fault; posts back to the same query.
pub(super) fn choice(town: &Town, login: &Login, query: &str) -> HttpResponse {
    let mut people = String::new();
    for (at, person) in town.people().iter().enumerate() {
        let (key, name) = (escape(&person.key), escape(&person.certificate_name.full()));
        let selected = if at == 0 { " selected" } else { "" };
        let place = person.certificate_address.city;
        // writing to a string cannot fail
        _ = write!(
            people,
            "<option value=\"{key}\"{selected}>{name}({}、{place}、{}) {key}</option>",
            person.birth_date,
            person.movement.word()
        );
    }
    let (query, client, scope) = (escape(query), escape(&login.client_id), escape(&login.scope));
    let faults = faults();
    page(
        StatusCode::OK,
        TITLE,
        &format!(
            "<p class=\"note\">これは試験用の模擬です。登場する人物はすべて架空です。<br>\
             <span lang=\"en\">A simulator for trying things; everybody here is invented.</span></p>\
             <p>ログイン先: <b>{client}</b>(求める範囲: {scope})</p>\
             <form method=\"post\" action=\"{REALM}{PROTOCOL}/auth?{query}\">\
             <label for=\"persona\">カードの持ち主を選ぶ</label>\
             <select id=\"persona\" name=\"persona\" size=\"12\" required>{people}</select>\
             <details><summary>不具合を選ぶ</summary><label for=\"fault\">不具合</label>\
             <select id=\"fault\" name=\"fault\"><option value=\"\" selected>なし</option>{faults}\
             </select></details>\
             <p><button name=\"outcome\" value=\"ok\">カードを読み取る</button>\
             <button name=\"outcome\" value=\"cancelled\">キャンセルする</button>\
             <button name=\"outcome\" value=\"revoked_card\">失効したカード</button>\
             <button name=\"outcome\" value=\"expired_card\">期限切れのカード</button>\
             <button name=\"outcome\" value=\"no_address\">住所のないカード</button></p></form>"
        ),
    )
}
