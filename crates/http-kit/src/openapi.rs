//! The OpenAPI documents: one of each service, from what its operations say and what holds for every operation, and one
//! of all of them where a server mounts several.

#![expect(clippy::indexing_slicing, reason = "a document's parts are objects, and what an object lacks is null")]

mod complete;
mod examples;
mod joined;
mod page;

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::routing::get;
use db_adapter::Table;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use crate::assets::Asset;
use crate::etag::Conditions;
use crate::resource::{Routes, schemas};
use crate::service::{Service, SharedStore, version};
use crate::{health, problem};

#[derive(OpenApi)]
#[openapi(components(schemas(problem::Document, problem::FieldError, health::Report, health::Status)))]
struct Shared;

/// A document, made for the first who asks: to make it takes most of a megabyte.
pub(crate) type Document = Arc<LazyLock<Arc<Asset>, Box<dyn FnOnce() -> Arc<Asset> + Send>>>;

/// The service's routes, with its OpenAPI document and a page to try it; and the document. `discovery` is where the issuer describes
/// itself, if there is one.
pub(crate) fn document(service: Service, discovery: Option<String>) -> (Router<SharedStore>, Document) {
    let (name, table) = (service.name, service.table);
    let Routes { router, paths } = service.routes;
    let document = made(move || whole(paths, name, table, discovery));
    let routes = published(&document, &format!("/api/{name}/openapi.json"), &format!("/api/{name}/docs"));
    (router.merge(routes), document)
}

/// One document of several services at `/openapi.json`, and its page at `/docs`. A service alone has its own only.
pub(crate) fn joined(documents: Vec<Document>) -> Router {
    if documents.len() < 2 {
        return Router::new();
    }
    let document = made(move || joined::join(documents.iter().filter_map(|each| serde_json::from_slice(each.bytes()).ok())));
    published(&document, "/openapi.json", "/docs")
}

fn made(make: impl FnOnce() -> Value + Send + 'static) -> Document {
    let make = move || Arc::new(Asset::new("application/json", make().to_string()).always_asked_for());
    Arc::new(LazyLock::new(Box::new(make)))
}

fn published<S: Clone + Send + Sync + 'static>(document: &Document, url: &str, page: &str) -> Router<S> {
    let document = Arc::clone(document);
    let serve = async move |conditions: Conditions| document.response(&conditions);
    Router::new().route(url, get(serve)).merge(page::page(page, url))
}

/// The document of a service, complete.
fn whole(paths: Map<String, Value>, name: &'static str, table: &'static Table, discovery: Option<String>) -> Value {
    let mut document = frame(&format!("Forum: {name}"));
    document["paths"] = paths.into();
    document["components"] = serde_json::to_value(Shared::openapi().components).unwrap_or_default();
    document["components"]["securitySchemes"] = json!({ "bearer": {
        "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
        "description": "An access token of the issuer of this forum, the one that its operators name as AUTH_ISSUER: its discovery document is \
                        below that address at `/.well-known/openid-configuration`.",
    } });
    if let Some(url) = discovery {
        document["components"]["securitySchemes"]["issuer"] = json!({ "type": "openIdConnect", "openIdConnectUrl": url });
        let operations = members(&mut document, "paths").flat_map(|(_, path)| path.as_object_mut().into_iter().flatten());
        operations.for_each(|(_, operation)| add_security(operation));
        add_security(&mut document);
    }
    let used = document["paths"].to_string();
    for (schema, definition) in schemas::of(table) {
        if used.contains(&format!("\"#/components/schemas/{schema}\"")) {
            document["components"]["schemas"][schema] = definition;
        }
    }
    document["tags"] = json!([
        { "name": name, "description": format!("The {name} of the forum.") },
        { "name": "health", "description": "Can a service serve?" },
    ]);
    complete::complete(&mut document, name, table);
    document
}

/// Where a token may be or must be sent, says that it is one of the issuer's.
fn add_security(of: &mut Value) {
    if let Some(ways) = of.get_mut("security").and_then(Value::as_array_mut) {
        ways.push(json!({ "issuer": [] }));
    }
}

/// What every document says of itself.
fn frame(title: &str) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "description": "Errors are problem documents (RFC 9457). Unknown fields and parameters are refused; parameters that start \
                            with `_` or `utm_` are ignored.",
            "version": version(),
            "contact": { "name": "The operators of this forum" },
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        // Whatever host the document came from.
        "servers": [{ "url": "/", "description": "The server that this document comes from." }],
        // Whether a token is needed is a setting of the server; where one is not, it may be sent.
        "security": [{}, { "bearer": [] }],
    })
}

/// The members of an object within a value. What is not there stays absent.
fn members<'a>(value: &'a mut Value, name: &str) -> impl Iterator<Item = (&'a String, &'a mut Value)> {
    value.get_mut(name).and_then(Value::as_object_mut).into_iter().flat_map(Map::iter_mut)
}
