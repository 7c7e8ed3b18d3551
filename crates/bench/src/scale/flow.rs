//! What each request takes of which table and index, by which key.

use capacity::operations::usual_indexes;
use db_adapter::Table;
use db_adapter::forum::activity::KEPT;
use db_adapter::forum::{post, thread, user};
use db_adapter::schema::{Index, TOUCH_ID};

use super::partition::Units;
use super::published::{read_units, write_units};
use crate::data::{Forum, Texts};
use crate::scenario::mixed::{Kind, LIMIT};

/// The average length of what a post says, in bytes. Lengths are distributed exponentially: few are long.
pub(super) const CONTENT: f64 = 400.0;
/// The length of an id, a time or a count beside the name of its attribute.
const VALUE: f64 = 30.0;

/// By what the partition key of a table or an index tells items apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Each item has its own, and none is asked for more than another.
    Item,
    /// Every item has the same.
    Constant,
    /// A thread, some of which everybody reads.
    Thread,
    /// A user, some of whom do more than others.
    User,
}

/// What one request takes of a table or an index.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flow {
    pub(super) table: &'static Table,
    /// `None` is the table itself.
    pub(super) index: Option<&'static Index>,
    pub(super) by: By,
    pub(super) units: Units,
    /// Does it go to one place of the key's items: to one item, or to the newest or first ones?
    pub(super) is_spot: bool,
    /// May a cache serve it?
    pub(super) is_cached: bool,
}

/// Sizes of items, on average.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) user: f64,
    pub(super) thread: f64,
    pub(super) post: f64,
    /// Write units of a post.
    post_writes: f64,
}

impl Sizes {
    /// Those of the items that are served when the benchmark measures, with posts of more lengths.
    pub(super) fn of_items() -> Self {
        const SAMPLES: u32 = 1_000;
        let forum = Forum { users: 1, threads: 1, posts: 1, crowd: 0 };
        let content =
            |texts: &Texts| texts.iter().filter(|(name, _)| *name == "content").map(|(_, text)| text.len() as f64).sum::<f64>();
        let post = forum.post(0);
        let bare = bytes(&post) - content(&post);
        let lengths = (0..SAMPLES).map(|at| -CONTENT * (1.0 - (f64::from(at) + 0.5) / f64::from(SAMPLES)).ln());
        let kept: f64 = KEPT.iter().chain([&TOUCH_ID, &"feed"]).map(|name| name.len() as f64 + VALUE).sum();
        Self {
            user: bytes(&forum.user(0)),
            thread: bytes(&forum.thread(0)) + kept,
            post: bare + CONTENT,
            post_writes: lengths.map(|length| write_units(bare + length)).sum::<f64>() / f64::from(SAMPLES),
        }
    }

    /// Items so small that each takes one unit.
    #[cfg(test)]
    fn least() -> Self {
        Self { user: 100.0, thread: 100.0, post: 100.0, post_writes: 1.0 }
    }

    /// What the requests take.
    pub(super) fn flows(&self, kind: Kind) -> Vec<Flow> {
        let page = |bytes: f64| read_units(bytes * LIMIT as f64);
        match kind {
            Kind::Thread => vec![read(&thread::TABLE, None, By::Thread, read_units(self.thread))],
            Kind::User => vec![read(&user::TABLE, None, By::User, read_units(self.user))],
            Kind::PostsOfThread => vec![read(&post::TABLE, Some("ThreadIndex"), By::Thread, page(self.post))],
            Kind::NewestThreads => vec![read(&thread::TABLE, Some("ActivityIndex"), By::Constant, page(self.thread))],
            Kind::NewPost => {
                let mut flows = written(&post::TABLE, self.post_writes, true);
                flows.push(uncached(read(&thread::TABLE, None, By::Thread, read_units(self.thread))));
                flows.push(uncached(read(&user::TABLE, None, By::User, read_units(self.user))));
                flows.extend(self.touch());
                flows
            }
            Kind::NewThread => {
                let mut flows = written(&thread::TABLE, write_units(self.thread), true);
                flows.push(uncached(read(&user::TABLE, None, By::User, read_units(self.user))));
                flows
            }
            Kind::EditedThread => written(&thread::TABLE, write_units(self.thread), false),
        }
    }

