//! The files of the page. They are part of the program.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use http_kit::Problem;
use http_kit::assets::Asset;
use http_kit::etag::Conditions;

use crate::{Shared, session};

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// Every file: its name, its media type, what is in it.
const FILES: [(&str, &str, &[u8]); 6] = [
    ("page.css", CSS, include_bytes!("../assets/page.css")),
    ("times.js", JS, include_bytes!("../assets/times.js")),
    ("drafts.js", JS, include_bytes!("../assets/drafts.js")),
    ("preview.js", JS, include_bytes!("../assets/preview.js")),
    ("more.js", JS, include_bytes!("../assets/more.js")),
    ("icon.svg", "image/svg+xml", include_bytes!("../assets/icon.svg")),
];

/// The files by name.
#[derive(Debug)]
pub(crate) struct Assets(Vec<(&'static str, Arc<Asset>)>);

impl Assets {
    pub(crate) fn new() -> Self {
        Self(FILES.into_iter().map(|(name, kind, bytes)| (name, Arc::new(Asset::new(kind, bytes)))).collect())
    }

    fn get(&self, name: &str) -> Option<&Arc<Asset>> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, asset)| asset)
    }

    /// The URL of that file. Other bytes have another one, so that no browser mixes files of two releases.
    pub(crate) fn url(&self, name: &str) -> String {
        let tag = self.get(name).map(|asset| asset.tag()).and_then(|tag| tag.get(..8)).unwrap_or_default();
        format!("/assets/{name}?v={tag}")
    }
}

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/assets/{name}", get(asset))
}

async fn asset(State(shared): State<Shared>, Path(name): Path<String>, conditions: Conditions) -> Result<Response, Problem> {
    let asset = shared.site.assets.get(&name).ok_or_else(Problem::not_found)?;
    let mut response = asset.response(&conditions)?;
    session::secure(response.headers_mut());
    response.headers_mut().remove(axum::http::header::VARY);
    Ok(response)
}
