//! One method of one path: its handler, and what the OpenAPI document says of it.

#![expect(clippy::indexing_slicing, reason = "a document's parts are objects, and what an object lacks is null")]

use axum::handler::Handler;
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use db_adapter::Table;
use db_adapter::forum::ME;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::body::Purpose;
use super::documents::{self, Bodies};
use super::read::GetParameters;
use super::{Resource, change, create, read, schemas};
use crate::etag::Conditions;
use crate::extract::{NoParameters, StrongRead};
use crate::idempotency::IdempotencyKey;
use crate::service::SharedStore;

/// A method of a path, to be listed in [`super::Routes`]. `about` is a sentence for the document, of what is particular to it.
#[derive(Debug)]
pub struct Operation {
    /// The method in lower case.
    pub(super) method: &'static str,
    pub(super) handler: MethodRouter<SharedStore>,
    table: &'static Table,
    document: Value,
}

impl Operation {
    /// `GET` of a list by a handler of the service, whose parameters are `Q`. `id` is the operation's id, `title` its summary.
    pub fn list<R: Resource, Q: IntoParams, T: 'static>(
        id: &str,
        title: &str,
        about: &str,
        handler: impl Handler<T, SharedStore>,
    ) -> Self {
        let table = R::TABLE;
        let document = json!({
            "operationId": id,
            "summary": title,
            "description": about,
            "parameters": documents::parameters::<Q>(),
            "responses": { "200": documents::page(table) },
        });
        Self { method: "get", handler: get(handler), table, document }
    }

    /// `GET` of one item.
    pub fn get<R: Resource>() -> Self {
        let (table, name) = (R::TABLE, R::TABLE.singular);
        let parameters = [
            documents::parameters::<GetParameters>(),
            documents::parameters::<Conditions>(),
            documents::parameters::<StrongRead>(),
        ];
        let document = json!({
            "operationId": format!("get_{name}"),
            "summary": format!("Get a {name}"),
            "description": "With its ETag, for conditions.",
            "parameters": parameters.concat(),
            "responses": {
                "200": documents::item(table, &format!("The {name}.")),
                "304": {
                    "description": format!("The {name} has one of the ETags in `If-None-Match`."),
                    "headers": documents::etag_header(table),
                },
                "404": documents::not_found(table),
                "412": { "description": format!("The {name} has none of the ETags in `If-Match`.") },
            },
        });
        Self { method: "get", handler: get(read::get::<R>), table, document }
    }

    /// `POST` of a new item.
    pub fn create<R: Resource>(about: &str) -> Self {
        let (table, name) = (R::TABLE, R::TABLE.singular);
        let mut operation = Self::create_once::<R, _>(about, create::create::<R>);
        operation.document["responses"]["201"]["headers"]["Location"] = documents::text_header(&format!("The {name}'s path."));
        let conflict = documents::taken(table).unwrap_or_else(
            || json!({ "description": format!("The {name} was created and deleted at the same time, under the same key.") }),
        );
        operation.document["responses"]["409"] = conflict;
        operation
    }

    /// `POST` of a new item by a handler of the service, which takes an `Idempotency-Key`.
    pub fn create_once<R: Resource, T: 'static>(about: &str, handler: impl Handler<T, SharedStore>) -> Self {
        let mut operation = Self::create_by::<R, _>(about, handler);
        operation.document["parameters"] = documents::parameters::<IdempotencyKey>().into();
        operation.document["responses"]["201"]["headers"]["Idempotent-Replayed"] =
            documents::text_header("`true` when an earlier request with the same key created it.");
        operation
    }

    /// `POST` of a new item by a handler of the service.
    pub fn create_by<R: Resource, T: 'static>(about: &str, handler: impl Handler<T, SharedStore>) -> Self {
        let (table, name) = (R::TABLE, R::TABLE.singular);
        let document = json!({
            "operationId": format!("create_{name}"),
            "summary": format!("Create a {name}"),
            "description": about,
            "parameters": [],
            "requestBody": documents::request_body(&Bodies::of(table).create, Purpose::Create),
            "responses": { "201": documents::item(table, &format!("The {name} was created.")) },
        });
        Self { method: "post", handler: post(handler), table, document }
    }

    /// `PATCH` of one item.
    pub fn patch<R: Resource>() -> Self {
        let about = "A JSON merge patch (RFC 7396): what is absent stays, null removes an optional attribute. `{}` changes nothing and \
                     keeps the version.";
        let body = documents::request_body(&Bodies::of(R::TABLE).patch, Purpose::Patch);
        let document = written::<R>("patch", "Change", about, Some(body));
        Self { method: "patch", handler: patch(change::patch::<R>), table: R::TABLE, document }
    }

    /// `PUT` of one item.
    pub fn replace<R: Resource>() -> Self {
        let fixed = documents::fixed(R::TABLE);
        let fixed = if fixed.is_empty() { String::new() } else { format!(" {fixed} may be left out.") };
        let about = format!("Optional attributes that are absent are removed.{fixed} Never creates.");
        let body = documents::request_body(&Bodies::of(R::TABLE).replace, Purpose::Replace);
        let document = written::<R>("put", "Replace", &about, Some(body));
        Self { method: "put", handler: put(change::replace::<R>), table: R::TABLE, document }
    }

    /// `DELETE` of one item.
    pub fn delete<R: Resource>(about: &str) -> Self {
        Self::delete_by::<R, NoParameters, _>(about, change::delete::<R>)
    }

    /// `DELETE` of one item by a handler of the service, whose parameters are `Q`.
    pub fn delete_by<R: Resource, Q: IntoParams, T: 'static>(about: &str, handler: impl Handler<T, SharedStore>) -> Self {
        let mut document = written::<R>("delete", "Delete", about, None);
        let parameters = [documents::parameters::<Q>(), documents::parameters::<Conditions>()];
        document["parameters"] = parameters.concat().into();
        Self { method: "delete", handler: delete(handler), table: R::TABLE, document }
    }

    /// `GET` of something else than items by a handler of the service, as a document of that media type, with an example.
    pub fn get_of<R: Resource, T: 'static>(
        id: &str,
        title: &str,
        about: &str,
        (media_type, example): (&str, &str),
        handler: impl Handler<T, SharedStore>,
    ) -> Self {
        let document = json!({
            "operationId": id,
            "summary": title,
            "description": about,
            "parameters": [],
            "responses": {
                "200": { "description": about, "content": { media_type: { "schema": { "type": "string" }, "example": example } } },
            },
        });
        Self { method: "get", handler: get(handler), table: R::TABLE, document }
    }

    /// `PUT` of the caller's own item by a handler of the service.
    pub fn put_own<R: Resource, T: 'static>(about: &str, handler: impl Handler<T, SharedStore>) -> Self {
        let schema = schemas::body(R::TABLE, Purpose::Replace, R::NOT_BY_OWNER);
        let body = documents::request_body_of(&schema, Purpose::Replace);
        let mut document = written::<R>("put", "Replace", about, Some(body));
        let mut created = documents::item(R::TABLE, &format!("The {} was created.", R::TABLE.singular));
        created["headers"]["Location"] = documents::text_header(&format!("The {}'s path.", R::TABLE.singular));
        document["responses"]["201"] = created;
        Self { method: "put", handler: put(handler), table: R::TABLE, document }
    }

    /// Under another id and summary than its kind has.
    #[must_use]
    pub fn titled(mut self, id: &str, title: &str) -> Self {
        self.document["operationId"] = json!(id);
        self.document["summary"] = json!(title);
        self
    }

    /// Says when the operation also returns an item with 200.
    #[must_use]
    pub fn returns(mut self, when: &str) -> Self {
        self.document["responses"]["200"] = documents::item(self.table, when);
        self
    }

    /// Says when the operation is refused with that status.
    #[must_use]
    pub fn refuses(mut self, status: u16, when: &str) -> Self {
        self.document["responses"][status.to_string()] = json!({ "description": when });
        self
    }

    /// What the document says of the operation on that path.
    pub(super) fn describe(&self, path: &str) -> Value {
        let mut document = self.document.clone();
        if path.split('/').any(|step| step == ME) {
            document["security"] = json!([{ "bearer": [] }]);
        }
        if let Some(parameters) = document["parameters"].as_array_mut() {
            parameters.splice(0..0, documents::path_parameters(path));
        }
        document
    }
}

/// What every write of one item says.
fn written<R: Resource>(method: &str, verb: &str, about: &str, body: Option<Value>) -> Value {
    let (table, name) = (R::TABLE, R::TABLE.singular);
    let mut document = json!({
        "operationId": format!("{method}_{name}"),
        "summary": format!("{verb} a {name}"),
        "description": about,
        "parameters": documents::parameters::<Conditions>(),
        "responses": {
            "404": documents::not_found(table),
            "412": {
                "description": format!("The {name} has none of the ETags in `If-Match`, or one of those in `If-None-Match`."),
            },
        },
    });
    match body {
        None => document["responses"]["204"] = json!({ "description": format!("The {name} was deleted.") }),
        Some(body) => {
            document["requestBody"] = body;
            document["responses"]["200"] = documents::item(table, &format!("The {name} as it is now."));
            if let Some(taken) = documents::taken(table) {
                document["responses"]["409"] = taken;
            }
        }
    }
    document
}
