//! The page on the data model, compared with the declarations, and followed by a program that knows nothing else.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may fail so")]

mod place;

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue::S;
use db_adapter::Table;
use db_adapter::forum::{RESERVED_IDS, TABLES, thread, user};
use db_adapter::schema::Kind;

use place::Place;

const PAGE: &str = include_str!("../../../docs/data-model.md");

/// The text below a heading, up to the next one.
fn section(heading: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("# {heading}\n")).unwrap_or_else(|| panic!("no section {heading}"));
    rest.split_once("\n#").map_or(rest, |(section, _)| section)
}

/// The texts in backticks.
fn code(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The rows of the section's table: the attributes, the type and the rest. `as of users` is looked up there.
fn rows(heading: &str) -> Vec<(&'static str, &'static str, &'static str)> {
    let lines = section(heading).lines().filter(|line| line.starts_with("| `"));
    let mut rows = Vec::new();
    for line in lines {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        for name in code(cells[0]) {
            match cells[2] {
                "as of users" => rows.extend(self::rows("users").into_iter().filter(|(known, ..)| *known == name)),
                rest => rows.push((name, cells[1], rest)),
            }
        }
    }
    rows
}

#[test]
fn the_page_lists_every_attribute_and_no_other() {
    for table in TABLES {
        let rows = rows(table.name);
        let named: BTreeSet<_> = rows.iter().map(|(name, ..)| *name).collect();
        let declared: BTreeSet<_> = table.attributes.iter().map(|known| known.name).collect();
        assert_eq!(named, declared, "{}", table.name);
        for (name, r#type, rest) in rows {
            let known = table.attribute(name).unwrap();
            let expected = if known.kind == Kind::Count { "number" } else { "string" };
            assert_eq!(r#type, expected, "{} of {}", name, table.name);
            let (is_needed, says_so) = (is_needed(table, name), rest.contains("always") && name != "feed");
            assert_eq!(says_so, is_needed, "{name} of {}: {rest}", table.name);
            let target = known.references.map(|target| format!("the id of a {}", target.singular));
            assert!(target.is_none_or(|target| rest.contains(&target)), "{name} of {}: {rest}", table.name);
            let key = if name == table.hash { "the partition key" } else { "the sort key" };
            assert_eq!(rest.contains(key), table.is_key(name), "{name} of {}: {rest}", table.name);
        }
    }
}

/// Is an item without the attribute broken?
fn is_needed(table: &'static Table, name: &str) -> bool {
    let whole = table.attributes.iter().map(|known| {
        let constant = table.constant.as_ref().filter(|constant| constant.attribute == known.name);
        let value = match (constant, known.kind) {
            (Some(constant), _) => constant.value.into(),
            (None, Kind::Count) => db_adapter::Value::from(1),
            (None, _) if known.time || ["createdAt", "updatedAt"].contains(&known.name) => "2026-01-01T00:00:00.000Z".into(),
            (None, _) => "text".into(),
        };
        (known.name.to_owned(), value)
    });
    let mut item: db_adapter::Attributes = whole.collect();
    assert!(table.check(&item).is_ok(), "{}", table.name);
    item.remove(name);
    table.check(&item).is_err()
}

#[test]
fn the_page_names_every_reserved_id() {
    let ids = section("Ids");
    assert_eq!(RESERVED_IDS.iter().filter(|id| !ids.contains(&format!("`{id}`"))).count(), 0, "{ids}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_keeps_to_the_page_is_served_as_the_forum_itself() {
    let s = |text: &str| S(text.to_owned());
    let time = || ("createdAt", s(code(section("Times"))[0]));
    let place = Place::dynamodb().await;
    let claim = code(section("Claims")).into_iter().find(|text| text.starts_with("email#") && text.contains('@')).unwrap();
    let email = claim.strip_prefix("email#").unwrap();
    let ann = [("userId", s("ann")), ("name", s("Ann")), ("email", s(email)), time()];
    place.put_raw(&user::TABLE, &ann).await;
    place.put_raw(&thread::TABLE, &[("threadId", s("t")), ("title", s("T")), ("feed", s("threads")), time()]).await;
    let unprotected = place.run(&["verify"]);
    assert!(unprotected.stdout.contains("there is no claim on its email"), "{}", unprotected.stdout);
    place.put_raw(&user::TABLE, &[("userId", s(claim)), ("owner", s("ann"))]).await;
    place.done(&["verify", "--strict"]);
}
