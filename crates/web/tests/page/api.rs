//! An API that says what a test wants it to say, and remembers what it was asked; it is an issuer, too.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_kit::Pages;
use serde_json::{Value, json};
use tower::ServiceExt;
use url::Url;
use web::WebConfig;

/// The URL of the forum.
pub(crate) const URL: &str = "http://localhost:4711";

/// A request that the page has made.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// What the API responds: status, headers, body. What it does not know is 404.
pub(crate) type Said = Option<(u16, Vec<(&'static str, &'static str)>, Value)>;

/// Says what the API responds.
type Script = dyn Fn(&Asked) -> Said + Send + Sync;

/// A page in front of such an API.
pub(crate) struct Front {
    router: Router,
    asked: Arc<Mutex<Vec<Asked>>>,
    cookies: Vec<String>,
    _dir: tempfile::TempDir,
}

/// A page as it arrived.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) html: String,
}

impl Front {
    pub(crate) fn new(script: impl Fn(&Asked) -> Said + Send + Sync + 'static) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (script, log): (Arc<Script>, _) = (Arc::new(script), Arc::clone(&asked));
        let api = Router::new().fallback(async move |request: Request| respond(&*script, &log, request).await);
        let config = WebConfig {
            web_title: "Test".to_owned(),
            web_cookie_key: None,
            web_client_id: None,
            web_client_secret: None,
            web_scopes: vec!["openid".to_owned()],
            web_resource: None,
        };
        let web = config.open(URL, Some(&format!("{URL}/dev")), dir.path()).unwrap();
        Self { router: web.routes(api), asked, cookies: Vec::new(), _dir: dir }
    }

    /// The same with somebody logged in, whose token is that.
    pub(crate) async fn logged_in(mut self, code: &str) -> Self {
        let begun = self.get("/log-in?then=/").await;
        let location = Url::parse(begun.headers[header::LOCATION].to_str().unwrap()).unwrap();
        let state = location.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let done = self.get(&format!("/log-in/callback?code={code}&state={state}")).await;
        assert_eq!(done.status, 303, "{done:?}");
        self.asked.lock().unwrap().clear();
        self
    }

    /// What the API was asked since the log-in.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn is_logged_in(&self) -> bool {
        self.cookies.iter().any(|cookie| cookie.starts_with("session-"))
    }

    pub(crate) async fn get(&mut self, path: &str) -> Shown {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// Sends the form with that action, which stands on that page, with those fields.
    pub(crate) async fn fill(&mut self, page: &Shown, action: &str, fields: &[(&str, &str)]) -> Shown {
        let form = page.html.split_once(&format!("action=\"{action}\"")).unwrap_or_else(|| panic!("{page:?}")).1;
        let form = form.split_once("</form>").unwrap().0;
        let hidden = form.split("<input type=\"hidden\" name=\"").skip(1).map(|input| {
            let (name, rest) = input.split_once("\" value=\"").unwrap();
            (name, rest.split_once('"').unwrap().0)
        });
        let all: Vec<_> = hidden.filter(|(name, _)| !fields.iter().any(|(other, _)| other == name)).collect();
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(all).extend_pairs(fields).finish();
        self.send(Request::post(action).header("sec-fetch-site", "same-origin").body(Body::from(body)).unwrap()).await
    }

    async fn send(&mut self, mut request: Request) -> Shown {
        request.headers_mut().insert(header::HOST, URL.split_once("//").unwrap().1.parse().unwrap());
        if !self.cookies.is_empty() {
            request.headers_mut().insert(header::COOKIE, self.cookies.join("; ").parse().unwrap());
        }
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        for cookie in parts.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let pair = cookie.split(';').next().unwrap();
            let name = pair.split_once('=').unwrap().0;
            self.cookies.retain(|known| !known.starts_with(&format!("{name}=")));
            if !cookie.contains("Max-Age=0") {
                self.cookies.push(pair.to_owned());
            }
        }
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Shown { status: parts.status.as_u16(), headers: parts.headers, html: String::from_utf8(body.to_vec()).unwrap() }
    }
}

impl Shown {
    /// The page, which must have that status and contain that.
    pub(crate) fn expect(self, status: u16, part: &str) -> Self {
        assert!(self.status == status && self.html.contains(part), "expected {status} with {part:?}: {self:?}");
        self
    }
}

async fn respond(script: &Script, log: &Mutex<Vec<Asked>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    let path = parts.uri.path_and_query().unwrap().to_string();
    let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into_owned().into());
    let asked = Asked { method: parts.method.to_string(), path, headers: parts.headers, body };
    log.lock().unwrap().push(asked.clone());
    let (status, headers, body) = script(&asked).or_else(|| issued(&asked)).unwrap_or((404, vec![], json!({})));
    let mut response = (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

/// What the issuer says: the code that it is sent is the token; `renew` comes with one that renews it.
fn issued(asked: &Asked) -> Said {
    let body = match asked.path.as_str() {
        "/dev/.well-known/openid-configuration" => json!({
            "issuer": format!("{URL}/dev"),
            "authorization_endpoint": format!("{URL}/dev/authorize"),
            "token_endpoint": format!("{URL}/dev/token"),
        }),
        "/dev/token" => {
            let form = asked.body.as_str()?.to_owned();
            let field = |name: &str| {
                let mut fields = url::form_urlencoded::parse(form.as_bytes());
                fields.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
            };
            match (field("code").as_deref(), field("refresh_token").as_deref()) {
                (Some("renew"), _) => {
                    json!({ "access_token": "old", "token_type": "Bearer", "expires_in": 30, "refresh_token": "again" })
                }
                (None, Some("again")) => json!({ "access_token": "new", "token_type": "Bearer", "expires_in": 3600 }),
                (None, Some(_)) => return Some((400, vec![], json!({ "error": "invalid_grant" }))),
                (code, _) => json!({ "access_token": code, "token_type": "Bearer", "expires_in": 3600 }),
            }
        }
        "/api/users/me" => json!({ "userId": "7", "name": "Dana" }),
        _ => return None,
    };
    Some((200, vec![], body))
}
