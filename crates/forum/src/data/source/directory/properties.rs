//! Whatever is read, nothing that is known by another name is dropped.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::nested::Nested;
use super::record::Mapper;
use super::rules::Rules;
use super::{Authors, Directory, Mapped, ReadingArguments};
use db_adapter::forum::{TABLES, post, thread, user};
use db_adapter::schema::CREATED_AT;
use db_adapter::{Table, Value};

/// How the files lie.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Arrays,
    Together,
    Keyed,
    Lines,
    Mongo,
    Dynamo,
    Nested,
}

/// A name of the attribute, in some spelling.
fn name(table: &'static Table, ours: &'static str) -> impl Strategy<Value = String> + use<> {
    let known = table.attribute(ours).unwrap();
    let names: Vec<_> = std::iter::once(&known.name).chain(known.formerly).copied().collect();
    (prop::sample::select(names), 0..5_u8).prop_map(|(name, spelling)| match spelling {
        0 => name.to_owned(),
        1 => name.to_uppercase(),
        2 => name.replace('_', "-"),
        3 => name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect(),
        _ => name.replace('_', ""),
    })
}

fn shape() -> impl Strategy<Value = Shape> {
    prop::sample::select(vec![
        Shape::Arrays,
        Shape::Together,
        Shape::Keyed,
        Shape::Lines,
        Shape::Mongo,
        Shape::Dynamo,
        Shape::Nested,
    ])
}

