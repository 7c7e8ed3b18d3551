//! Routes with what the OpenAPI document says of them.

use axum::Router;
use serde_json::{Map, Value, json};

use super::Operation;
use crate::service::SharedStore;

/// A service's routes.
#[derive(Debug, Default)]
pub struct Routes {
    /// The routes themselves, under their full paths.
    pub(crate) router: Router<SharedStore>,
    /// The `paths` of the OpenAPI document.
    pub(crate) paths: Map<String, Value>,
}

impl Routes {
    /// No routes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the operations of a path.
    #[must_use]
    pub fn at<const N: usize>(mut self, path: &str, operations: [Operation; N]) -> Self {
        let described = self.paths.entry(path).or_insert_with(|| json!({}));
        for operation in operations {
            if let Some(methods) = described.as_object_mut() {
                methods.insert(operation.method.to_owned(), operation.describe(path));
            }
            self.router = self.router.route(path, operation.handler);
        }
        self
    }

    /// Can the path be read by GET?
    pub fn can_be_read(&self, path: &str) -> bool {
        self.paths.get(path).is_some_and(|methods| methods.get("get").is_some())
    }

    /// Adds routes that the document does not describe.
    #[must_use]
    pub fn undocumented(self, router: Router<SharedStore>) -> Self {
        Self { router: self.router.merge(router), ..self }
    }
}
