//! Random operations on few keys, so that they meet.

use std::collections::{BTreeMap, BTreeSet};

use db_adapter::forum::{self, TABLES, post, thread, user};
use db_adapter::{Key, Order, Segment, Table, Value};
use proptest::prelude::*;
use proptest::strategy::Union;

use crate::value::{Content, Contents, any_value, contents, long_text, long_text_of_update, tick, unknown_name};

#[derive(Debug, Clone)]
pub enum Operation {
    Get {
        table: &'static str,
        key: Key,
        attributes: Option<Vec<String>>,
    },
    GetMany {
        keys: Vec<(&'static str, Key)>,
        attributes: Option<Vec<String>>,
    },
    Create {
        table: &'static str,
        contents: Contents,
    },
    Update {
        table: &'static str,
        key: Key,
        set: Contents,
        remove: BTreeSet<String>,
        expected: Expected,
        only_if: BTreeMap<String, Option<Value>>,
        activity: Activity,
    },
    Delete {
        table: &'static str,
        key: Key,
        expected: Expected,
    },
    Load {
        table: &'static str,
        items: Vec<Contents>,
    },
    Query {
        asked: Asked,
        limit: usize,
        pages: usize,
    },
    /// The query before goes on, maybe after its items have changed, with the cursors of the other backend.
    GoOn {
        limit: usize,
    },
    /// That query's cursor in another list, or altered.
    Misuse {
        other: Box<Asked>,
        flip: Option<usize>,
    },
    Scan {
        table: &'static str,
        limit: usize,
        segments: Option<u32>,
        attributes: Option<Vec<String>>,
    },
    /// One of the JSON store's processes ends and starts again, or all do.
    Restart {
        all: bool,
    },
    Check {
        table: &'static str,
    },
    /// Time goes on, so that some items end.
    Advance {
        seconds: i64,
    },
}

/// What an update does beside setting and removing: to a thread's number of posts, and to its last post.
#[derive(Debug, Clone, Default)]
pub struct Activity {
    pub add: Option<i64>,
    pub advance: Option<(u64, &'static str)>,
    pub touch: bool,
}

/// A list of an index.
#[derive(Debug, Clone)]
pub struct Asked {
    pub table: &'static str,
    pub index: &'static str,
    pub partition: String,
    pub order: Order,
    pub from: Option<String>,
    pub to: Option<String>,
    pub attributes: Option<Vec<String>>,
}

/// The tag that a write expects, from the item as it is.
#[derive(Debug, Clone, Copy)]
pub enum Expected {
    Nothing,
    Current,
    /// Of an earlier version.
    Older,
    /// Of another write.
    Foreign,
    /// Of an item that has none.
    Zero,
}

/// The table of that name.
pub fn named(table: &str) -> &'static Table {
    forum::table(table).unwrap()
}

/// What there is of every table. Made once: making strategies anew for each value, as with `prop_flat_map`, takes most of the time.
fn of_tables<S: Strategy + 'static>(make: impl Fn(&'static Table) -> S) -> Union<BoxedStrategy<S::Value>> {
    Union::new(TABLES.map(|table| make(table).boxed()))
}

fn half(usual: &'static [&'static str], limit: usize) -> impl Strategy<Value = String> {
    let odd = ["", "ü", "a b", "a\u{1}", "a\0b", "email#x", "#", "\u{10ffff}"].map(str::to_owned).into_iter();
    let odd: Vec<_> = odd.chain([limit, limit + 1].map(|bytes| "k".repeat(bytes))).collect();
    prop_oneof![40 => prop::sample::select(usual.to_vec()).prop_map(str::to_owned), 1 => prop::sample::select(odd)]
}

fn key(table: &'static Table) -> impl Strategy<Value = Key> {
    let hash = half(&["1", "2", "3", "4", "5", "6", "10"], 2048);
    let range = half(&["t1", "t2", "t", "t10"], 1024);
    let missing = if table.range.is_some() { 0.05 } else { 0.98 };
    (hash, prop::option::weighted(1.0 - missing, range)).prop_map(|(hash, range)| Key { hash, range })
}

