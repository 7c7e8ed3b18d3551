//! What must be found after writers were killed.

use std::collections::{BTreeMap, HashSet};

use db_adapter::forum::{post, user};
use db_adapter::json::JsonStore;
use db_adapter::schema::Index;
use db_adapter::{Key, Query, Read, Store};

use crate::{all, count_of};

/// Everything that all writers sent, and what was acknowledged of it.
#[derive(Default)]
pub(crate) struct Expected {
    sent: HashSet<String>,
    pub(crate) acknowledged: HashSet<String>,
    sent_counts: BTreeMap<String, u64>,
    counts: BTreeMap<String, u64>,
}

impl Expected {
    pub(crate) fn learn(&mut self, said: &[String]) {
        for line in said {
            let words: Vec<_> = line.split(' ').collect();
            match words[..] {
                ["s", "count", key, number] => drop(self.sent_counts.insert(key.to_owned(), number.parse().unwrap())),
                ["a", "count", key, number] => drop(self.counts.insert(key.to_owned(), number.parse().unwrap())),
                ["s", what, key] => drop(self.sent.insert(format!("{what} {key}"))),
                ["a", what, key] => drop(self.acknowledged.insert(format!("{what} {key}"))),
                // The test harness's own lines, and one that the kill cut off.
                _ => {}
            }
        }
    }

    /// Everything acknowledged is there, and nothing that was not sent; nothing happened twice.
    pub(crate) async fn check(&self, store: &JsonStore) {
        let posts = all(store, &post::TABLE).await;
        let mut by_index = Vec::new();
        let index: &'static Index = post::TABLE.index("UserIndex").unwrap();
        let mut query = Query { limit: 500, ..Query::new(index, "u") };
        loop {
            let page = store.query(&post::TABLE, &query).await.unwrap();
            by_index.extend(page.items.iter().map(|item| item.text("postId").unwrap()));
            match page.next {
                Some(next) => query.cursor = Some(next),
                None => break,
            }
        }
        by_index.sort_unstable();
        let mut ids: Vec<_> = posts.iter().map(|item| item.text("postId").unwrap()).collect();
        ids.sort_unstable();
        assert_eq!(by_index, ids, "the index is not the table");
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "a post appears twice");
        let present: HashSet<_> = ids.into_iter().collect();

        for id in present.iter().filter(|id| !id.starts_with("counter-")) {
            assert!(self.sent.contains(&format!("post {id}")), "post {id} was never sent");
            assert!(!self.acknowledged.contains(&format!("delete {id}")), "post {id} was deleted");
        }
        for id in self.acknowledged.iter().filter_map(|line| line.strip_prefix("post ")) {
            let deleted = self.sent.contains(&format!("delete {id}"));
            assert!(deleted || present.contains(id), "post {id} was acknowledged and is gone");
        }
        for (id, acknowledged) in &self.counts {
            let item = store.get(&post::TABLE, &Key::pair(id, "t"), &Read::STRONG).await.unwrap();
            let item = item.unwrap_or_else(|| panic!("{id} was acknowledged and is gone"));
            let count = count_of(&item);
            let sent = self.sent_counts.get(id).copied().unwrap_or_default();
            assert!((*acknowledged..=sent).contains(&count), "{id}: {acknowledged} acknowledged, {sent} sent, {count} found");
            assert_eq!(item.tag().version, count + 1, "{id} was counted twice or lost a count");
        }

        let users = all(store, &user::TABLE).await;
        let emails: HashSet<_> = users.iter().map(|item| item.text("email").unwrap()).collect();
        assert_eq!(emails.len(), users.len(), "two users have one e-mail");
        let present: HashSet<_> = users.iter().map(|item| item.text("userId").unwrap()).collect();
        assert_eq!(present.len(), users.len(), "a user appears twice");
        for id in &present {
            assert!(self.sent.contains(&format!("user {id}")), "user {id} was never sent");
            assert!(!self.acknowledged.contains(&format!("refused {id}")), "user {id} was refused");
            assert!(!self.acknowledged.contains(&format!("leave {id}")), "user {id} was deleted");
        }
        for id in self.acknowledged.iter().filter_map(|line| line.strip_prefix("user ")) {
            let left = self.sent.contains(&format!("leave {id}"));
            assert!(left || present.contains(id), "user {id} was acknowledged and is gone");
        }
    }
}
