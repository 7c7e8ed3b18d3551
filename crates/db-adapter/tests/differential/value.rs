//! Random attributes. What is long is kept as its length, so that a failing sequence can be read.

use std::collections::BTreeSet;

use db_adapter::{Attributes, Number, Table, Value, check_size};
use proptest::prelude::*;

use crate::moved_clock::MovedClock;

/// The value of an attribute, to be made when it is stored.
#[derive(Debug, Clone)]
pub enum Content {
    Is(Value),
    /// The next tick of the test's clock: no two are equal.
    Tick,
    /// A tick in so many bytes.
    LongTick(usize),
    /// So many bytes of text.
    Text(usize),
    /// Text that makes a new item as large as an item may be, and so many bytes more.
    Fill(isize),
}

pub type Contents = Vec<(String, Content)>;

/// A clock whose ticks are all different, and in no order.
#[derive(Debug, Default)]
pub struct Clock(u64);

impl Clock {
    fn tick(&mut self) -> String {
        self.0 += 1;
        tick(self.0)
    }
}

/// A time of the clock; any number is one.
pub fn tick(number: u64) -> String {
    const PRIME: u64 = 86_399;
    let second = number * 52_711 % PRIME;
    format!("2026-01-{:02}T{:02}:{:02}:{:02}.000Z", 1 + number / PRIME, second / 3600, second / 60 % 60, second % 60)
}

/// The attributes with values.
pub fn make(contents: &Contents, table: &'static Table, clock: &mut Clock) -> Attributes {
    let mut attributes = Attributes::new();
    for (name, content) in contents {
        let value = match content {
            Content::Is(value) => value.clone(),
            Content::Tick => Value::String(clock.tick()),
            Content::LongTick(bytes) => Value::String(format!("{:z<bytes$}", clock.tick())),
            Content::Text(bytes) => Value::String("x".repeat(*bytes)),
            Content::Fill(_) => Value::String(String::new()),
        };
        attributes.insert(name.clone(), value);
    }
    for (name, content) in contents {
        if let Content::Fill(more) = content {
            let room = room(&attributes, table).saturating_add_signed(*more);
            attributes.insert(name.clone(), Value::String("x".repeat(room)));
        }
    }
    attributes
}

/// Bytes that a new item of these attributes has left, with what the store adds.
fn room(attributes: &Attributes, table: &'static Table) -> usize {
    let mut stored = attributes.clone();
    stored.insert("version".to_owned(), Value::from(1));
    stored.insert("writeId".to_owned(), Value::String("w".repeat(32)));
    table.add_constant(&mut stored);
    let (mut fits, mut too_large) = (0, 500_000);
    while too_large - fits > 1 {
        let middle = (fits + too_large) / 2;
        stored.insert("room".to_owned(), Value::String("x".repeat(middle)));
        match check_size(&stored) {
            Ok(()) => fits = middle,
            Err(_) => too_large = middle,
        }
    }
    // The measuring attribute's own name is not there in the end.
    fits + "room".len()
}

fn text(text: impl Into<String>) -> Content {
    Content::Is(Value::String(text.into()))
}

/// Names that no version of the schema knows.
pub fn unknown_name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["x", "size", "a.b", "#n0", ":v0", "$B", "tags[0]", "ü", " ", "\"", "\\", "owner", "feed", "a\0b"])
        .prop_map(str::to_owned)
}

fn number() -> impl Strategy<Value = Number> {
    let spelled = prop_oneof![
        "-?[0-9]{1,38}",
        "-?[0-9]{1,20}\\.[0-9]{1,18}",
        "-?[1-9]e-?1[0-2][0-9]",
        Just("0".to_owned()),
        Just("-0.0".to_owned()),
        Just("1e125".to_owned()),
        Just("9.9999999999999999999999999999999999999e125".to_owned()),
        Just("1e-130".to_owned()),
    ];
    spelled.prop_filter_map("a number of DynamoDB", |text| Number::parse(&text).ok())
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[ -~]{0,12}", 2 => "\\PC{0,6}", 1 => prop::sample::select(vec!["", "\0", "\n", "\u{7f}", "😀", "\u{feff}"]).prop_map(str::to_owned)]
}

/// Any value that can be stored.
pub fn any_value() -> impl Strategy<Value = Value> {
    let binary = || prop::collection::vec(any::<u8>(), 0..6);
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        3 => number().prop_map(Value::Number),
        3 => any_text().prop_map(Value::String),
        1 => binary().prop_map(Value::Binary),
        1 => prop::collection::btree_set(any_text(), 1..4).prop_map(Value::StringSet),
        1 => prop::collection::btree_set(number(), 1..4).prop_map(Value::NumberSet),
        1 => prop::collection::btree_set(binary(), 1..4).prop_map(Value::BinarySet),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            prop::collection::btree_map(unknown_name(), inner, 0..4).prop_map(Value::Map),
        ]
    })
}