/// A value as DynamoDB JSON has it.
fn typed(value: &Json) -> Json {
    match value {
        Json::Object(map) => {
            map.iter().map(|(name, value)| (name.clone(), json!({"S": value}))).collect::<serde_json::Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

fn write(folder: &Path, shape: Shape, [users, threads, posts]: [&[Json]; 3], thread_name: &str) {
    let file = |name: &str, text: String| fs::write(folder.join(name), text).unwrap();
    let lines = |records: &[Json], form: fn(&Json) -> Json| {
        records.iter().map(|record| format!("{}\n", form(record))).collect::<String>()
    };
    let keyed = |records: &[Json]| -> Json {
        records
            .iter()
            .enumerate()
            .map(|(at, record)| (format!("k{at}"), record.clone()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    match shape {
        Shape::Together => file("db.json", json!({"users": users, "topics": threads, "replies": posts}).to_string()),
        Shape::Keyed => file("db.json", json!({"data": {"users": users, "threads": threads, "posts": keyed(posts)}}).to_string()),
        Shape::Nested => {
            let mut threads = threads.to_vec();
            let inside = posts.iter().cloned().map(|mut post| {
                post.as_object_mut().unwrap().remove(thread_name);
                post
            });
            threads[0]["comments"] = json!(inside.collect::<Vec<_>>());
            file("db.json", json!({"users": users, "threads": threads}).to_string());
        }
        Shape::Arrays | Shape::Lines | Shape::Mongo | Shape::Dynamo => {
            for (name, records) in [("users", users), ("threads", threads), ("posts", posts)] {
                let text = match shape {
                    Shape::Lines => lines(records, Json::clone),
                    Shape::Dynamo => lines(records, |record| json!({"Item": typed(record)})),
                    Shape::Mongo => lines(records, |record| {
                        let mut record = record.clone();
                        let own = record.as_object_mut().unwrap();
                        let id = own.remove("id").unwrap();
                        own.insert("_id".to_owned(), json!({"$oid": id}));
                        record
                    }),
                    _ => json!(records).to_string(),
                };
                file(&format!("{name}.json"), text);
            }
        }
    }
}

fn read(directory: &Directory, table: &'static Table) -> Vec<Json> {
    let mut items = Vec::new();
    directory
        .records(table, &mut |_, mapped| {
            if let Mapped::Record(record) = mapped.unwrap() {
                items.push(serde_json::from_str(record.item.as_json()).unwrap());
            }
            Ok(true)
        })
        .unwrap();
    items
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_is_known_arrives_under_every_name_and_in_every_shape(
        shape in shape(),
        (author, text, time) in (name(&thread::TABLE, "userId"), name(&thread::TABLE, "description"), name(&thread::TABLE, CREATED_AT)),
        (by, content, at) in (name(&post::TABLE, "userId"), name(&post::TABLE, "content"), name(&post::TABLE, CREATED_AT)),
        of in name(&post::TABLE, "threadId"),
        handle in name(&user::TABLE, "username"),
        bio in name(&user::TABLE, "bio"),
        count in 1_usize..4,
    ) {
        let users = [json!({"id": "u1", handle: "ann", bio: "about Ann"})];
        let threads = [json!({"id": "t1", "title": "T", author: "u1", text: "More", time: "2024-11-23 10:00:00+00"})];
        let posts: Vec<_> = (0..count).map(|n| {
            json!({"id": format!("p{n}"), &of: "t1", &by: "ann", &content: format!("post {n}"), &at: "2024-11-23T12:00+02:00"})
        }).collect();
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), shape, [&users, &threads, &posts], &of);
        let directory = Directory::open(folder.path(), &TABLES, &ReadingArguments::default()).unwrap();
        let users = read(&directory, &user::TABLE);
        prop_assert_eq!((&users[0]["userId"], &users[0]["username"], &users[0]["bio"]), (&json!("u1"), &json!("ann"), &json!("about Ann")));
        let threads = read(&directory, &thread::TABLE);
        prop_assert_eq!((&threads[0]["threadId"], &threads[0]["userId"]), (&json!("t1"), &json!("u1")));
        prop_assert_eq!((&threads[0]["description"], &threads[0]["createdAt"]), (&json!("More"), &json!("2024-11-23T10:00:00.000Z")));
        let posts = read(&directory, &post::TABLE);
        prop_assert_eq!(posts.len(), count);
        for (n, post) in posts.iter().enumerate() {
            prop_assert_eq!((&post["postId"], &post["threadId"], &post["userId"]), (&json!(format!("p{n}")), &json!("t1"), &json!("u1")));
            prop_assert_eq!((&post["content"], &post["createdAt"]), (&json!(format!("post {n}")), &json!("2024-11-23T10:00:00.000Z")));
            prop_assert_eq!(post.as_object().unwrap().len(), 7, "{}", post);
        }
    }

    /// Every value of a record is in the item, or the record is refused; and none lacks an author, a time or a text that it has
    /// under a name that says so.
    #[test]
    fn no_value_is_lost(
        table in prop::sample::select(TABLES.to_vec()),
        names in prop::collection::vec(prop_oneof![
            "[a-z]{1,8}",
            prop::sample::select(vec![
                "author", "Author_Id", "writer", "postedBy", "opener", "user", "username", "createdBy", "by", "body", "html", "rawText",
                "message", "content", "description", "date", "created", "posted_on", "published", "when", "contact", "mail", "subject",
                "heading", "threadId", "topic", "parent", "id", "_id", "name", "title", "bio", "nick", "signature", "author.name",
            ]).prop_map(str::to_owned),
        ], 1..7),
        times in prop::collection::vec(any::<bool>(), 7),
        objects in prop::collection::vec(0..4_u8, 7),
    ) {
        let mut record = serde_json::Map::new();
        let mut tokens = Vec::new();
        for (at, name) in names.into_iter().enumerate() {
            let token = format!("v{at}z");
            let value = if times[at] { json!(format!("2024-11-23T10:00:0{at}Z")) } else { json!(token) };
            let value = if objects[at] == 0 { json!({"id": value, "more": format!("m{at}z")}) } else { value };
            if objects[at] == 0 {
                tokens.push(format!("m{at}z"));
            }
            tokens.push(if times[at] { format!("10:00:0{at}") } else { token });
            record.insert(name, value);
        }
        for known in table.attributes.iter().filter(|known| ["title", "name", "content", "threadId"].contains(&known.name)) {
            record.entry(known.name).or_insert_with(|| json!("needed"));
        }
        let before: Vec<_> = record.values().map(Json::to_string).collect();
        let mut mapper = Mapper::new(table, Arc::new(Rules::default()), Nested::Posts, Authors::Kept);
        if let Ok(Mapped::Record(read)) = mapper.next(&Json::from(record.clone()).to_string(), None) {
            let item = read.item.as_json();
            for token in tokens.iter().filter(|token| before.iter().any(|value| value.contains(*token))) {
                prop_assert!(item.contains(token), "{} is lost: {:?} became {}", token, record, item);
            }
            for (name, value) in read.item.attributes().unwrap() {
                let is_time = value.as_str().is_some_and(|text| text.starts_with("2024-11-23T10:00:0"));
                let is_unknown = table.attribute(&name).is_none();
                prop_assert!(!(read.notes.derived_time && is_time && is_unknown), "{} is a time: {:?} became {}", name, record, item);
                let says_author = is_unknown && ["writer", "postedBy", "opener", "createdBy", "author"].contains(&name.as_str());
                let lacks_author = table.attribute("userId").is_some_and(|known| known.references.is_some()) && read.item.text("userId").is_none();
                prop_assert!(!(says_author && lacks_author && matches!(value, Value::String(_))), "{:?} became {}", record, item);
            }
        }
    }
}
