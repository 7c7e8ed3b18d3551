//! What the API says of things, as far as pages show it. All but ids may be absent: an item can be of before an attribute existed, or
//! have been removed by a moderator.

use serde::Deserialize;

/// A thread.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Thread {
    pub(crate) thread_id: String,
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) user_id: Option<String>,
    pub(crate) created_at: Option<String>,
    pub(crate) updated_at: Option<String>,
    pub(crate) post_count: Option<u64>,
    pub(crate) last_post_at: Option<String>,
    pub(crate) last_post_id: Option<String>,
    pub(crate) last_post_user_id: Option<String>,
    pub(crate) last_activity_at: Option<String>,
    pub(crate) pinned_at: Option<String>,
    pub(crate) locked_at: Option<String>,
    /// A moderator removed it, and whoever asks may not see what it says.
    pub(crate) removed: bool,
    /// The same, for those who may.
    pub(crate) removed_at: Option<String>,
}

/// A post.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Post {
    pub(crate) post_id: String,
    pub(crate) thread_id: String,
    pub(crate) user_id: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) content: Option<String>,
    pub(crate) created_at: Option<String>,
    pub(crate) updated_at: Option<String>,
    pub(crate) removed: bool,
    pub(crate) removed_at: Option<String>,
}

/// A user.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct User {
    pub(crate) user_id: String,
    pub(crate) name: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) bio: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) created_at: Option<String>,
    pub(crate) suspended_until: Option<String>,
    pub(crate) suspended_reason: Option<String>,
}

/// A report that waits for a moderator.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Report {
    /// The path of what was reported, below `/api`.
    pub(crate) target: String,
    pub(crate) reason: Option<String>,
    pub(crate) user_id: Option<String>,
    pub(crate) created_at: Option<String>,
}

/// An entry of the log of moderation.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Entry {
    pub(crate) target: String,
    pub(crate) action: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) user_id: Option<String>,
    pub(crate) until: Option<String>,
    pub(crate) created_at: Option<String>,
}

impl Thread {
    /// Its title, or what stands in its place.
    pub(crate) fn name(&self) -> &str {
        self.title.as_deref().unwrap_or(if self.removed { "[removed by a moderator]" } else { "[untitled]" })
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.removed || self.removed_at.is_some()
    }
}

impl Post {
    pub(crate) fn is_removed(&self) -> bool {
        self.removed || self.removed_at.is_some()
    }

    /// Was it changed after it was written?
    pub(crate) fn was_edited(&self) -> bool {
        self.updated_at.is_some() && self.updated_at != self.created_at
    }
}
