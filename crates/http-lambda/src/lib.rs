//! A router as a function of AWS Lambda: requests of an HTTP API (payload 2.0) for it, and its responses as the API takes them:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>.

use std::borrow::Cow;
use std::convert::Infallible;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::uri::Authority;
use axum::http::{Response, StatusCode, header};
use axum::response::IntoResponse;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use http_kit::Problem;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::lambda_runtime::LambdaEvent;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Service, service_fn};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use tower::ServiceExt;

/// The longest body that is sent. A function's response may take 6 MB as JSON, in which a body is escaped or in base64:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>. A page of a list has less than a third of it.
pub const MAX_BODY_BYTES: usize = 4 << 20;

/// What the standard allows neither in a path nor in a query, and the API may have decoded.
const NOT_IN_A_PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`').add(b'{').add(b'}').add(b'#').add(b'?');
const NOT_IN_A_QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'#');

/// Serves the routes as a function, until the runtime ends it, which it does without a signal. What is left to do, such as writing
/// metrics, `before_freeze` does after each request, before its response is sent: afterwards the process is frozen.
///
/// # Errors
/// The runtime's interface cannot be used.
pub async fn run<F>(router: Router, before_freeze: impl Fn() -> F + Clone + Send) -> Result<(), lambda_http::Error>
where
    F: Future<Output = ()> + Send,
{
    let http = Adapter::from(service_fn(move |request: lambda_http::Request| {
        let (router, before_freeze) = (router.clone(), before_freeze.clone());
        async move {
            let response = handle(router, request).await;
            before_freeze().await;
            Ok::<_, Infallible>(response)
        }
    }));
    lambda_http::lambda_runtime::run(Sound(http)).await
}

/// The response to a request, with its body whole: one that is too long is 501.
pub async fn handle(router: Router, request: lambda_http::Request) -> Response<lambda_http::Body> {
    let request = request.map(|body| match body {
        lambda_http::Body::Text(text) => Body::from(text),
        lambda_http::Body::Binary(bytes) => Body::from(bytes),
        _ => Body::empty(),
    });
    let (mut parts, body) = match router.oneshot(request).await {
        Ok(response) => response.into_parts(),
        Err(never) => match never {},
    };
    let body = match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let detail = "the response is longer than a function may send: ask for less, or ask a server";
            let refused = Problem::new(StatusCode::NOT_IMPLEMENTED, detail).into_response();
            let (refused, body) = refused.into_parts();
            parts = refused;
            body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default()
        }
        Err(error) => {
            tracing::error!(%error, "the body of a response could not be read");
            parts.status = StatusCode::INTERNAL_SERVER_ERROR;
            parts.headers.remove(header::CONTENT_LENGTH);
            Bytes::new()
        }
    };
    let is_text = !parts.headers.contains_key(header::CONTENT_ENCODING);
    let body = match String::from_utf8(body.into()) {
        Ok(text) if text.is_empty() => lambda_http::Body::Empty,
        Ok(text) if is_text => lambda_http::Body::Text(text),
        Ok(text) => lambda_http::Body::Binary(text.into_bytes()),
        Err(bytes) => lambda_http::Body::Binary(bytes.into_bytes()),
    };
    Response::from_parts(parts, body)
}

/// Makes events sound of which no request could be built.
#[derive(Debug, Clone)]
struct Sound<S>(S);

impl<S: Service<LambdaEvent<LambdaRequest>>> Service<LambdaEvent<LambdaRequest>> for Sound<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, mut event: LambdaEvent<LambdaRequest>) -> S::Future {
        if let LambdaRequest::ApiGatewayV2(request) = &mut event.payload {
            make_sound(request);
        }
        self.0.call(event)
    }
}

fn make_sound(request: &mut ApiGatewayV2httpRequest) {
    encode(&mut request.raw_path, NOT_IN_A_PATH);
    encode(&mut request.raw_query_string, NOT_IN_A_QUERY);
    let host = request.headers.get(header::HOST);
    if host.is_some_and(|host| host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()).is_none()) {
        request.headers.remove(header::HOST);
    }
}

fn encode(text: &mut Option<String>, set: &'static AsciiSet) {
    if let Some(text) = text
        && let Cow::Owned(encoded) = Cow::from(utf8_percent_encode(text, set))
    {
        *text = encoded;
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;

    use super::*;

    async fn of_length(length: usize) -> Response<lambda_http::Body> {
        let router = Router::new().route("/", get(move || async move { "x".repeat(length) }));
        handle(router, lambda_http::Request::default()).await
    }

    #[tokio::test]
    async fn what_is_too_long_is_refused_with_a_reason() {
        let fits = of_length(MAX_BODY_BYTES).await;
        assert_eq!((fits.status(), fits.body().len()), (StatusCode::OK, MAX_BODY_BYTES));
        let refused = of_length(MAX_BODY_BYTES + 1).await;
        assert_eq!(refused.status(), StatusCode::NOT_IMPLEMENTED);
        assert_eq!(refused.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert!(std::str::from_utf8(refused.body()).unwrap().contains("longer than a function may send"));
    }
}
