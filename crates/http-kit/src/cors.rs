//! Which pages of other origins may call from a browser (CORS).

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::response::Response;
use futures::future::Either;
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tower_http::cors::{AllowOrigin, Cors as Full, CorsLayer, ResponseFuture};

use crate::config::Origins;
use crate::idempotency::{IDEMPOTENCY_KEY, IDEMPOTENT_REPLAYED};
use crate::loopback::is_loopback_origin;
use crate::problem::WRITING_REGION;
use crate::request::REQUEST_ID;

/// Lets these origins call. What most requests need, which no page of another origin has sent, is done without what the library takes for
/// a map of headers of their own.
#[derive(Debug, Clone)]
pub(crate) struct Cors {
    full: CorsLayer,
    simple: Simple,
}

/// What a response says that is no response to a preflight request.
#[derive(Debug, Clone)]
enum Simple {
    /// The same to everybody, so that a cache may give it to any: these headers may be read.
    ToAll(HeaderValue),
    /// That it depends on the header `Origin`. With one the library decides.
    ByOrigin,
}

/// The service behind [`Cors`].
#[derive(Debug, Clone)]
pub(crate) struct WithCors<S> {
    full: Full<S>,
    simple: Simple,
}

impl Cors {
    /// `None` where no origin may call.
    pub(crate) fn new(origins: &Origins) -> Option<Self> {
        let allowed = match origins {
            Origins::Any => AllowOrigin::any(),
            Origins::Only(list) if list.is_empty() => return None,
            Origins::Only(list) => AllowOrigin::list(list.clone()),
            Origins::Loopback(list) => {
                let list = list.clone();
                AllowOrigin::predicate(move |origin, _| is_loopback_origin(origin.as_bytes()) || list.contains(origin))
            }
        };
        let methods = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
        let ours = [header::IF_MATCH, header::IF_NONE_MATCH, IDEMPOTENCY_KEY, header::CACHE_CONTROL, REQUEST_ID];
        // What browsers' libraries add: who asks, that a script asks, and what a trace of theirs it belongs to.
        let of_libraries = ["authorization", "x-requested-with", "traceparent", "tracestate", "baggage", "sentry-trace"];
        let sent = [header::CONTENT_TYPE].into_iter().chain(ours).chain(of_libraries.map(HeaderName::from_static));
        let sent: Vec<_> = sent.collect();
        let shown = [header::LINK, header::ETAG, header::LOCATION, header::RETRY_AFTER, header::WWW_AUTHENTICATE, WRITING_REGION];
        let shown = shown.into_iter().chain([REQUEST_ID, IDEMPOTENT_REPLAYED]);
        let shown: Vec<_> = shown.chain(["ratelimit", "ratelimit-policy"].map(HeaderName::from_static)).collect();
        let list = shown.iter().map(HeaderName::as_str).collect::<Vec<_>>().join(",");
        let simple = match (origins, HeaderValue::try_from(list)) {
            (Origins::Any, Ok(list)) => Simple::ToAll(list),
            _ => Simple::ByOrigin,
        };
        let full = CorsLayer::new().allow_origin(allowed).allow_methods(methods).allow_headers(sent).expose_headers(shown);
        Some(Self { full: full.max_age(Duration::from_secs(600)), simple })
    }
}

impl Simple {
    fn tell(&self, response: &mut Response) {
        let headers = response.headers_mut();
        match self {
            Self::ToAll(shown) => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
                headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, shown.clone());
            }
            Self::ByOrigin => {
                headers.append(header::VARY, HeaderValue::from_static("origin"));
            }
        }
    }
}

impl<S> Layer<S> for Cors {
    type Service = WithCors<S>;

    fn layer(&self, inner: S) -> WithCors<S> {
        WithCors { full: self.full.layer(inner), simple: self.simple.clone() }
    }
}

impl<S> Service<Request> for WithCors<S>
where
    S: Service<Request, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Either<Told<S::Future>, ResponseFuture<S::Future>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.full.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let is_simple = match self.simple {
            Simple::ToAll(_) => true,
            Simple::ByOrigin => !request.headers().contains_key(header::ORIGIN),
        };
        if is_simple && request.method() != Method::OPTIONS {
            Either::Left(Told { future: self.full.get_mut().call(request), simple: self.simple.clone() })
        } else {
            Either::Right(self.full.call(request))
        }
    }
}

pin_project! {
    /// The response, with what [`Simple`] says.
    pub(crate) struct Told<F> {
        #[pin]
        future: F,
        simple: Simple,
    }
}

impl<F: Future<Output = Result<Response, E>>, E> Future for Told<F> {
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Response, E>> {
        let told = self.project();
        let mut response = ready!(told.future.poll(context))?;
        told.simple.tell(&mut response);
        Poll::Ready(Ok(response))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use std::collections::BTreeMap;
    use std::convert::Infallible;
    use tower::{ServiceExt, service_fn};

    async fn headers<S>(service: S, origin: Option<&'static str>) -> BTreeMap<String, String>
    where
        S: Service<Request, Response = Response, Error = Infallible>,
    {
        let mut request = Request::new(Body::empty());
        request.headers_mut().extend(origin.map(|origin| (header::ORIGIN, HeaderValue::from_static(origin))));
        let response = service.oneshot(request).await.unwrap();
        response.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect()
    }

    /// But for what may be read, which a page is told that may call: nobody else needs it.
    #[tokio::test]
    async fn responses_say_what_those_of_the_library_do() {
        let inner = service_fn(async |_: Request| Ok::<_, Infallible>(Response::new(Body::empty())));
        let listed = vec![HeaderValue::from_static("https://a.example")];
        for origins in [Origins::Any, Origins::Only(listed.clone()), Origins::Loopback(listed)] {
            let cors = Cors::new(&origins).unwrap();
            for origin in [None, Some("https://a.example"), Some("https://b.example"), Some("http://localhost:1")] {
                let found = headers(cors.layer(inner), origin).await;
                let mut expected = headers(cors.full.layer(inner), origin).await;
                if origin.is_none() && origins != Origins::Any {
                    expected.remove("access-control-expose-headers");
                }
                assert_eq!(found, expected, "{origins:?} {origin:?}");
            }
        }
    }
}
