//! A municipal system: it publishes the resident register as CSV and knows nothing else.
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /juki.csv` | the register, `Shift_JIS` (CP932), dates such as 昭和60年3月15日 |
//! | `GET /juki-utf8.csv` | the register, UTF-8, dates such as S60.3.15 and 1985-03-15 |
//!
//! Both need `Authorization: Bearer <api-key>`, carry a strong `ETag` and answer `If-None-Match`
//! with 304. With a drop folder the same two files are also put there, each by an atomic rename.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix_web::http::header::{self, EntityTag, IfNoneMatch};
use actix_web::web::{self, Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use clap::Args;

use crate::http::{Refusal, require_key};
use crate::serve::Place;
use crate::town::Town;
use crate::{Error, Running, jose};

/// What the municipal system is told at start.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// The bearer key that a reader must present
    #[arg(long, env = "SANDBOX_MUNICIPAL_API_KEY", hide_env_values = true)]
    pub api_key: String,
    /// Also put juki.csv and juki-utf8.csv into this folder at start
    #[arg(long, value_name = "DIR")]
    pub drop_dir: Option<PathBuf>,
    /// How many residents the invented town has
    #[arg(long, default_value_t = 200)]
    pub residents: usize,
}

const LEGACY: &str = "juki.csv";
const NEWER: &str = "juki-utf8.csv";

struct Published {
    content_type: &'static str,
    name: &'static str,
    bytes: Bytes,
    tag: EntityTag,
}

impl Published {
    fn new(name: &'static str, content_type: &'static str, bytes: Vec<u8>) -> Arc<Self> {
        let tag = EntityTag::new_strong(jose::encode(jose::sha256(&bytes)));
        Arc::new(Self { content_type, name, bytes: bytes.into(), tag })
    }
}

struct State {
    api_key: String,
    files: [Arc<Published>; 2],
}

/// Starts the server; with a drop folder the files are there before it answers.
pub(crate) async fn start(options: Options) -> Result<Running, Error> {
    let town = Town::generate(options.residents);
    let files = [
        Published::new(LEGACY, "text/csv; charset=Shift_JIS", town.register_shift_jis()?),
        Published::new(NEWER, "text/csv; charset=utf-8", town.register_utf8().into_bytes()),
    ];
    if let Some(folder) = options.drop_dir {
        let files = files.clone();
        let dropped = tokio::task::spawn_blocking(move || {
            files.iter().try_for_each(|file| drop_file(&folder, file))
        });
        dropped
            .await
            .map_err(|error| Error::Stopped { role: "municipal", reason: error.to_string() })??;
    }
    let place = Place::take(options.port)?;
    let state = Data::new(State { api_key: options.api_key, files });
    place.serve("municipal", move |app| {
        app.app_data(state.clone())
            .route("/{name}", web::get().to(register))
            .route("/{name}", web::head().to(register));
    })
}

async fn register(
    request: HttpRequest,
    state: Data<State>,
    name: web::Path<String>,
    if_none_match: web::Header<IfNoneMatch>,
) -> Result<HttpResponse, Refusal> {
    require_key(&request, &state.api_key)?;
    let file = state
        .files
        .iter()
        .find(|file| file.name == name.as_str())
        .ok_or_else(|| Refusal::not_found("there are juki.csv and juki-utf8.csv"))?;
    let unchanged = match if_none_match.into_inner() {
        IfNoneMatch::Any => true,
        IfNoneMatch::Items(tags) => tags.iter().any(|tag| tag.weak_eq(&file.tag)),
    };
    let mut response = if unchanged { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header(header::ETag(file.tag.clone()))
        .insert_header((header::CACHE_CONTROL, "private, no-cache"));
    if unchanged {
        return Ok(response.finish());
    }
    Ok(response
        .content_type(file.content_type)
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}\"", file.name),
        ))
        .body(file.bytes.clone()))
}

/// Writes the file under a name that a watcher ignores, then gives it its own: a watcher never
/// sees half a file.
fn drop_file(folder: &Path, file: &Published) -> Result<(), Error> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::File { path, source }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let (part, whole) = (folder.join(format!(".{}.part", file.name)), folder.join(file.name));
    let mut out = File::create(&part).map_err(failed(&part))?;
    out.write_all(&file.bytes).and_then(|()| out.sync_all()).map_err(failed(&part))?;
    fs::rename(&part, &whole).map_err(failed(&whole))
}
