//! Records of other programs, and the items that they become.

use super::*;
use db_adapter::forum::{post, thread};
use proptest::prelude::*;

fn convert(table: &'static Table, records: &[&str]) -> Vec<Result<Record>> {
    convert_as(table, records, Rules::default())
}

fn convert_as(table: &'static Table, records: &[&str], rules: Rules) -> Vec<Result<Record>> {
    let mut mapper = Mapper::new(table, Arc::new(rules), Nested::Posts, Authors::Kept);
    let record = |mapped| match mapped {
        Mapped::Record(record) => *record,
        left_out => panic!("{left_out:?}"),
    };
    records.iter().map(|text| mapper.next(text, None).map(record)).collect()
}

fn json(table: &'static Table, record: &str) -> String {
    convert(table, &[record]).remove(0).unwrap().item.as_json().to_owned()
}

fn refusal(table: &'static Table, record: &str) -> String {
    convert(table, &[record]).remove(0).unwrap_err().to_string()
}

/// A record that has only what is needed of its table, every attribute under its oldest name, becomes an item.
#[test]
fn every_table_is_understood_by_its_older_names() {
    for table in db_adapter::forum::TABLES {
        let needed = table.attributes.iter().filter(|known| is_needed(known) || known.name == table.hash);
        let member = |known: &Attribute| {
            let name = known.formerly.last().unwrap_or(&known.name);
            (*name, if holds_id(table, known) { serde_json::json!(7) } else { serde_json::json!("x") })
        };
        let record: std::collections::BTreeMap<_, _> = needed.map(member).collect();
        let item = json(table, &serde_json::json!(record).to_string());
        assert!(item.contains(&format!("\"{}\":\"7\"", table.hash)), "{}: {item}", table.name);
    }
}

