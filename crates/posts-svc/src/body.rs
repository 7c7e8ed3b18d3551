//! What a client may set of a post, and the rules on it.

use db_adapter::forum::post::TABLE;
use db_adapter::{Item, Table};
use garde::Validate;
use http_kit::Problem;
use http_kit::change::{Change, text, trimmed};
use http_kit::extract::Body;
use http_kit::problem::FieldError;
use http_kit::rules::{self, Field};
use serde::Deserialize;
use utoipa::ToSchema;

/// A new post.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewPost {
    /// The thread it belongs to.
    #[garde(custom(rules::present), custom(rules::id))]
    #[serde(default, deserialize_with = "text")]
    #[schema(required, value_type = String, pattern = "^[A-Za-z0-9_-]{1,64}$")]
    thread_id: Option<String>,
    /// Who writes it.
    #[garde(custom(rules::present), custom(rules::id))]
    #[serde(default, deserialize_with = "text")]
    #[schema(required, value_type = String, pattern = "^[A-Za-z0-9_-]{1,64}$")]
    user_id: Option<String>,
    /// A title. It is trimmed.
    #[garde(custom(rules::visible), custom(rules::max_chars(300)))]
    #[serde(default, deserialize_with = "trimmed")]
    #[schema(min_length = 1, max_length = 300, pattern = r"\S")]
    title: Option<String>,
    /// What is said: 65,536 bytes of UTF-8 at most, which is fewer characters where some are not ASCII.
    #[garde(custom(rules::present), custom(rules::visible), custom(rules::max_bytes(65_536)))]
    #[serde(default, deserialize_with = "text")]
    #[schema(required, value_type = String, min_length = 1, max_length = 65_536)]
    content: Option<String>,
}

impl NewPost {
    /// The thread's id.
    pub(crate) fn thread_id(&self) -> &str {
        self.thread_id.as_deref().unwrap_or_default()
    }

    /// The author's id.
    pub(crate) fn user_id(&self) -> &str {
        self.user_id.as_deref().unwrap_or_default()
    }
}

impl Body for NewPost {
    fn table() -> &'static Table {
        &TABLE
    }

    fn changes(self) -> Vec<(&'static str, Change)> {
        vec![
            ("threadId", self.thread_id.into()),
            ("userId", self.user_id.into()),
            ("title", self.title.into()),
            ("content", self.content.into()),
        ]
    }
}

/// A body that may repeat what of a post cannot change.
pub(crate) trait Repeats {
    /// What cannot change, and what the body says about it.
    fn fixed(&self) -> [(&'static str, &Change); 2];

    /// Checks that the body repeats what the post has.
    ///
    /// # Errors
    /// 422 that names what differs.
    fn check_fixed(&self, post: &Item) -> Result<(), Problem> {
        let differs =
            |(name, change): &(&str, &Change)| change.text().is_some_and(|text| post.text(name).as_deref() != Some(text));
        let faults = self.fixed().into_iter().filter(differs);
        let faults = faults.map(|(name, _)| FieldError { field: name.to_owned(), message: "cannot change".to_owned() });
        let faults: Vec<_> = faults.collect();
        if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
    }
}

/// A post as a client replaces it.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PostReplacement {
    /// The thread it belongs to; cannot change: left out, or as it is.
    #[garde(custom(rules::present))]
    #[serde(default)]
    #[schema(value_type = String, read_only)]
    thread_id: Change,
    /// Who wrote it; cannot change: left out, or as it is.
    #[garde(custom(rules::present))]
    #[serde(default)]
    #[schema(value_type = String, read_only)]
    user_id: Change,
    /// A title. It is trimmed.
    #[garde(custom(rules::visible), custom(rules::max_chars(300)))]
    #[serde(default, deserialize_with = "trimmed")]
    #[schema(min_length = 1, max_length = 300, pattern = r"\S")]
    title: Option<String>,
    /// What is said: 65,536 bytes of UTF-8 at most, which is fewer characters where some are not ASCII.
    #[garde(custom(rules::present), custom(rules::visible), custom(rules::max_bytes(65_536)))]
    #[serde(default, deserialize_with = "text")]
    #[schema(required, value_type = String, min_length = 1, max_length = 65_536)]
    content: Option<String>,
}

impl Repeats for PostReplacement {
    fn fixed(&self) -> [(&'static str, &Change); 2] {
        [("threadId", &self.thread_id), ("userId", &self.user_id)]
    }
}

impl Body for PostReplacement {
    fn table() -> &'static Table {
        &TABLE
    }

    fn changes(self) -> Vec<(&'static str, Change)> {
        vec![("title", self.title.into()), ("content", self.content.into())]
    }
}

/// Changes to a post: what is absent stays, null removes.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PostPatch {
    /// The thread it belongs to; cannot change: left out, or as it is.
    #[garde(custom(rules::present))]
    #[serde(default)]
    #[schema(value_type = String, read_only)]
    thread_id: Change,
    /// Who wrote it; cannot change: left out, or as it is.
    #[garde(custom(rules::present))]
    #[serde(default)]
    #[schema(value_type = String, read_only)]
    user_id: Change,
    /// A title. It is trimmed.
    #[garde(custom(rules::visible), custom(rules::max_chars(300)))]
    #[serde(default, deserialize_with = "trimmed")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 300, pattern = r"\S")]
    title: Change,
    /// What is said: 65,536 bytes of UTF-8 at most, which is fewer characters where some are not ASCII.
    #[garde(custom(rules::present), custom(rules::visible), custom(rules::max_bytes(65_536)))]
    #[serde(default)]
    #[schema(value_type = String, min_length = 1, max_length = 65_536)]
    content: Change,
}

impl PostPatch {
    /// Does it change nothing?
    pub(crate) fn is_empty(&self) -> bool {
        self.title == Change::Keep && self.content == Change::Keep
    }
}

impl Repeats for PostPatch {
    fn fixed(&self) -> [(&'static str, &Change); 2] {
        [("threadId", &self.thread_id), ("userId", &self.user_id)]
    }
}

impl Body for PostPatch {
    fn table() -> &'static Table {
        &TABLE
    }

    fn changes(self) -> Vec<(&'static str, Change)> {
        vec![("title", self.title), ("content", self.content)]
    }
}
