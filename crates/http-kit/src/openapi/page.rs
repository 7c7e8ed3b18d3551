//! The page to try a document: Swagger UI, with every file from us.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::Redirect;
use axum::routing::get;
use flate2::read::GzDecoder;
use utoipa_swagger_ui::Config;

use crate::assets::Asset;
use crate::etag::Conditions;
use crate::problem::Problem;

/// The page at that path, of the document at that URL.
pub(super) fn page<S: Clone + Send + Sync + 'static>(path: &str, document: &str) -> Router<S> {
    let config = Config::from(document.to_owned()).try_it_out_enabled(true);
    let files = Arc::new(Files { config: Arc::new(config), used: RwLock::default() });
    let file = async move |name: Option<Path<String>>, conditions: Conditions| {
        let name = name.map(|Path(name)| name).unwrap_or_default();
        files.get(&name)?.response(&conditions)
    };
    let slash = format!("{path}/");
    Router::new()
        .route(&slash, get(file.clone()))
        .route(&format!("{path}/{{*file}}"), get(file))
        .route(path, get(async move || Redirect::to(&slash)))
}

/// The files of a page. Which there are, Swagger UI knows.
struct Files {
    config: Arc<Config<'static>>,
    used: RwLock<HashMap<String, Arc<Asset>>>,
}

impl Files {
    fn get(&self, name: &str) -> Result<Arc<Asset>, Problem> {
        let used = self.used.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        used.map_or_else(|| self.add(name), Ok)
    }

    fn add(&self, name: &str) -> Result<Arc<Asset>, Problem> {
        let found = utoipa_swagger_ui::serve(name, Arc::clone(&self.config));
        let file = found.map_err(|error| Problem::internal(error.to_string()))?.ok_or_else(Problem::not_found)?;
        let bytes = match file.bytes {
            // It is in the program as gzip, and is coded anew as each client accepts it.
            bytes if file.gzpipped => decoded(&bytes).map_err(|error| Problem::internal(error.to_string()))?.into(),
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        let asset = Arc::new(Asset::new(&file.content_type, bytes));
        let mut used = self.used.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(used.entry(name.to_owned()).or_insert(asset)))
    }
}

fn decoded(gzip: &[u8]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    GzDecoder::new(gzip).read_to_end(&mut bytes)?;
    Ok(bytes)
}
