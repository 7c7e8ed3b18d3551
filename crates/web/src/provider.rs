//! Logging in by OAuth 2.0: authorization code with PKCE (RFC 6749, RFC 7636), at any issuer with a discovery document.
//!
//! The page uses the access token only, and the API checks it with each request: signature, issuer, audience. An ID token would say
//! nothing more, so that none is read.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use chrono::Utc;
use oauth2::basic::{BasicClient, BasicTokenResponse};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, Scope, TokenResponse, TokenUrl,
};
use serde::Deserialize;
use tokio::sync::OnceCell;
use tower::BoxError;
use uuid::Uuid;

use crate::Shared;
use crate::api::Api;
use crate::failure::Failure;
use crate::items::User;
use crate::session::{Pending, Profile, Session};
use crate::transport::Transport;

/// How long a token is taken for valid whose issuer does not say it, in seconds.
const VALID_SECONDS: i64 = 300;
/// The most that is read of a response of the issuer.
const MAX_BYTES: usize = 256 * 1024;

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// The issuer, and the client that the page is to it.
#[derive(Debug, Clone)]
pub(crate) struct Provider {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<String>,
    pub(crate) scopes: Vec<String>,
    /// What the access token is for (RFC 8707), where the issuer wants to be told.
    pub(crate) resource: Option<String>,
    /// Where the issuer sends people back to.
    pub(crate) callback: String,
    /// How the issuer is reached; `None` where the server that has the API is the issuer, too.
    pub(crate) transport: Option<Transport>,
    pub(crate) endpoints: Arc<OnceCell<Endpoints>>,
}

/// What the discovery document says (OpenID Connect Discovery 1.0, section 3).
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Endpoints {
    issuer: String,
    authorization_endpoint: AuthUrl,
    token_endpoint: TokenUrl,
}

/// What the issuer gave.
pub(crate) struct Tokens {
    access: String,
    expires: i64,
    /// What renews the log-in.
    pub(crate) renewal: Option<String>,
}

impl Provider {
    /// Where to send the browser, and what to remember meanwhile.
    ///
    /// # Errors
    /// 503 where the issuer cannot be reached.
    pub(crate) async fn begin(&self, api: &Transport, then: String) -> Result<(String, Pending), Failure> {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = self.client(api).await?;
        let mut request = client.authorize_url(CsrfToken::new_random).set_pkce_challenge(challenge);
        request = request.add_scopes(self.scopes.iter().cloned().map(Scope::new));
        if let Some(resource) = &self.resource {
            request = request.add_extra_param("resource", resource.clone());
        }
        let (url, state) = request.url();
        let pending =
            Pending { state: state.into_secret(), verifier: verifier.into_secret(), then, began: Utc::now().timestamp() };
        Ok((url.into(), pending))
    }

    /// The tokens for the code that the issuer sent.
    ///
    /// # Errors
    /// 403 where the issuer refuses, 503 where it cannot be reached.
    pub(crate) async fn finish(&self, api: &Transport, code: String, verifier: String) -> Result<Tokens, Failure> {
        let client = self.client(api).await?;
        let mut request = client.exchange_code(AuthorizationCode::new(code)).set_pkce_verifier(PkceCodeVerifier::new(verifier));
        if let Some(resource) = &self.resource {
            request = request.add_extra_param("resource", resource.clone());
        }
        let send = self.sender(api);
        Ok(request.request_async(&send).await.map_err(refused)?.into())
    }

    /// New tokens for the one that renews them.
    ///
    /// # Errors
    /// As [`Provider::finish`].
    pub(crate) async fn renew(&self, api: &Transport, renewal: &str) -> Result<Tokens, Failure> {
        let client = self.client(api).await?;
        let renewal = RefreshToken::new(renewal.to_owned());
        let mut request = client.exchange_refresh_token(&renewal);
        if let Some(resource) = &self.resource {
            request = request.add_extra_param("resource", resource.clone());
        }
        let send = self.sender(api);
        Ok(request.request_async(&send).await.map_err(refused)?.into())
    }

    async fn client(&self, api: &Transport) -> Result<Client, Failure> {
        let endpoints = self.endpoints.get_or_try_init(|| self.discover(api)).await?.clone();
        let callback = RedirectUrl::new(self.callback.clone()).map_err(|error| Failure::unreadable(&error))?;
        let mut client = BasicClient::new(ClientId::new(self.client_id.clone()));
        if let Some(secret) = &self.client_secret {
            client = client.set_client_secret(ClientSecret::new(secret.clone()));
        } else {
            client = client.set_auth_type(AuthType::RequestBody);
        }
        Ok(client
            .set_auth_uri(endpoints.authorization_endpoint)
            .set_token_uri(endpoints.token_endpoint)
            .set_redirect_uri(callback))
    }

