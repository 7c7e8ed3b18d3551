//! Tokens that were checked a moment ago: to check a signature takes as long as several reads.

use std::borrow::Borrow;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use moka::future::Cache;

use super::caller::{Caller, Token};
use super::keys::{Key, Keys};

/// Memory for tokens and what they say, in bytes.
const MAX_BYTES: u64 = 16 << 20;
/// What is remembered of a token beside its text, at the most.
const CLAIMS_BYTES: usize = 1024;
/// How long a token is remembered.
const REMEMBERED: Duration = Duration::from_secs(600);

/// Whose the tokens are that were valid. Nobody else's token gets in, so a flood of others displaces none.
#[derive(Debug)]
pub(super) struct Verified(Cache<Token, Remembered>);

/// Whose a token is, as long as its key is the one that checked it and it has not expired.
#[derive(Debug, Clone)]
struct Remembered {
    key: Arc<Key>,
    /// The last second, since the epoch, at which it is valid.
    until: i64,
    caller: Caller,
}

impl Verified {
    pub(super) fn new() -> Self {
        let bytes = |token: &Token, _: &Remembered| u32::try_from(token.0.len() + CLAIMS_BYTES).unwrap_or(u32::MAX);
        Self(Cache::builder().weigher(bytes).max_capacity(MAX_BYTES).time_to_live(REMEMBERED).build())
    }

    /// Whose token it is, if it was valid, has not expired since, and its key is still known as it was.
    pub(super) async fn get(&self, token: &str, keys: &Keys) -> Option<Caller> {
        let Remembered { key, until, caller } = self.0.get(token).await?;
        (Utc::now().timestamp() <= until && keys.know(&key)).then_some(caller)
    }

    /// Remembers a token that is valid with this key up to that second.
    pub(super) async fn insert(&self, token: Token, key: Arc<Key>, until: i64, caller: Caller) {
        self.0.insert(token, Remembered { key, until, caller }).await;
    }
}

impl Borrow<str> for Token {
    fn borrow(&self) -> &str {
        &self.0
    }
}
