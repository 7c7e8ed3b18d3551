//! The OpenAPI document of a service: what utoipa gathers from the handlers, and what holds for every operation.

#![expect(clippy::indexing_slicing, reason = "a document's parts are objects, and what an object lacks is null")]

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use db_adapter::Table;
use db_adapter::schema::{Access, Kind};
use serde_json::{Map, Value, json};
use utoipa::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::receive::MAX_BODY_BYTES;
use crate::service::{Service, SharedStore, version};
use crate::{health, problem};

#[derive(OpenApi)]
#[openapi(components(schemas(problem::Document, problem::FieldError, health::Report, health::Status)))]
struct Shared;

/// The service's routes, with its OpenAPI document and a page to try it.
pub(crate) fn document(service: Service) -> Router<SharedStore> {
    let (name, table) = (service.table.name, service.table);
    let (router, described) = service.router.split_for_parts();
    // Made for the first who asks: to make it takes most of a megabyte.
    let document = Arc::new(LazyLock::new(move || whole(described, table).to_string()));
    let url = format!("/api/{name}/openapi.json");
    let page = SwaggerUi::new(format!("/api/{name}/docs")).config(Config::from(url.clone()).try_it_out_enabled(true));
    let serve = async move || ([(header::CONTENT_TYPE, "application/json")], document.as_str().to_owned()).into_response();
    router.route(&url, get(serve)).merge(Router::from(page))
}

/// The document of a service, complete.
fn whole(mut described: utoipa::openapi::OpenApi, table: &'static Table) -> Value {
    described.merge(Shared::openapi());
    let mut document = serde_json::to_value(&described).unwrap_or_default();
    document["info"] = json!({
        "title": format!("Forum: {}", table.name),
        "description": "Errors are problem documents (RFC 9457). Unknown fields and parameters are refused; parameters that start \
                        with `_` or `utm_` are ignored.",
        "version": version(),
    });
    complete(&mut document, table);
    document
}

fn complete(document: &mut Value, table: &'static Table) {
    document["paths"][format!("/api/{}/health", table.name)] = readiness(table);
    let (mut bodies, mut projected) = (Vec::new(), BTreeSet::new());
    for (path, item) in members(&mut document["paths"]) {
        for (_, operation) in members(item) {
            if let Some(content) = operation.pointer("/requestBody/content").and_then(Value::as_object) {
                bodies.extend(content.values().filter_map(|media| media.pointer("/schema/$ref")?.as_str().map(str::to_owned)));
            }
            if parameters(operation, table) {
                projections(operation, &mut projected);
            }
            if !path.ends_with("/health") {
                refusals(operation);
            }
            responses(operation);
        }
    }
    for name in projected {
        let mut schema = document["components"]["schemas"][&name].clone();
        schema["description"] = json!("The attributes that `fields` names.");
        if let Some(schema) = schema.as_object_mut() {
            schema.remove("required");
        }
        document["components"]["schemas"][partial(&name)] = schema;
    }
    for body in bodies {
        if let Some(schema) = document.pointer_mut(body.trim_start_matches('#')) {
            request_schema(schema, table);
        }
    }
}

fn members(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flat_map(Map::iter_mut)
}

/// Completes the parameters; is `fields` among them?
fn parameters(operation: &mut Value, table: &Table) -> bool {
    if !operation["parameters"].is_array() {
        operation["parameters"] = json!([]);
    }
    let Some(parameters) = operation["parameters"].as_array_mut() else { return false };
    let mut has_fields = false;
    for parameter in parameters.iter_mut() {
        if parameter["in"] == "query" && parameter["name"] == "fields" {
            has_fields = true;
            let visible = table.attributes.iter().filter(|known| known.access != Access::Hidden).map(|known| known.name);
            let names: Vec<&str> = visible.collect();
            parameter["schema"] = json!({ "type": "array", "minItems": 1, "items": { "type": "string", "enum": names } });
        }
        if parameter["in"] == "query" && parameter["schema"]["type"] == "array" {
            parameter["style"] = json!("form");
            parameter["explode"] = json!(false);
        }
    }
    parameters.push(json!({
        "name": "X-Request-Id", "in": "header", "required": false, "schema": { "type": "string" },
        "description": "The id to log the request under, where it matches `[A-Za-z0-9._-]{1,64}`; else one is made.",
    }));
    has_fields
}

fn partial(name: &str) -> String {
    format!("{name}Fields")
}

/// With `fields` an answer may lack what the entity always has.
fn projections(operation: &mut Value, projected: &mut BTreeSet<String>) {
    let Some(schema) = operation.pointer_mut("/responses/200/content/application~1json/schema") else { return };
    let schema = if schema["type"] == "array" { &mut schema["items"] } else { schema };
    let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()).map(str::to_owned) else {
        return;
    };
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    *schema = json!({ "anyOf": [reference(&name), reference(&partial(&name))] });
    projected.insert(name);
}

/// The ways in which any operation can be refused.
fn refusals(operation: &mut Value) {
    let has_body = operation.get("requestBody").is_some();
    let too_large = format!("The body is larger than {MAX_BODY_BYTES} bytes.");
    let refusals = [
        ("400", "The request cannot be read: `errors` says what.", true),
        ("413", too_large.as_str(), has_body),
        ("415", "The body has another media type.", has_body),
        ("422", "The body can be read but breaks a rule: `errors` says which.", has_body),
        ("500", "A fault of ours.", true),
        ("503", "Too much is asked of us, or the store cannot serve.", true),
        ("504", "No answer in time; a write may or may not have happened.", true),
    ];
    for (status, description, applies) in refusals {
        if applies && operation["responses"].get(status).is_none() {
            operation["responses"][status] = json!({ "description": description });
        }
    }
}

fn responses(operation: &mut Value) {
    for (status, response) in members(&mut operation["responses"]) {
        if status.as_str() >= "400" && response.get("content").is_none() {
            response["content"][problem::CONTENT_TYPE]["schema"]["$ref"] = json!("#/components/schemas/Problem");
        }
        response["headers"]["X-Request-Id"] = json!({
            "description": "The id that the request is logged under.", "schema": { "type": "string" },
        });
        let problem = response["content"].get(problem::CONTENT_TYPE).is_some();
        if status == "503" && problem {
            response["headers"]["Retry-After"] = json!({
                "description": "Seconds to wait before trying again.", "schema": { "type": "integer", "minimum": 1 },
            });
        }
    }
}

/// Unknown fields are refused; what the server sets may stand in a body and is ignored.
fn request_schema(schema: &mut Value, table: &Table) {
    schema["additionalProperties"] = json!(false);
    for known in table.attributes.iter().filter(|known| known.access == Access::Server) {
        let kind = match known.kind {
            Kind::Text => "string",
            Kind::Count => "integer",
        };
        schema["properties"][known.name] =
            json!({ "type": kind, "readOnly": true, "description": "Set by the server; ignored." });
    }
}

fn readiness(table: &Table) -> Value {
    let report = json!({ "application/json": { "schema": { "$ref": "#/components/schemas/Readiness" } } });
    json!({ "get": {
        "tags": [],
        "operationId": format!("{}_health", table.name),
        "summary": "Can the service serve?",
        "responses": {
            "200": { "description": "It can.", "content": report },
            "503": { "description": "It cannot, or is about to leave.", "content": report },
        },
    } })
}