fn key_contents(table: &'static Table) -> impl Strategy<Value = Contents> {
    key(table).prop_map(|key| {
        let is = |text: String| Content::Is(Value::String(text));
        let range = table.range.zip(key.range).map(|(name, value)| (name.to_owned(), is(value)));
        std::iter::once((table.hash.to_owned(), is(key.hash))).chain(range).collect()
    })
}

fn settable(table: &'static Table) -> Vec<(&'static str, f64)> {
    let probability = |name| match name {
        "createdAt" | "email" => 0.9,
        "userId" | "title" | "name" => 0.8,
        "content" | "description" | "bio" => 0.6,
        "expiresAt" | "lastActivityAt" | "postCount" | "lastPostAt" | "lastPostId" => 0.3,
        _ => 0.05,
    };
    table.attributes.iter().filter(|known| !table.is_key(known.name)).map(|known| (known.name, probability(known.name))).collect()
}

fn item(table: &'static Table) -> impl Strategy<Value = Contents> {
    (key_contents(table), contents(table, settable(table), long_text)).prop_map(|(key, rest)| [key, rest].concat())
}

fn names(table: &'static Table) -> impl Strategy<Value = String> {
    let known: Vec<_> = table.attributes.iter().map(|known| known.name.to_owned()).collect();
    prop_oneof![3 => prop::sample::select(known), 1 => unknown_name()]
}

fn projection(table: &'static Table) -> impl Strategy<Value = Option<Vec<String>>> {
    prop::option::weighted(0.3, prop::collection::vec(names(table), 0..4))
}

fn expected() -> impl Strategy<Value = Expected> {
    prop_oneof![
        4 => Just(Expected::Nothing),
        4 => Just(Expected::Current),
        1 => Just(Expected::Older),
        1 => Just(Expected::Foreign),
        1 => Just(Expected::Zero),
    ]
}

fn update(table: &'static Table) -> impl Strategy<Value = Operation> {
    let few = settable(table).into_iter().map(|(name, probability)| (name, probability * 0.4)).collect();
    let set = prop_oneof![40 => contents(table, few, long_text_of_update), 1 => item(table)];
    let removable: Vec<_> =
        settable(table).into_iter().filter(|(_, probability)| *probability > 0.1).map(|(name, _)| name).collect();
    let name = prop_oneof![12 => prop::sample::select(removable).prop_map(str::to_owned), 4 => unknown_name(), 1 => names(table)];
    let remove = prop::option::weighted(0.3, prop::collection::btree_set(name, 1..3)).prop_map(Option::unwrap_or_default);
    let value = prop_oneof![4 => Just(None), 2 => Just(Some(Value::from("u1"))), 1 => any_value().prop_map(Some)];
    let only_if = prop::option::weighted(0.2, prop::collection::btree_map(names(table), value, 1..3));
    let parts = (key(table), set, remove, expected(), only_if, activity(table), prop::bool::weighted(0.95));
    parts.prop_map(|(key, set, mut remove, expected, only_if, activity, disjoint)| {
        let only_if = only_if.unwrap_or_default();
        if disjoint {
            remove.retain(|name| !set.iter().any(|(set, _)| set == name));
        }
        Operation::Update { table: table.name, key, set, remove, expected, only_if, activity }
    })
}

fn activity(table: &'static Table) -> impl Strategy<Value = Activity> {
    let number = prop_oneof![4 => -3..4_i64, 1 => prop::sample::select(vec![i64::MIN, i64::MAX])];
    let last = (0..20_u64, prop::sample::select(vec!["a", "b", "c"]));
    let share = if table.name == thread::TABLE.name { 0.4 } else { 0.02 };
    let some = (prop::option::of(number), prop::option::of(last), prop::bool::weighted(0.7));
    let some = some.prop_map(|(add, advance, touch)| Activity { add, advance, touch });
    prop::option::weighted(share, some).prop_map(Option::unwrap_or_default)
}

