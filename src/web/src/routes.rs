//! Which address leads to which page.

use actix_web::web::{self, ServiceConfig};

use crate::assets;
use crate::pages::{
    access_log, account, authorize, coins, consents, delegates, developers, end_session, home,
    login, share, staff,
};

/// Adds every page. The application holds a `web::Data<Site>`.
pub fn configure(cfg: &mut ServiceConfig) {
    cfg.route("/", web::get().to(home::show))
        .route("/login", web::get().to(login::choose))
        .route("/login/{provider}", web::get().to(login::begin))
        .route("/login/{provider}/callback", web::get().to(login::callback))
        .route("/logout", web::post().to(login::logout))
        .route("/oauth/authorize", web::get().to(authorize::ask))
        .route("/oauth/authorize/decision", web::post().to(authorize::decide))
        .route("/oauth/end-session", web::get().to(end_session::ask))
        .route("/oauth/end-session", web::post().to(end_session::post))
        .route("/oauth/end-session/confirm", web::post().to(end_session::confirm))
        .route("/consents", web::get().to(consents::list))
        .route("/consents/{id}", web::get().to(consents::show))
        .route("/consents/{id}/receipt", web::get().to(consents::receipt))
        .route("/consents/{id}/withdraw", web::get().to(consents::ask_to_withdraw))
        .route("/consents/{id}/withdraw", web::post().to(consents::withdraw))
        .route("/consents/{id}/notice", web::get().to(consents::notice))
        .route("/consents/{id}/pause", web::post().to(consents::pause))
        .route("/consents/{id}/resume", web::post().to(consents::resume))
        .route("/consents/{id}/renew", web::get().to(consents::ask))
        .route("/consents/{id}/renew", web::post().to(consents::answer))
        .route("/access-log", web::get().to(access_log::show))
        .route("/delegates", web::get().to(delegates::show))
        .route("/delegates", web::post().to(delegates::add))
        .route("/delegates/myself", web::post().to(delegates::myself))
        .route("/delegates/{id}/end", web::post().to(delegates::end))
        .route("/delegates/{id}/act", web::post().to(delegates::act))
        .route("/consents/{id}/confirm", web::post().to(consents::confirm))
        .route("/share", web::get().to(share::show))
        .route("/share", web::post().to(share::make))
        .route("/share/confirm", web::post().to(share::confirm))
        .route("/share/{id}/cancel", web::post().to(share::cancel))
        .route("/account", web::get().to(account::show))
        .route("/account/close", web::get().to(account::ask_to_close))
        .route("/account/close", web::post().to(account::close))
        .route("/coins", web::get().to(coins::show))
        .route("/coins/{award}/appeal", web::get().to(coins::ask))
        .route("/coins/{award}/appeal", web::post().to(coins::appeal))
        .route("/staff", web::get().to(staff::home::show))
        .route("/staff/login/{provider}", web::get().to(staff::login::begin))
        .route("/staff/login/{provider}/callback", web::get().to(staff::login::callback))
        .route("/staff/clients", web::get().to(staff::clients::list))
        .route("/staff/clients/apply", web::get().to(staff::clients::ask))
        .route("/staff/clients/apply", web::post().to(staff::clients::apply))
        .route("/staff/clients/{id}", web::get().to(staff::clients::show))
        .route("/staff/clients/{id}/{act}", web::post().to(staff::clients::decide))
        .route("/staff/cases", web::get().to(staff::cases::list))
        .route("/staff/cases/new", web::get().to(staff::cases::ask))
        .route("/staff/cases/new", web::post().to(staff::cases::open))
        .route("/staff/cases/{id}", web::get().to(staff::cases::show))
        .route("/staff/cases/{id}/{act}", web::post().to(staff::cases::act))
        .route("/staff/imports", web::get().to(staff::imports::list))
        .route(
            "/staff/imports/layouts/{layout}/decisions",
            web::post().to(staff::imports::decisions),
        )
        .route("/staff/imports/layouts/{layout}/withdraw", web::post().to(staff::imports::withdraw))
        .route("/staff/imports/layouts/{layout}/files", web::post().to(staff::imports::hand_over))
        .route("/staff/imports/layouts/{layout}/check", web::post().to(staff::imports::check))
        .route("/staff/imports/{id}", web::get().to(staff::imports::show))
        .route("/staff/imports/{id}/queue", web::post().to(staff::imports::queue))
        .route("/staff/imports/{id}/decide", web::post().to(staff::imports::decide))
        .route("/staff/imports/{id}/{act}", web::post().to(staff::imports::act))
        .route("/staff/queue", web::get().to(staff::queue::show))
        .route("/staff/queue/identity/{reference}", web::post().to(staff::queue::decide_identity))
        .route("/staff/queue/link/{id}", web::post().to(staff::queue::decide_link))
        .route("/staff/appeals", web::get().to(staff::appeals::show))
        .route("/staff/appeals/{award}", web::post().to(staff::appeals::answer))
        .route("/staff/logout", web::post().to(staff::login::logout))
        .route("/developers", web::get().to(developers::show))
        .route("/docs", web::get().to(developers::docs))
        .route("/assets/{path:.*}", web::get().to(assets::serve));
}
