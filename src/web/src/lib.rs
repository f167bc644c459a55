//! The pages that residents, staff and developers see: HTML rendered on the server, no script needed, Japanese first.
//!
//! This room owns templates, texts, style and the handlers that fill them. It decides nothing: who a resident is, what a consent
//! allows and what is in the record of access come from the rooms that own them, gathered in [`Site`]. Every answer goes the same
//! headers: no outside host, no inline script or style, nothing kept by caches.
//!
//! A page is a template in `templates/`, a model in `pages/` and texts in `locales/`. The test in `render` renders every model's
//! samples in both languages and fails on a missing or unused text.

mod assets;
mod dates;
mod locale;
mod pages;
mod render;
mod routes;
mod security;
mod site;
mod staff_visit;
mod visit;

pub use pages::error::{not_found, problem};
pub use routes::configure;
pub use site::{HelpDesk, Site, SiteConfig, SiteError, SiteParts};