fn limit() -> impl Strategy<Value = usize> {
    prop_oneof![6 => 1..4_usize, 2 => Just(100), 1 => Just(0), 1 => Just(usize::MAX)]
}

fn bound() -> impl Strategy<Value = Option<String>> {
    let odd =
        vec![String::new(), "2026".to_owned(), "\0".to_owned(), "2026-01-01T1\0".to_owned(), "z".repeat(1024), "z".repeat(1025)];
    let bound = prop_oneof![12 => (0..400_u64).prop_map(tick), 1 => prop::sample::select(odd)];
    prop::option::weighted(0.3, bound)
}

fn asked() -> impl Strategy<Value = Asked> {
    let lists: Vec<_> = TABLES.into_iter().flat_map(|table| table.indexes.iter().map(move |index| (table, index))).collect();
    Union::new(lists.into_iter().map(|(table, index)| {
        let partitions: &[&str] = match index.hash {
            "email" => &["ann@x.org", "Ann@X.org", "bob@x.org", "eve@x.org", "dan@x.org"],
            "feed" => &[thread::FEED],
            "userId" => &["u0", "u1", "ü"],
            _ => &["t1", "t2", "t", "t10"],
        };
        let order = prop::sample::select(vec![Order::Ascending, Order::Descending]);
        (half(partitions, 2048), order, bound(), bound(), projection(table)).prop_map(
            move |(partition, order, from, to, attributes)| Asked {
                table: table.name,
                index: index.name,
                partition,
                order,
                from,
                to,
                attributes,
            },
        )
    }))
}

/// One operation.
pub fn operation() -> impl Strategy<Value = Operation> {
    let get = of_tables(|table| {
        (key(table), projection(table)).prop_map(|(key, attributes)| Operation::Get { table: table.name, key, attributes })
    });
    let any_key = || of_tables(|table| key(table).prop_map(|key| (table.name, key)));
    let numbered = |number: usize| (user::TABLE.name, Key::hash(number.to_string()));
    let many = prop_oneof![
        12 => prop::collection::vec(any_key(), 0..9),
        1 => prop::sample::select(vec![100, 101_usize]).prop_map(move |count| (0..count).map(numbered).collect()),
    ];
    let get_many = (many, projection(&post::TABLE)).prop_map(|(keys, attributes)| Operation::GetMany { keys, attributes });
    let create = of_tables(|table| item(table).prop_map(|contents| Operation::Create { table: table.name, contents }));
    let delete = of_tables(|table| {
        (key(table), expected()).prop_map(|(key, expected)| Operation::Delete { table: table.name, key, expected })
    });
    let load = of_tables(|table| {
        prop::collection::vec(item(table), 0..6).prop_map(|items| Operation::Load { table: table.name, items })
    });
    let query = (asked(), limit(), 1..40_usize).prop_map(|(asked, limit, pages)| Operation::Query { asked, limit, pages });
    let go_on = limit().prop_map(|limit| Operation::GoOn { limit });
    let misuse =
        (asked(), prop::option::of(any::<usize>())).prop_map(|(other, flip)| Operation::Misuse { other: Box::new(other), flip });
    let scan = of_tables(|table| {
        (limit(), prop::option::weighted(0.4, 1..4_u32), projection(table))
            .prop_map(|(limit, segments, attributes)| Operation::Scan { table: table.name, limit, segments, attributes })
    });
    let check = of_tables(|table| Just(Operation::Check { table: table.name }));
    prop_oneof![
        6 => get,
        4 => get_many,
        24 => create,
        20 => of_tables(update),
        8 => delete,
        6 => load,
        14 => query,
        4 => go_on,
        2 => misuse,
        5 => scan,
        1 => any::<bool>().prop_map(|all| Operation::Restart { all }),
        1 => check,
        2 => (1..40_i64).prop_map(|seconds| Operation::Advance { seconds }),
    ]
}

/// Every segment of so many.
pub fn segments(of: Option<u32>) -> Vec<Option<Segment>> {
    match of {
        None => vec![None],
        Some(of) => (0..of).map(|number| Some(Segment { number, of })).collect(),
    }
}
