//! What a client may set of a thread, and the rules on it.

use db_adapter::Table;
use db_adapter::forum::thread::TABLE;
use garde::Validate;
use http_kit::change::{Change, text, trimmed};
use http_kit::extract::Body;
use http_kit::rules;
use serde::Deserialize;
use utoipa::ToSchema;

/// A thread as a client sends it whole.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewThread {
    /// What the thread is about. It is trimmed.
    #[garde(custom(rules::present), custom(rules::visible), custom(rules::max_chars(300)))]
    #[serde(default, deserialize_with = "trimmed")]
    #[schema(required, value_type = String, min_length = 1, max_length = 300, pattern = r"\S")]
    title: Option<String>,
    /// More about it.
    #[garde(custom(rules::max_chars(20_000)))]
    #[serde(default, deserialize_with = "text")]
    #[schema(max_length = 20_000)]
    description: Option<String>,
    /// Who opens the thread: a user that exists.
    #[garde(custom(rules::id))]
    #[serde(default, deserialize_with = "text")]
    #[schema(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    user_id: Option<String>,
}

impl NewThread {
    /// Who opens the thread.
    pub(crate) fn user_id(&self) -> Option<&str> {
        self.user_id.as_deref()
    }
}

impl Body for NewThread {
    fn table() -> &'static Table {
        &TABLE
    }

    fn changes(self) -> Vec<(&'static str, Change)> {
        vec![("title", self.title.into()), ("description", self.description.into()), ("userId", self.user_id.into())]
    }
}

/// Changes to a thread: what is absent stays, null removes.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ThreadPatch {
    /// What the thread is about. It is trimmed.
    #[garde(custom(rules::present), custom(rules::visible), custom(rules::max_chars(300)))]
    #[serde(default, deserialize_with = "trimmed")]
    #[schema(value_type = String, min_length = 1, max_length = 300, pattern = r"\S")]
    title: Change,
    /// More about it.
    #[garde(custom(rules::max_chars(20_000)))]
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 20_000)]
    description: Change,
    /// Who opened the thread: a user that exists, where it is another one than before.
    #[garde(custom(rules::id))]
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9_-]{1,64}$")]
    user_id: Change,
}

impl Body for ThreadPatch {
    fn table() -> &'static Table {
        &TABLE
    }

    fn changes(self) -> Vec<(&'static str, Change)> {
        vec![("title", self.title), ("description", self.description), ("userId", self.user_id)]
    }
}
