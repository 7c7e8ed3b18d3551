//! Who makes a request.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use db_adapter::Store;

use super::Auth;
use super::token::verified_email;
use crate::limits::Meter;
use crate::problem::Problem;

/// Who makes the request. Every handler takes one, itself or with a [`crate::resource::Target`].
#[derive(Debug, Clone)]
pub enum Caller {
    /// Whoever reaches the port, where identity is off: may do everything.
    Anyone,
    /// Nobody: may read.
    Anonymous,
    /// A person.
    User(Account),
    /// A program with credentials of its own.
    Service(Service),
}

/// A person, as the token says.
#[derive(Debug, Clone)]
pub struct Account {
    /// The user's id in the forum.
    pub id: String,
    /// May moderate.
    pub moderator: bool,
    /// May administer, and so moderate.
    pub admin: bool,
    /// The verified e-mail address, where the token has it.
    pub email: Option<String>,
    /// The subject at the issuer.
    pub(super) subject: String,
    /// The token, to ask the issuer about its owner. It must not be logged.
    pub(super) token: Token,
    pub(super) auth: Option<Arc<Auth>>,
    /// What counts the request, where requests are limited.
    pub(super) meter: Option<Arc<Meter>>,
}

/// A token that no log shows.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Token(pub(super) Arc<str>);

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Token")
    }
}

/// A program, as its token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its client id at the issuer.
    pub client: String,
    /// `forum:write`: may write as nobody.
    pub write: bool,
    /// `forum:import`: may write as anybody, with ids and times of its own.
    pub import: bool,
}

impl Caller {
    /// The person's account, if it is a person.
    pub fn account(&self) -> Option<&Account> {
        match self {
            Self::User(account) => Some(account),
            Self::Anyone | Self::Anonymous | Self::Service(_) => None,
        }
    }

    /// The person's account.
    ///
    /// # Errors
    /// 401 without a token, 403 for what is no person.
    pub fn person(&self) -> Result<&Account, Problem> {
        match self {
            Self::User(account) => Ok(account),
            Self::Service(_) => Err(Problem::forbidden("not-a-person", "a service account has no profile")),
            Self::Anyone | Self::Anonymous => Err(Problem::unauthenticated(None)),
        }
    }

    /// May it moderate?
    pub fn moderates(&self) -> bool {
        self.account().is_some_and(|account| account.moderator || account.admin)
    }
}

impl Account {
    /// Checks that the person has a profile and is not suspended. What is known may be ten seconds old.
    ///
    /// # Errors
    /// 403 `profile-missing` and `suspended`; those of the store.
    pub async fn check_standing(&self, store: &dyn Store) -> Result<(), Problem> {
        match &self.auth {
            Some(auth) => auth.standings.check(store, self).await,
            None => Ok(()),
        }
    }

    /// Counts a profile that the person is about to make, where new profiles are limited.
    ///
    /// # Errors
    /// 429 `rate-limited` when there were too many.
    pub fn count_new_profile(&self) -> Result<(), Problem> {
        self.meter.as_ref().map_or(Ok(()), |meter| meter.count_new_profile(self))
    }

    /// The verified e-mail address, from the token or, where it has none, from the issuer's userinfo endpoint.
    ///
    /// # Errors
    /// 403 `email-not-verified` when the issuer knows none; 503 when it cannot be asked.
    pub async fn verified_email(&self) -> Result<String, Problem> {
        if let Some(email) = &self.email {
            return Ok(email.clone());
        }
        let auth = self.auth.as_ref().ok_or_else(|| Problem::internal("there is no issuer to ask for an e-mail address"))?;
        let claims = auth.keys.userinfo(&self.token, &self.subject).await?;
        verified_email(&claims)
            .ok_or_else(|| Problem::forbidden("email-not-verified", "the issuer knows no verified e-mail address of yours"))
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(auth) = parts.extensions.get::<Arc<Auth>>() else { return Ok(Self::Anyone) };
        let auth = Arc::clone(auth);
        let mut caller = auth.caller(&parts.headers, parts.method.is_safe()).await?;
        // A request counts once, however many of its parts ask for the caller.
        if let Some(meter) = parts.extensions.remove::<Arc<Meter>>() {
            meter.count(&caller)?;
            if let Self::User(account) = &mut caller {
                account.meter = Some(meter);
            }
        }
        Ok(caller)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn account(id: &str, moderator: bool, admin: bool) -> Caller {
        let token = Token(Arc::from("secret"));
        Caller::User(Account {
            id: id.to_owned(),
            moderator,
            admin,
            email: None,
            subject: id.to_owned(),
            token,
            auth: None,
            meter: None,
        })
    }

    pub(crate) fn person(id: &str) -> Caller {
        account(id, false, false)
    }

    pub(crate) fn moderator(id: &str) -> Caller {
        account(id, true, false)
    }

    pub(crate) fn admin(id: &str) -> Caller {
        account(id, false, true)
    }

    fn service(write: bool, import: bool) -> Caller {
        Caller::Service(Service { client: "robot".to_owned(), write, import })
    }

    pub(crate) fn writer() -> Caller {
        service(true, false)
    }

    pub(crate) fn importer() -> Caller {
        service(false, true)
    }

    pub(crate) fn unscoped() -> Caller {
        service(false, false)
    }

    #[test]
    fn no_log_shows_a_token() {
        assert!(!format!("{:?}", person("p")).contains("secret"));
    }
}
