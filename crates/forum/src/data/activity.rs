//! What threads say of their posts, compared with the posts: see [`db_adapter::forum::activity`].
//!
//! Watches a pass over both tables, with about a hundred bytes of memory for each thread. What differs then is looked at again, each
//! thread by itself, as posts may have been written meanwhile.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use db_adapter::forum::activity::{self, LAST_ACTIVITY_AT, LAST_POST_AT, LAST_POST_ID, POST_COUNT};
use db_adapter::forum::{post, thread};
use db_adapter::schema::CREATED_AT;
use db_adapter::{Finding, Item, Table};

use super::compare::fingerprint;
use crate::data::source::Scanner;

/// What was seen of each thread, by the fingerprint of its id.
#[derive(Debug, Default)]
pub(crate) struct Activity(HashMap<u64, Tally>);

#[derive(Debug, Default)]
struct Tally {
    /// The fingerprint of what the thread says; `None` where there is no such thread.
    said: Option<u64>,
    posts: u64,
    /// Time and id of the last post.
    last: Option<(Box<str>, Box<str>)>,
    /// Is the thread listed by the time of its last post, or of its creation?
    is_listed: bool,
}

impl Activity {
    /// Takes note of an item, if it is a thread or a post.
    pub(crate) fn see(&mut self, table: &Table, item: &Item) {
        let id = item.text(thread::TABLE.hash).unwrap_or_default();
        let members = item.members();
        let text = |name| members.text(name).unwrap_or_default();
        if table.name == thread::TABLE.name {
            let last = [text(LAST_POST_AT), text(LAST_POST_ID)];
            let listed = if last[0].is_empty() { text(CREATED_AT) } else { last[0].clone() };
            let tally = self.0.entry(fingerprint(&id)).or_default();
            tally.said = Some(fingerprint(&(members.get(POST_COUNT).unwrap_or_default(), &*last[0], &*last[1])));
            tally.is_listed = text(LAST_ACTIVITY_AT) == listed;
        } else if table.name == post::TABLE.name && activity::counts(item) {
            let tally = self.0.entry(fingerprint(&id)).or_default();
            tally.posts += 1;
            let last = (text(CREATED_AT), text(post::TABLE.hash));
            if tally.last.as_ref().is_none_or(|(at, id)| (&**at, &**id) < (&*last.0, &*last.1)) {
                tally.last = Some((last.0.into(), last.1.into()));
            }
        }
    }

    /// Threads that do not say what their posts do, once both tables were seen.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn findings(self, scanner: &Scanner) -> Result<Vec<Finding>> {
        let suspects: HashSet<u64> =
            self.0.into_iter().filter(|(_, tally)| tally.is_suspect()).map(|(thread, _)| thread).collect();
        let mut findings = Vec::new();
        if suspects.is_empty() {
            return Ok(findings);
        }
        let starts = (0..scanner.segments).map(|segment| (segment, None));
        let mut batches = scanner.batches_from(&thread::TABLE, starts, Some(Vec::new()));
        while let Some(batch) = batches.next().await? {
            for id in batch.items.iter().filter_map(|item| item.text(thread::TABLE.hash)) {
                if suspects.contains(&fingerprint(&id)) {
                    findings.extend(activity::check(&*scanner.store, &id).await?);
                }
            }
        }
        Ok(findings)
    }
}

impl Tally {
    fn is_suspect(&self) -> bool {
        let (at, id) = self.last.as_ref().map_or(("", ""), |(at, id)| (&**at, &**id));
        let expected = fingerprint(&(self.posts.to_string().as_str(), at, id));
        self.said.is_some_and(|said| said != expected || !self.is_listed)
    }
}