    /// A thread that is told of a new post. The index by activity loses an entry and gains the newest one; the others change one in place.
    fn touch(&self) -> Vec<Flow> {
        let units = write_units(self.thread);
        let mut flows = written(&thread::TABLE, units, false);
        for flow in &mut flows {
            if flow.index.is_some_and(|index| index.name == "ActivityIndex") {
                (flow.units.writes, flow.is_spot) = (2.0 * units, true);
            }
        }
        flows
    }
}

/// An item that is written, and its copies: a new one is the newest of each index, another is in some place of it.
fn written(table: &'static Table, units: f64, is_new: bool) -> Vec<Flow> {
    let units = Units { reads: 0.0, writes: units };
    let by = match is_new {
        true => By::Item,
        false if table.name == thread::TABLE.name => By::Thread,
        false => By::User,
    };
    let mut flows = vec![Flow { table, index: None, by, units, is_spot: true, is_cached: false }];
    flows.extend(usual_indexes(table).map(|index| Flow {
        table,
        index: Some(index),
        by: by_key(table, index),
        units,
        is_spot: is_new,
        is_cached: false,
    }));
    flows
}

fn read(table: &'static Table, index: Option<&str>, by: By, reads: f64) -> Flow {
    let index = index.and_then(|name| table.index(name));
    Flow { table, index, by, units: Units { reads, writes: 0.0 }, is_spot: true, is_cached: true }
}

fn uncached(flow: Flow) -> Flow {
    Flow { is_cached: false, ..flow }
}

/// What the hash part of an index is.
fn by_key(table: &Table, index: &Index) -> By {
    let refers_to = |target: &Table| {
        table.attribute(index.hash).and_then(|known| known.references).is_some_and(|known| known.name == target.name)
    };
    match &table.constant {
        Some(constant) if constant.attribute == index.hash => By::Constant,
        _ if refers_to(&thread::TABLE) => By::Thread,
        _ if refers_to(&user::TABLE) => By::User,
        _ => By::Item,
    }
}

/// The size of an item: the lengths of names and values.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
fn bytes(texts: &Texts) -> f64 {
    texts.iter().map(|(name, text)| (name.len() + text.len()) as f64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use capacity::operations;

    /// What `forum cost` prices, and the cost tests of db-adapter count on a real store.
    #[test]
    fn requests_take_what_their_operations_do() {
        for (kind, name) in [
            (Kind::Thread, "get"),
            (Kind::User, "get"),
            (Kind::NewPost, "create-post"),
            (Kind::NewThread, "create-thread"),
            (Kind::EditedThread, "update-thread"),
        ] {
            let operation = operations::named(name).unwrap();
            let sum = Sizes::least().flows(kind).iter().map(|flow| flow.units).fold(Units::default(), Units::plus);
            let expected = Units { reads: operation.reads, writes: operation.writes + operation.index_writes };
            assert_eq!(sum, expected, "{name}");
        }
    }

    #[test]
    fn keys_are_those_of_the_tables() {
        let by = |table: &'static Table, name: &str| by_key(table, table.index(name).unwrap());
        assert_eq!(by(&thread::TABLE, "ActivityIndex"), By::Constant);
        assert_eq!(by(&thread::TABLE, "UserIndex"), By::User);
        assert_eq!(by(&post::TABLE, "ThreadIndex"), By::Thread);
        assert_eq!(by(&user::TABLE, "EmailIndex"), By::Item);
    }

    #[test]
    fn a_post_takes_two_units_of_the_newest_end_of_activity() {
        let flows = Sizes::of_items().flows(Kind::NewPost);
        let activity = flows.iter().find(|flow| flow.index.is_some_and(|index| index.name == "ActivityIndex")).unwrap();
        assert_eq!((activity.units.writes, activity.is_spot, activity.by), (2.0, true, By::Constant));
    }
}
