//! Requests to the API, as the client of whoever looks at the page.

use std::collections::HashMap;
use std::net::SocketAddr;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::failure::Failure;
use crate::items::User;
use crate::transport::Transport;

/// The most that a page reads of one response: the largest list of the API is smaller.
const MAX_BYTES: usize = 32 * 1024 * 1024;
/// Who the request is made for, as proxies say it.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// So that a repeated POST makes one item.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A client of the API for one request to the page.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    transport: Transport,
    token: Option<HeaderValue>,
    host: Option<HeaderValue>,
    forwarded: Option<HeaderValue>,
    peer: Option<ConnectInfo<SocketAddr>>,
}

/// A response that is a success.
#[derive(Debug)]
pub(crate) struct Fetched<T> {
    pub(crate) status: StatusCode,
    pub(crate) body: T,
    /// The tag of the item.
    pub(crate) etag: Option<String>,
    /// Where the next page of a list starts.
    pub(crate) next: Option<String>,
}

impl Api {
    /// For the request with those headers, from that address.
    pub(crate) fn new(transport: &Transport, headers: &HeaderMap, peer: Option<ConnectInfo<SocketAddr>>) -> Self {
        let mut forwarded: Vec<_> = headers.get_all(X_FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).collect();
        // Over HTTP the page is one more proxy; within the process the address is handed on as it is.
        let address = peer.filter(|_| transport.is_remote()).map(|ConnectInfo(peer)| peer.ip().to_string());
        forwarded.extend(address.as_deref());
        let host = headers.get(header::HOST).filter(|_| !transport.is_remote()).cloned();
        let forwarded = Some(forwarded.join(", ")).filter(|text| !text.is_empty());
        let forwarded = forwarded.and_then(|text| HeaderValue::try_from(text).ok());
        Self { transport: transport.clone(), token: None, host, forwarded, peer }
    }

    /// The same with that access token.
    #[must_use]
    pub(crate) fn bearing(self, token: &str) -> Self {
        let token = HeaderValue::try_from(format!("Bearer {token}")).ok().map(|mut value| {
            value.set_sensitive(true);
            value
        });
        Self { token, ..self }
    }

    /// The item or list at that path.
    ///
    /// # Errors
    /// The problem that the API responds with.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Fetched<T>, Failure> {
        self.send(Method::GET, path, &[], None).await?.json()
    }

    /// The item at that path with every acknowledged write.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub(crate) async fn get_fresh<T: DeserializeOwned>(&self, path: &str) -> Result<Fetched<T>, Failure> {
        self.send(Method::GET, path, &[(header::CACHE_CONTROL, "no-cache")], None).await?.json()
    }

    /// Sends a request with those headers and that body.
    ///
    /// # Errors
    /// The problem that the API responds with.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(HeaderName, &str)],
        body: Option<&Value>,
    ) -> Result<Fetched<Bytes>, Failure> {
        let response = self.stream(method, path, headers, body).await?;
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, MAX_BYTES).await.map_err(|error| Failure::unreachable(&error.into()))?;
        let etag = parts.headers.get(header::ETAG).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Fetched { status: parts.status, body, etag, next: next(&parts.headers) })
    }

    /// As [`Api::send`], with the body as it arrives.
    ///
    /// # Errors
    /// As [`Api::send`].
    pub(crate) async fn stream(
        &self,
        method: Method,
        path: &str,
        headers: &[(HeaderName, &str)],
        body: Option<&Value>,
    ) -> Result<Response<Body>, Failure> {
        let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json").header(header::CONTENT_LENGTH, bytes.len());
        }
        let given = [(header::AUTHORIZATION, &self.token), (header::HOST, &self.host), (X_FORWARDED_FOR, &self.forwarded)];
        for (name, value) in given {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let mut request = request.body(Body::from(bytes)).map_err(|error| {
            tracing::debug!(%error, path, "no request can be made");
            Failure::not_found()
        })?;
        request.extensions_mut().extend(self.peer.map(extension).unwrap_or_default());
        let response = self.transport.send(request).await.map_err(|error| Failure::unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, MAX_BYTES).await.unwrap_or_default();
        Err(Failure::from_response(parts.status, &parts.headers, &body))
    }

    /// Those of the users who exist, by id. A page that cannot learn the names shows ids.
    pub(crate) async fn users(&self, ids: impl IntoIterator<Item = Option<&String>>) -> Users {
        let mut ids: Vec<&str> = ids.into_iter().flatten().map(String::as_str).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut users = HashMap::new();
        for some in ids.chunks(100) {
            let path = format!("/api/users?fields=userId,name&ids={}", some.join(","));
            match self.get::<Vec<User>>(&path).await {
                Ok(found) => users.extend(found.body.into_iter().map(|user| (user.user_id.clone(), user))),
                Err(failure) => {
                    tracing::warn!(status = failure.status.as_u16(), "the names of users cannot be read");
                    return Users { known: users, complete: false };
                }
            }
        }
        Users { known: users, complete: true }
    }
}

/// Users by id.
#[derive(Debug, Default)]
pub(crate) struct Users {
    known: HashMap<String, User>,
    complete: bool,
}

impl Users {
    /// The name of that user; `None` where there is no such user any more.
    pub(crate) fn name<'a>(&'a self, id: &'a str) -> Option<&'a str> {
        match self.known.get(id) {
            Some(user) => user.name.as_deref(),
            None if self.complete => None,
            None => Some(id),
        }
    }
}

impl Fetched<Bytes> {
    /// The body as JSON.
    ///
    /// # Errors
    /// It is something else.
    pub(crate) fn json<T: DeserializeOwned>(self) -> Result<Fetched<T>, Failure> {
        let body = serde_json::from_slice(&self.body).map_err(|error| Failure::unreadable(&error))?;
        Ok(Fetched { status: self.status, body, etag: self.etag, next: self.next })
    }
}

fn extension(peer: ConnectInfo<SocketAddr>) -> axum::http::Extensions {
    let mut extensions = axum::http::Extensions::new();
    extensions.insert(peer);
    extensions
}

/// The cursor in the link to the next page.
fn next(headers: &HeaderMap) -> Option<String> {
    let links = headers.get_all(header::LINK).iter().filter_map(|value| value.to_str().ok());
    let link = links.flat_map(|value| value.split(", <")).find(|link| link.contains("rel=\"next\""))?;
    let target = link.trim_start_matches('<').split_once('>')?.0;
    let url = Url::parse("http://api").ok()?.join(target).ok()?;
    url.query_pairs().find(|(name, _)| name == "cursor").map(|(_, cursor)| cursor.into_owned())
}

/// A value, encoded for a path or a query.
pub(crate) fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("</api/threads?limit=2&cursor=a%2Bb>; rel=\"next\"", Some("a+b"))]
    #[case("</api/threads>; rel=\"self\", </api/threads?cursor=x>; rel=\"next\"", Some("x"))]
    #[case("</api/threads?cursor=x>; rel=\"prev\"", None)]
    #[case("nonsense rel=\"next\"", None)]
    fn the_cursor_is_that_of_the_next_page(#[case] link: &str, #[case] cursor: Option<&str>) {
        let headers = HeaderMap::from_iter([(header::LINK, HeaderValue::from_str(link).unwrap())]);
        assert_eq!(next(&headers).as_deref(), cursor);
    }
}
