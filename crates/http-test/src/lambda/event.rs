//! Requests as events of an HTTP API, payload 2.0, and responses of functions as the API sends them:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// What a function's response may have, as JSON.
const MAX_RESPONSE: usize = 6_000_000;

/// The event of a request that the API with this id received. The path may have what a URI may not.
pub fn event(api_id: &str, method: &str, path_and_query: &str, sent: &HeaderMap, body: &[u8]) -> Value {
    let mut event: Value = serde_json::from_str(include_str!("get.json")).expect("JSON");
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    event["rawPath"] = path.into();
    event["rawQueryString"] = query.into();
    event["headers"] = headers(sent);
    event["cookies"] = cookies(sent);
    event["requestContext"]["apiId"] = api_id.into();
    event["requestContext"]["http"]["method"] = method.into();
    event["requestContext"]["http"]["path"] = path.into();
    if !body.is_empty() {
        event["headers"]["content-length"] = body.len().to_string().into();
        let text = std::str::from_utf8(body).ok().filter(|_| is_text(sent));
        event["isBase64Encoded"] = text.is_none().into();
        event["body"] = text.map_or_else(|| STANDARD.encode(body), str::to_owned).into();
    }
    event
}

/// The response that a client of the API gets.
pub fn response(returned: &Value) -> Response<Body> {
    assert!(returned.to_string().len() < MAX_RESPONSE, "longer than a function may send");
    let status = returned["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok()).expect("a status");
    let body = returned["body"].as_str().unwrap_or_default();
    let body = match returned["isBase64Encoded"].as_bool() {
        Some(true) => STANDARD.decode(body).expect("base64"),
        _ => body.as_bytes().to_vec(),
    };
    let mut response = Response::builder().status(status).body(Body::from(body)).expect("a response");
    for (name, value) in returned["headers"].as_object().into_iter().flatten() {
        let value = HeaderValue::from_str(value.as_str().expect("text")).expect("a value");
        response.headers_mut().append(HeaderName::from_bytes(name.as_bytes()).expect("a name"), value);
    }
    for cookie in returned["cookies"].as_array().into_iter().flatten() {
        let value = HeaderValue::from_str(cookie.as_str().expect("text")).expect("a value");
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

/// Those with several values are one, with commas.
fn headers(sent: &HeaderMap) -> Value {
    let mut headers = Map::new();
    for name in sent.keys().filter(|name| **name != header::COOKIE) {
        let values = sent.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        headers.insert(name.as_str().to_owned(), values.collect::<Vec<_>>().join(",").into());
    }
    headers.into()
}

fn cookies(sent: &HeaderMap) -> Value {
    let sent = sent.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    json!(sent.flat_map(|value| value.split("; ")).collect::<Vec<_>>())
}

/// Is it of a kind that the API does not encode?
fn is_text(sent: &HeaderMap) -> bool {
    let kind = sent.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.starts_with("text/")
        || ["application/json", "application/javascript", "application/xml"].iter().any(|text| kind.starts_with(text))
}
