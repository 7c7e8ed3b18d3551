//! What holds for every operation of a service.

use axum::http::StatusCode;
use db_adapter::Table;
use db_adapter::forum::ME;
use serde_json::{Value, json};

use super::{examples, members};
use crate::problem;
use crate::receive::MAX_BODY_BYTES;

pub(super) fn complete(document: &mut Value, name: &'static str, table: &'static Table) {
    document["paths"][format!("/api/{name}/health")] = readiness(name);
    let schemas = document["components"]["schemas"].clone();
    let mut shared = json!({ "headers": headers() });
    for (path, item) in members(document, "paths") {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if operation["tags"].is_null() {
                operation["tags"] = json!([name]);
            }
            parameters(operation, table, &mut shared);
            let guarded = method != "get" || path.starts_with("/api/moderation/") || path.split('/').any(|step| step == ME);
            refusals(operation, (!path.ends_with("/health"), guarded), &mut shared);
        }
        examples::add(item, table, &schemas);
    }
    for section in ["headers", "parameters", "responses"] {
        document["components"][section] = shared[section].take();
    }
}

fn parameters(operation: &mut Value, table: &Table, shared: &mut Value) {
    if !operation["parameters"].is_array() {
        operation["parameters"] = json!([]);
    }
    let Some(parameters) = operation["parameters"].as_array_mut() else { return };
    for parameter in parameters.iter_mut() {
        if parameter["in"] == "query" && parameter["name"] == "fields" {
            let names: Vec<_> = table.attributes.iter().filter(|known| known.is_visible()).map(|known| known.name).collect();
            parameter["schema"] = json!({ "type": "array", "minItems": 1, "items": { "type": "string", "enum": names } });
            parameter["description"] = json!(
                "Only these attributes. An item in the response then has no others, though its schema says that some are always there."
            );
        }
        if parameter["in"] == "query" && parameter["schema"]["type"] == "array" {
            parameter["style"] = json!("form");
            parameter["explode"] = json!(false);
        }
        says_its_default(parameter);
    }
    parameters.push(json!({ "$ref": "#/components/parameters/RequestId" }));
    shared["parameters"]["RequestId"] = json!({
        "name": "X-Request-Id", "in": "header", "required": false, "schema": { "type": "string" },
        "description": "The id to log the request under, where it matches `[A-Za-z0-9._-]{1,64}`; else one is made.",
    });
}

/// Generated clients and Swagger UI send the default that a schema names, also beside a parameter that excludes it. So it is said in
/// words.
fn says_its_default(parameter: &mut Value) {
    let Some(default) = parameter["schema"].as_object_mut().and_then(|schema| schema.remove("default")) else { return };
    let description = parameter["description"].as_str().unwrap_or_default();
    parameter["description"] = json!(format!("{description} {default} where it is absent."));
}

/// A way in which any operation can be refused: its status (`None` for any other one), its name among the components, when it
/// happens, and whether it can happen to an operation.
struct Refusal {
    status: Option<StatusCode>,
    name: &'static str,
    description: String,
    applies: bool,
}

/// The refusals that no handler has to describe. `guarded` says whether not everybody may do it.
fn common(is_api: bool, guarded: bool, has_body: bool) -> [Refusal; 12] {
    let refusal = |status: StatusCode, name, description: &str, applies| Refusal {
        status: Some(status),
        name,
        description: description.to_owned(),
        applies,
    };
    let too_large = format!("The body is larger than {MAX_BODY_BYTES} bytes.");
    let late = "No response in time; a write may or may not have happened.";
    [
        refusal(StatusCode::BAD_REQUEST, "Unreadable", "The request cannot be read: `errors` says what.", true),
        refusal(StatusCode::UNAUTHORIZED, "Unauthenticated", "There is no token, or one that is not valid.", is_api),
        refusal(StatusCode::FORBIDDEN, "Forbidden", "The caller may not do this: `type` says why.", guarded),
        refusal(StatusCode::REQUEST_TIMEOUT, "SlowBody", "The body did not arrive in time; nothing was written.", has_body),
        refusal(StatusCode::PAYLOAD_TOO_LARGE, "TooLarge", &too_large, has_body),
        refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", "The body has another media type.", has_body),
        refusal(
            StatusCode::UNPROCESSABLE_ENTITY,
            "Invalid",
            "The body can be read but breaks a rule: `errors` says which.",
            has_body,
        ),
        refusal(StatusCode::TOO_MANY_REQUESTS, "RateLimited", "More requests than are allowed in a time.", is_api),
        refusal(StatusCode::INTERNAL_SERVER_ERROR, "Fault", "A fault of ours.", is_api),
        refusal(StatusCode::SERVICE_UNAVAILABLE, "Unavailable", "Too many requests, or the store cannot serve.", is_api),
        refusal(StatusCode::GATEWAY_TIMEOUT, "Late", late, is_api),
        Refusal { status: None, name: "Other", description: "Any other problem.".to_owned(), applies: true },
    ]
}