/// A value that no backend may take.
fn unstorable() -> impl Strategy<Value = Value> {
    let deep = |levels: usize| (0..levels).fold(Value::Null, |value, _| Value::List(vec![value]));
    prop::sample::select(vec![
        Value::StringSet(BTreeSet::new()),
        Value::NumberSet(BTreeSet::new()),
        Value::BinarySet(BTreeSet::new()),
        Value::List(vec![Value::StringSet(BTreeSet::new())]),
        Value::Map([(String::new(), Value::Null)].into()),
        deep(32),
    ])
}

/// As deep as a value may be.
fn deepest() -> Value {
    (0..31).fold(Value::Null, |value, _| Value::List(vec![value]))
}

fn email() -> impl Strategy<Value = Content> {
    let long = |bytes: usize| format!("{}@x.org", "e".repeat(bytes - 6));
    prop_oneof![
        12 => prop::sample::select(vec!["ann@x.org", "Ann@X.org", " ann@x.org", "bob@x.org", "BOB@x.org\t", "eve@x.org", "dan@x.org", "ÄNN@x.org", "änn@x.org"]).prop_map(text),
        1 => prop::sample::select(vec![" ".to_owned(), String::new(), "İ@x.org".to_owned(), "#".to_owned(), "a\0b".to_owned()]).prop_map(text),
        1 => prop::sample::select(vec![long(2042), long(2043), long(2048), long(2049)]).prop_map(text),
    ]
}

fn created_at() -> impl Strategy<Value = Content> {
    prop_oneof![30 => Just(Content::Tick), 1 => Just(Content::LongTick(1024)), 1 => Just(Content::LongTick(1025))]
}

/// Long text of a new item: up to the very edge of its size, and beyond.
pub fn long_text() -> BoxedStrategy<Content> {
    prop_oneof![
        (200_000..409_400_usize).prop_map(Content::Text),
        (409_200..409_700_usize).prop_map(Content::Text),
        (-2..3_isize).prop_map(Content::Fill),
    ]
    .boxed()
}

/// Long text of an update: off the edge, as each emulator adds bytes of its own for an update's expressions.
pub fn long_text_of_update() -> BoxedStrategy<Content> {
    prop_oneof![3 => 200_000..390_000_usize, 1 => 409_600..410_000_usize].prop_map(Content::Text).boxed()
}

/// A value for an attribute that the schema knows.
fn known(table: &'static Table, name: &'static str, long_text: fn() -> BoxedStrategy<Content>) -> BoxedStrategy<Content> {
    let author = || prop::sample::select(vec!["u0", "u1", "ü"]).prop_map(text);
    let words = || prop_oneof![8 => any_text().prop_map(text), 1 => (0..2000_usize).prop_map(Content::Text)];
    let right = match name {
        "email" => email().boxed(),
        "createdAt" => created_at().boxed(),
        "userId" if !table.is_key("userId") => author().boxed(),
        "content" | "description" | "bio" => prop_oneof![30 => words(), 3 => long_text()].boxed(),
        // Items of equal sort key come in an order that each backend chooses.
        "lastActivityAt" | "pinnedAt" => Just(Content::Tick).boxed(),
        "postCount" => {
            prop::sample::select(vec![0, 1, 7, i64::MAX.unsigned_abs()]).prop_map(|count| Content::Is(Value::from(count))).boxed()
        }
        "lastPostAt" => (0..20_u64).prop_map(|second| text(tick(second))).boxed(),
        "lastPostId" => prop::sample::select(vec!["a", "b", "c"]).prop_map(text).boxed(),
        "expiresAt" => {
            (0..400_i64).prop_map(|after| Content::Is(Value::from((MovedClock::START + after).unsigned_abs()))).boxed()
        }
        // Not so large that an update could make it larger than a version may be.
        "version" => prop::sample::select(vec![0, 1, 7, 1 << 53, (1 << 63) - 1000, 1 << 63])
            .prop_map(|version| Content::Is(Value::from(version)))
            .boxed(),
        _ => words().boxed(),
    };
    // Items of equal sort key come in an order that each backend chooses.
    let is_sort_key = ["createdAt", "lastActivityAt", "pinnedAt"].contains(&name);
    let wrong = any_value().prop_filter("no tie", move |value| !is_sort_key || value.as_str().is_none_or(str::is_empty));
    prop_oneof![60 => right, 1 => wrong.prop_map(Content::Is), 1 => unstorable().prop_map(Content::Is)].boxed()
}

/// Some attributes beside the key, each with its probability.
pub fn contents(
    table: &'static Table,
    names: Vec<(&'static str, f64)>,
    long_text: fn() -> BoxedStrategy<Content>,
) -> impl Strategy<Value = Contents> {
    let known = names.into_iter().map(|(name, probability)| {
        prop::option::weighted(probability, known(table, name, long_text))
            .prop_map(move |content| content.map(|it| (name.to_owned(), it)))
    });
    let value = prop_oneof![30 => any_value(), 1 => Just(deepest()), 1 => unstorable()];
    let name = prop_oneof![60 => unknown_name(), 1 => Just(String::new())];
    let unknown = prop::collection::vec((name, value.prop_map(Content::Is)), 0..2);
    (known.collect::<Vec<_>>(), prop::option::weighted(0.3, unknown))
        .prop_map(|(known, unknown)| known.into_iter().flatten().chain(unknown.into_iter().flatten()).collect())
}
