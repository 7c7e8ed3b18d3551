//! What a client may set of a user, and the rules on it.

use db_adapter::Table;
use db_adapter::forum::user::TABLE;
use garde::Validate;
use http_kit::change::{Change, normalised, text, trimmed};
use http_kit::extract::Body;
use http_kit::rules;
use serde::Deserialize;
use utoipa::ToSchema;

/// A user as a client sends it whole.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewUser {
    /// The e-mail address. It is trimmed and lower-cased; no other user may have it.
    #[garde(custom(rules::present), custom(rules::email), custom(rules::max_chars(254)))]
    #[serde(default, deserialize_with = "normalised")]
    #[schema(required, value_type = String, format = "email", max_length = 254)]
    email: Option<String>,
    /// The name that is shown. It is trimmed.
    #[garde(custom(rules::present), custom(rules::visible), custom(rules::max_chars(100)))]
    #[serde(default, deserialize_with = "trimmed")]
    #[schema(required, value_type = String, min_length = 1, max_length = 100, pattern = r"\S")]
    name: Option<String>,
    /// A handle.
    #[garde(custom(rules::visible), custom(rules::max_chars(50)))]
    #[serde(default, deserialize_with = "text")]
    #[schema(max_length = 50)]
    username: Option<String>,
    /// A few words about the user.
    #[garde(custom(rules::max_chars(2000)))]
    #[serde(default, deserialize_with = "text")]
    #[schema(max_length = 2000)]
    bio: Option<String>,
}

impl NewUser {
    /// The e-mail address as it is stored.
    pub(crate) fn email(&self) -> &str {
        self.email.as_deref().unwrap_or_default()
    }
}

impl Body for NewUser {
    fn table() -> &'static Table {
        &TABLE
    }

    fn changes(self) -> Vec<(&'static str, Change)> {
        vec![
            ("email", self.email.into()),
            ("name", self.name.into()),
            ("username", self.username.into()),
            ("bio", self.bio.into()),
        ]
    }
}

/// Changes to a user: what is absent stays, null removes.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserPatch {
    /// The e-mail address. It is trimmed and lower-cased; no other user may have it.
    #[garde(custom(rules::present), custom(rules::email), custom(rules::max_chars(254)))]
    #[serde(default, deserialize_with = "normalised")]
    #[schema(value_type = String, format = "email", max_length = 254)]
    email: Change,
    /// The name that is shown. It is trimmed.
    #[garde(custom(rules::present), custom(rules::visible), custom(rules::max_chars(100)))]
    #[serde(default, deserialize_with = "trimmed")]
    #[schema(value_type = String, min_length = 1, max_length = 100, pattern = r"\S")]
    name: Change,
    /// A handle.
    #[garde(custom(rules::visible), custom(rules::max_chars(50)))]
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 50)]
    username: Change,
    /// A few words about the user.
    #[garde(custom(rules::max_chars(2000)))]
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 2000)]
    bio: Change,
}

impl Body for UserPatch {
    fn table() -> &'static Table {
        &TABLE
    }

    fn changes(self) -> Vec<(&'static str, Change)> {
        vec![("email", self.email), ("name", self.name), ("username", self.username), ("bio", self.bio)]
    }
}