fn refusals(operation: &mut Value, (is_api, guarded): (bool, bool), shared: &mut Value) {
    for (status, response) in members(operation, "responses") {
        if let Some(status) = StatusCode::from_bytes(status.as_bytes()).ok().filter(|status| status.as_u16() >= 400)
            && response.get("content").is_none()
        {
            problem_content(response, status);
        }
        response["headers"]["X-Request-Id"] = json!({ "$ref": "#/components/headers/RequestId" });
    }
    let has_body = operation.get("requestBody").is_some();
    for Refusal { status, name, description, .. } in
        common(is_api, guarded, has_body).into_iter().filter(|refusal| refusal.applies)
    {
        let key = status.map_or("default".to_owned(), |status| status.as_str().to_owned());
        if operation["responses"].get(&key).is_some() {
            continue;
        }
        operation["responses"][key] = json!({ "$ref": format!("#/components/responses/{name}") });
        let mut response = json!({ "description": description });
        response["headers"]["X-Request-Id"] = json!({ "$ref": "#/components/headers/RequestId" });
        if matches!(status, Some(StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)) {
            response["headers"]["Retry-After"] = json!({ "$ref": "#/components/headers/RetryAfter" });
        }
        if status == Some(StatusCode::TOO_MANY_REQUESTS) {
            response["headers"]["RateLimit-Policy"] = json!({ "$ref": "#/components/headers/RateLimitPolicy" });
            response["headers"]["RateLimit"] = json!({ "$ref": "#/components/headers/RateLimit" });
        }
        problem_content(&mut response, status.unwrap_or(StatusCode::METHOD_NOT_ALLOWED));
        shared["responses"][name] = response;
    }
}

fn problem_content(response: &mut Value, status: StatusCode) {
    response["content"][problem::CONTENT_TYPE] = json!({
        "schema": { "$ref": "#/components/schemas/Problem" },
        "example": examples::problem(status),
    });
}

fn headers() -> Value {
    json!({
        "RequestId": { "description": "The id that the request is logged under.", "schema": { "type": "string" } },
        "RateLimitPolicy": {
            "description": "The limit that the request counts for, where there are limits: how often in how many seconds. On every response.",
            "schema": { "type": "string" }, "example": "\"writes\";q=10;w=60",
        },
        "RateLimit": {
            "description": "What is left of it, and in how many seconds there is more. On every response.",
            "schema": { "type": "string" }, "example": "\"writes\";r=0;t=6",
        },
        "RetryAfter": {
            "description": "Seconds to wait before trying again.", "schema": { "type": "integer", "minimum": 1 },
        },
    })
}

fn readiness(name: &str) -> Value {
    let report = |status: &str, store: Value| {
        json!({ "application/json": {
            "schema": { "$ref": "#/components/schemas/Readiness" },
            "example": { "status": status, "service": name, "version": "1.0.0", "store": store },
        } })
    };
    let (serves, fails) = (
        json!({ "mode": "json", "reachable": true }),
        json!({ "mode": "dynamodb", "reachable": false, "reason": "the table cannot be reached" }),
    );
    json!({ "get": {
        "tags": ["health"],
        "operationId": format!("{name}_health"),
        "summary": "Can the service serve?",
        "description": "Readiness: the store can be reached, and the process is not about to leave.",
        "responses": {
            "200": { "description": "It can.", "content": report("ok", serves) },
            "503": { "description": "It cannot, or is about to leave.", "content": report("unavailable", fails) },
        },
    } })
}
