//! Examples, made of the sample data, so that each of them works on a store that holds it.

use axum::http::{Method, StatusCode};
use db_adapter::Table;
use db_adapter::schema::Attribute;
use serde_json::{Map, Value, json};

use super::members;
use crate::problem::{FieldError, Problem};

/// The id of an item that an example creates.
const NEW_ID: &str = "0197f5a2-6d1e-7c4b-9f53-2b6f0a8c4d11";
/// The id of an example's request.
const REQUEST_ID: &str = "5f0c6c2e-9b1d-4c57-8a53-1d0e2f7b9a64";

/// Gives the operations of a path the examples that they lack: of path parameters, request bodies, and items in responses.
pub(super) fn add(item: &mut Value, table: &Table, schemas: &Value) {
    let samples = samples(table);
    let Some(first) = samples.first() else { return };
    for (method, operation) in item.as_object_mut().into_iter().flatten() {
        let mut shown = samples.clone();
        for parameter in operation["parameters"].as_array_mut().into_iter().flatten().filter(|one| one["in"] == "path") {
            let Some(value) = parameter["name"].as_str().and_then(|name| first.get(name)).cloned() else { continue };
            // A response holds what was asked for.
            shown.retain(|sample| parameter["name"].as_str().and_then(|name| sample.get(name)) == Some(&value));
            parameter["example"] = value;
        }
        let mut sent = Map::new();
        for (_, media) in operation.get_mut("requestBody").into_iter().flat_map(|body| members(body, "content")) {
            sent = body(media, first, table, schemas, method == "post");
            media["example"] = sent.clone().into();
        }
        for (status, response) in members(operation, "responses") {
            let Some(media) = response.pointer_mut("/content/application~1json") else { continue };
            if media.get("example").is_some() {
                continue;
            }
            let mut item = shown.first().cloned().unwrap_or_default();
            match status.as_str() {
                "201" => {
                    item.extend(sent.clone());
                    item.insert(table.hash.to_owned(), json!(NEW_ID));
                }
                _ if method != "get" => {
                    item.insert("version".to_owned(), json!(2));
                }
                _ => {}
            }
            media["example"] = if media["schema"]["type"] == "array" { json!(shown) } else { item.into() };
        }
    }
}

/// The table's sample items as clients see them.
fn samples(table: &Table) -> Vec<Map<String, Value>> {
    let mut items: Vec<Map<String, Value>> = serde_json::from_str(table.samples).unwrap_or_default();
    for item in &mut items {
        item.retain(|name, _| table.attribute(name).is_some_and(Attribute::is_visible));
        item.insert("version".to_owned(), json!(1));
    }
    items
}

/// What a client may set of the sample item. Of what only one item may have, another one has it when an item is created.
fn body(media: &Value, sample: &Map<String, Value>, table: &Table, schemas: &Value, creates: bool) -> Map<String, Value> {
    let schema = match media["schema"]["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        Some(name) => &schemas[name],
        None => &media["schema"],
    };
    let properties = schema["properties"].as_object().into_iter().flatten();
    let settable = properties.filter(|(_, property)| property["readOnly"] != true).map(|(name, _)| name);
    let values = settable.filter_map(|name| Some((name.clone(), sample.get(name)?.clone())));
    let taken = |name: &str| creates && table.unique.iter().any(|unique| unique.attribute == name);
    let another = |value: Value| value.as_str().map(|text| json!(format!("new-{text}"))).unwrap_or_default();
    values.map(|(name, value)| if taken(&name) { (name, another(value)) } else { (name, value) }).collect()
}

/// A problem of that status.
pub(super) fn problem(status: StatusCode) -> Value {
    let problem = match status {
        StatusCode::BAD_REQUEST => Problem::parameter("limit", "must be a whole number from 1 to 1000"),
        StatusCode::UNAUTHORIZED => Problem::unauthenticated(None),
        StatusCode::FORBIDDEN => Problem::forbidden("not-allowed", "you may not do this"),
        StatusCode::NOT_FOUND => Problem::not_found(),
        StatusCode::CONFLICT => Problem::conflict("the item is in another state"),
        StatusCode::PRECONDITION_FAILED => Problem::stale(),
        StatusCode::UNPROCESSABLE_ENTITY => {
            let errors = [("title", "must not be blank"), ("userId", "there is no such user")];
            let error = |(field, message): (&str, &str)| FieldError { field: field.to_owned(), message: message.to_owned() };
            Problem::invalid(errors.map(error).into())
        }
        StatusCode::TOO_MANY_REQUESTS => {
            Problem::rate_limited("too many writes: 10 a minute, 5 at once, for your account; try again in 6 s", 6)
        }
        StatusCode::INTERNAL_SERVER_ERROR => Problem::internal(""),
        StatusCode::SERVICE_UNAVAILABLE => Problem::unavailable("the store cannot serve right now", 5),
        StatusCode::GATEWAY_TIMEOUT => Problem::timeout(),
        other => Problem::new(other, "what is wrong, in words"),
    };
    serde_json::from_slice(&problem.to_json(Some((REQUEST_ID, &Method::POST)))).unwrap_or_default()
}