    async fn discover(&self, api: &Transport) -> Result<Endpoints, Failure> {
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let request =
            axum::http::Request::get(url.as_str()).body(Vec::new()).map_err(|error| Failure::unreachable(&error.into()))?;
        let response = self.sender(api)(request).await.map_err(|IssuerError(error)| Failure::unreachable(&error))?;
        if response.status() != StatusCode::OK {
            return Err(Failure::unreachable(&format!("{url}: status {}", response.status()).into()));
        }
        let endpoints: Endpoints =
            serde_json::from_slice(response.body()).map_err(|error| Failure::unreachable(&error.into()))?;
        if endpoints.issuer != self.issuer {
            let reason = format!("{url}: is of the issuer {:?}, expected {:?}", endpoints.issuer, self.issuer);
            return Err(Failure::unreachable(&reason.into()));
        }
        Ok(endpoints)
    }

    fn sender(
        &self,
        api: &Transport,
    ) -> impl Fn(HttpRequest) -> futures::future::BoxFuture<'static, Result<HttpResponse, IssuerError>> {
        let transport = self.transport.clone().unwrap_or_else(|| api.clone());
        let host = self.transport.is_none().then(|| self.callback.split('/').nth(2).unwrap_or_default().to_owned());
        move |request| {
            let (transport, host) = (transport.clone(), host.clone());
            Box::pin(async move { fetch(&transport, host, request).await.map_err(IssuerError) })
        }
    }
}

/// Why the issuer cannot be asked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct IssuerError(BoxError);

/// Sends a request; within the process to the path alone.
async fn fetch(transport: &Transport, host: Option<String>, request: HttpRequest) -> Result<HttpResponse, BoxError> {
    let mut request: Request<Body> = request.map(Body::from);
    if let Some(host) = host {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).parse()?;
        *request.uri_mut() = path;
        request.headers_mut().insert(header::HOST, host.parse()?);
    }
    request.headers_mut().insert(header::ACCEPT, header::HeaderValue::from_static("application/json"));
    let (parts, body) = transport.send(request).await?.into_parts();
    Ok(HttpResponse::from_parts(parts, to_bytes(body, MAX_BYTES).await?.into()))
}

type Refusal = oauth2::RequestTokenError<IssuerError, oauth2::StandardErrorResponse<oauth2::basic::BasicErrorResponseType>>;

fn refused(error: Refusal) -> Failure {
    match error {
        Refusal::ServerResponse(response) => {
            tracing::warn!(%response, "the issuer refused a log-in");
            Failure::new(StatusCode::FORBIDDEN, "the log-in was refused: log in once more")
        }
        Refusal::Request(IssuerError(error)) => Failure::unreachable(&error),
        other => Failure::unreachable(&other.into()),
    }
}

impl From<BasicTokenResponse> for Tokens {
    fn from(response: BasicTokenResponse) -> Self {
        let seconds = response.expires_in().and_then(|valid| i64::try_from(valid.as_secs()).ok());
        Self {
            access: response.access_token().secret().clone(),
            expires: Utc::now().timestamp() + seconds.unwrap_or(VALID_SECONDS),
            renewal: response.refresh_token().map(|token| token.secret().clone()),
        }
    }
}

impl Tokens {
    /// The session of their owner. The API says who that is, unless it is known.
    ///
    /// # Errors
    /// The API does not take the token, or cannot be reached.
    pub(crate) async fn session(
        &self,
        shared: &Shared,
        form: Option<String>,
        known: Option<(Option<Profile>, bool)>,
    ) -> Result<Session, Failure> {
        let (user, moderates) = match known {
            Some(known) => known,
            None => self.owner(shared).await?,
        };
        let form = form.unwrap_or_else(|| Uuid::new_v4().simple().to_string());
        Ok(Session { token: self.access.clone(), expires: self.expires, form, user, moderates })
    }

    async fn owner(&self, shared: &Shared) -> Result<(Option<Profile>, bool), Failure> {
        let mut headers = axum::http::HeaderMap::new();
        if let Some(host) = shared.site.url.split('/').nth(2).and_then(|host| host.parse().ok()) {
            headers.insert(header::HOST, host);
        }
        let api = Api::new(&shared.api, &headers, None).bearing(&self.access);
        let moderates = async { api.get::<serde_json::Value>("/api/moderation/reports?limit=1").await.is_ok() };
        let (me, moderates) = tokio::join!(api.get::<User>("/api/users/me"), moderates);
        match me {
            Ok(me) => Ok((Some(Profile { id: me.body.user_id, name: me.body.name.unwrap_or_default() }), moderates)),
            Err(failure) if failure.status == StatusCode::NOT_FOUND || failure.name == "profile-missing" => Ok((None, moderates)),
            Err(failure) => Err(failure),
        }
    }
}