#[test]
fn the_older_form_is_translated() {
    assert_eq!(
        json(&user::TABLE, r#"{"id":1,"username":"marceline","name":"Marceline","bio":"queen"}"#),
        r#"{"bio":"queen","createdAt":"2000-01-01T00:00:00.000Z","name":"Marceline","updatedAt":"2000-01-01T00:00:00.000Z","userId":"1","username":"marceline","version":1}"#
    );
    assert_eq!(
        json(&thread::TABLE, r#"{"id":2,"title":"Did you see?","createdBy":1}"#),
        r#"{"createdAt":"2000-01-01T00:00:00.000Z","threadId":"2","title":"Did you see?","updatedAt":"2000-01-01T00:00:00.000Z","userId":"1","version":1}"#
    );
    assert_eq!(
        json(&post::TABLE, r#"{"thread":2,"user":1,"text":"Yes"}"#),
        r#"{"content":"Yes","createdAt":"2000-01-01T00:00:00.000Z","postId":"post-1","threadId":"2","updatedAt":"2000-01-01T00:00:00.000Z","userId":"1","version":1}"#
    );
}

#[test]
fn the_form_of_the_guide_keeps_its_ids_and_times() {
    assert_eq!(
        json(
            &user::TABLE,
            r#"{"userId":"1","email":" Alice@Example.COM ","name":"Alice","createdAt":"2024-11-23T12:00:00+02:00"}"#
        ),
        r#"{"createdAt":"2024-11-23T10:00:00.000Z","email":"alice@example.com","name":"Alice","updatedAt":"2024-11-23T10:00:00.000Z","userId":"1","version":1}"#
    );
}

#[test]
fn derived_times_keep_the_order_of_the_file() {
    let records = [r#"{"id":1,"title":"a"}"#, r#"{"id":2,"title":"b","createdAt":"2024-01-01"}"#, r#"{"id":3,"title":"c"}"#];
    let times: Vec<_> =
        convert(&thread::TABLE, &records).into_iter().map(|record| record.unwrap().item.text("createdAt").unwrap()).collect();
    assert_eq!(times, ["2000-01-01T00:00:00.000Z", "2024-01-01T00:00:00.000Z", "2024-01-01T00:00:00.001Z"]);
}

#[test]
fn a_refused_record_keeps_its_place() {
    let mut records = convert(&post::TABLE, &["{}", r#"{"thread":1,"user":1,"text":"x"}"#]);
    let second = records.remove(1).unwrap();
    assert_eq!(second.key.hash, "post-2");
    assert_eq!(second.item.text("createdAt").unwrap(), "2000-01-01T00:00:00.001Z");
}

#[test]
fn what_is_blank_or_null_counts_as_absent() {
    let user = json(&user::TABLE, r#"{"id":1,"email":"  ","bio":null,"username":"u","likes":null}"#);
    assert!(!user.contains("email") && !user.contains("bio"), "{user}");
    assert!(user.contains(r#""name":"u""#) && user.contains(r#""likes":null"#), "{user}");
}

#[test]
fn the_attribute_at_fault_is_named() {
    for (table, record, named) in [
        (&user::TABLE, r#"{"id":1}"#, "name is missing"),
        (&user::TABLE, r#"{"id":"a b","name":"x"}"#, "id (userId) is \"a b\""),
        (&user::TABLE, r#"{"id":"health","name":"x"}"#, "id (userId) is \"health\""),
        (&user::TABLE, r#"{"id":1.5,"name":"x"}"#, "id (userId) must be a string or a whole number"),
        (&user::TABLE, r#"{"id":1,"userId":2,"name":"x"}"#, "id differs from userId"),
        (&user::TABLE, r#"{"id":1,"name":["x"]}"#, "name must be a string"),
        (&user::TABLE, r#"{"id":1,"name":"x","name":"y"}"#, "item has \"name\" twice"),
        (&user::TABLE, "7", "item is not valid"),
        (&thread::TABLE, r#"{"id":1}"#, "title is missing"),
        (&thread::TABLE, r#"{"id":1,"title":"x","createdAt":"yesterday"}"#, "createdAt is not a time"),
        (&thread::TABLE, r#"{"id":1,"title":"x","updatedAt":{}}"#, "updatedAt is not a time"),
        (&post::TABLE, r#"{"user":1,"text":"x"}"#, "threadId is missing"),
        (&post::TABLE, r#"{"thread":1,"text":"x"}"#, "userId is missing"),
        (&post::TABLE, r#"{"thread":1,"user":1}"#, "content is missing"),
        (&post::TABLE, r#"{"thread":"","user":1,"text":"x"}"#, "thread (threadId) must not be empty"),
    ] {
        let refusal = refusal(table, record);
        assert!(refusal.contains(named), "{record}: {refusal}");
    }
    let large = format!(r#"{{"thread":1,"user":1,"text":"{}"}}"#, "x".repeat(410_000));
    assert!(refusal(&post::TABLE, &large).contains("larger than"));
}

#[test]
fn a_record_with_a_version_is_an_item_already() {
    let stored = r#"{"createdAt":"2024-01-01T00:00:00.000Z","email":"a@b.c","name":"A","userId":"1","version":7,"writeId":"w"}"#;
    assert_eq!(json(&user::TABLE, stored), stored);
    assert!(json(&user::TABLE, r#"{"id":1,"name":"a","version":7}"#).contains(r#""userId":"1","version":7"#));
}

proptest! {
    /// So a second migration, or one of a migrated file, changes nothing.
    #[test]
    fn an_item_stays_as_it_is(id in 0_u32.., text in ".{1,20}", day in 1_u32..28) {
        let text = serde_json::Value::from(text);
        let record = format!(r#"{{"thread":{id},"user":1,"text":{text},"createdAt":"2024-02-{day:02}","more":{{"$SS":["a"]}}}}"#);
        let once = json(&post::TABLE, &record);
        prop_assert_eq!(json(&post::TABLE, &once), once);
    }
}
