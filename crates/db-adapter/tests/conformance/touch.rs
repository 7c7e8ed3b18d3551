//! Touches: numbers that are added to and texts that go forward, without an edit.

use db_adapter::forum::activity::{self, KEPT, LAST_ACTIVITY_AT, LAST_POST_AT, LAST_POST_ID, POST_COUNT};
use db_adapter::forum::{post, thread};
use db_adapter::schema::TOUCH_ID;
use db_adapter::{Advance, Attributes, Error, Item, Key, Query, Read, Store, Update, Value};

use crate::fixture::{Fixture, all_texts, assert_invalid, at, index, key, post, thread, walk_query};
use crate::{assert_fails, cases};

cases!(touch:
    changes_no_version_and_no_write_id,
    adds_to_a_count_which_starts_at_0_and_does_not_go_below,
    goes_forward_and_never_back,
    of_equal_first_texts_the_next_ones_decide,
    moves_the_item_in_an_index,
    conditions_hold_of_touches_too,
    refuses_what_cannot_be_added_to_or_compared,
    is_exact_when_many_come_at_once,
    a_thread_follows_its_posts,
    a_thread_of_an_earlier_version_is_filled,
);

async fn create(f: &Fixture) -> Item {
    f.store.create(&thread::TABLE, thread("t1", &at(0))).await.unwrap()
}

async fn read(store: &dyn Store) -> Item {
    store.get(&thread::TABLE, &key("t1"), &Read::STRONG).await.unwrap().unwrap()
}

async fn touch(f: &Fixture, update: Update) -> Item {
    let touched = f.store.update(&thread::TABLE, &key("t1"), &Update { touch: true, ..update }).await.unwrap();
    assert_eq!(read(&*f.store).await, touched);
    touched
}

fn add(number: i64) -> Update {
    Update { add: [(POST_COUNT.to_owned(), number)].into(), touch: true, ..Update::default() }
}

/// To the post of that id and second.
fn advance(second: u32, id: &str) -> Update {
    let set = [(LAST_POST_AT, at(second)), (LAST_POST_ID, id.to_owned()), (LAST_ACTIVITY_AT, at(second))];
    let set = set.map(|(name, value)| (name.to_owned(), Value::from(value))).into();
    Update { advance: Some(Advance { by: &[LAST_POST_AT, LAST_POST_ID], set }), touch: true, ..Update::default() }
}

fn count(item: &Item) -> Option<u64> {
    item.attributes().unwrap().get(POST_COUNT).and_then(Value::as_count)
}

fn said(item: &Item) -> Attributes {
    item.attributes().unwrap().into_iter().filter(|(name, _)| KEPT.contains(&name.as_str())).collect()
}

async fn changes_no_version_and_no_write_id(f: Fixture) {
    let created = create(&f).await;
    let first = touch(&f, add(1)).await;
    let second = touch(&f, add(1)).await;
    assert_eq!([first.tag(), second.tag()], [created.tag(), created.tag()]);
    let ids = [created.text(TOUCH_ID), first.text(TOUCH_ID), second.text(TOUCH_ID)];
    assert!(ids[0].is_none() && ids[1].is_some() && ids[1] != ids[2], "{ids:?}");
    // An edit leaves it, and may add too.
    let edited = f.store.update(&thread::TABLE, &key("t1"), &Update { touch: false, ..add(1) }).await.unwrap();
    assert_eq!((edited.tag().version, edited.text(TOUCH_ID), count(&edited)), (2, second.text(TOUCH_ID), Some(3)));
    let part = Read { attributes: Some(vec!["title".to_owned()]), ..Read::STRONG };
    let part = f.store.get(&thread::TABLE, &key("t1"), &part).await.unwrap().unwrap();
    assert_eq!(part.text(TOUCH_ID), second.text(TOUCH_ID));
}

async fn adds_to_a_count_which_starts_at_0_and_does_not_go_below(f: Fixture) {
    create(&f).await;
    for (number, expected) in
        [(-1, 0), (3, 3), (0, 3), (-2, 1), (-5, 0), (i64::MAX, i64::MAX.unsigned_abs()), (2, i64::MAX.unsigned_abs())]
    {
        assert_eq!(count(&touch(&f, add(number)).await), Some(expected), "{number}");
    }
    assert_fails!(f.store.update(&thread::TABLE, &key("none"), &add(1)).await, Error::NotFound);
}

async fn goes_forward_and_never_back(f: Fixture) {
    create(&f).await;
    for (second, expected) in [(5, 5), (4, 5), (6, 6), (6, 6), (1, 6)] {
        let both = Update { add: add(1).add, ..advance(second, "p") };
        let touched = touch(&f, both).await;
        assert_eq!((touched.text(LAST_POST_AT), touched.text(LAST_ACTIVITY_AT)), (Some(at(expected)), Some(at(expected))));
    }
    assert_eq!(count(&read(&*f.store).await), Some(5));
}

async fn of_equal_first_texts_the_next_ones_decide(f: Fixture) {
    create(&f).await;
    for (id, expected) in [("b", "b"), ("a", "b"), ("c", "c"), ("c", "c")] {
        assert_eq!(touch(&f, advance(5, id)).await.text(LAST_POST_ID).as_deref(), Some(expected));
    }
    assert_eq!(touch(&f, advance(6, "a")).await.text(LAST_POST_ID).as_deref(), Some("a"));
}

async fn moves_the_item_in_an_index(f: Fixture) {
    for (id, second) in [("t1", 1), ("t2", 2), ("t3", 3)] {
        let active = (LAST_ACTIVITY_AT.to_owned(), Value::from(at(second)));
        f.store.create(&thread::TABLE, thread(id, &at(second)).into_iter().chain([active]).collect()).await.unwrap();
    }
    f.store.create(&thread::TABLE, thread("unlisted", &at(4))).await.unwrap();
    let list = async || {
        let by_activity = Query { limit: 2, ..Query::new(index(&thread::TABLE, "ActivityIndex"), thread::FEED) };
        all_texts(&walk_query(&*f.store, &thread::TABLE, by_activity).await, "threadId")
    };
    assert_eq!(list().await, ["t1", "t2", "t3"]);
    touch(&f, advance(9, "p")).await;
    assert_eq!(list().await, ["t2", "t3", "t1"]);
}

async fn conditions_hold_of_touches_too(f: Fixture) {
    let created = create(&f).await;
    touch(&f, Update { expected: Some(created.tag()), ..add(1) }).await;
    touch(&f, Update { expected: Some(created.tag()), ..add(1) }).await;
    touch(&f, advance(5, "p")).await;
    let is_last = |id: &str| Update { only_if: [(LAST_POST_ID.to_owned(), Some(Value::from(id)))].into(), ..add(1) };
    assert_eq!(count(&touch(&f, is_last("p")).await), Some(3));
    assert_fails!(f.store.update(&thread::TABLE, &key("t1"), &is_last("q")).await, Error::ConditionFailed { .. });
    let late = Update { only_if: is_last("q").only_if, ..advance(1, "o") };
    assert_fails!(f.store.update(&thread::TABLE, &key("t1"), &late).await, Error::ConditionFailed { .. });
    let edited = f.store.update(&thread::TABLE, &key("t1"), &Update::default()).await.unwrap();
    let stale = Update { expected: Some(created.tag()), ..add(1) };
    assert_fails!(f.store.update(&thread::TABLE, &key("t1"), &stale).await, Error::VersionMismatch);
    assert_eq!(read(&*f.store).await, edited);
}

async fn refuses_what_cannot_be_added_to_or_compared(f: Fixture) {
    create(&f).await;
    for name in ["title", "unknown", "version"] {
        let update = Update { add: [(name.to_owned(), 1)].into(), ..Update::default() };
        assert_invalid(f.store.update(&thread::TABLE, &key("t1"), &update).await, name);
    }
    let mut lacks = advance(1, "p");
    lacks.advance.as_mut().unwrap().set.remove(LAST_POST_ID);
    assert_invalid(f.store.update(&thread::TABLE, &key("t1"), &lacks).await, LAST_POST_ID);
    let twice = Update { set: [(LAST_POST_AT.to_owned(), at(1).into())].into(), ..advance(1, "p") };
    assert_invalid(f.store.update(&thread::TABLE, &key("t1"), &twice).await, LAST_POST_AT);
    let kept = Update { set: [(TOUCH_ID.to_owned(), "mine".into())].into(), ..Update::default() };
    assert_invalid(f.store.update(&thread::TABLE, &key("t1"), &kept).await, TOUCH_ID);
}

/// Fifty posts, whose touches come in any order.
async fn is_exact_when_many_come_at_once(f: Fixture) {
    create(&f).await;
    let posters = (0..50_u32).map(|number| {
        let store = f.store.clone();
        let post = post(&format!("p{number:02}"), "t1", &at(number * 7 % 50));
        tokio::spawn(async move {
            let created = store.create(&post::TABLE, post).await.unwrap();
            activity::post_added(&*store, &created).await;
        })
    });
    for poster in posters.collect::<Vec<_>>() {
        poster.await.unwrap();
    }
    let touched = read(&*f.store).await;
    assert_eq!((count(&touched), touched.text(LAST_POST_AT)), (Some(50), Some(at(49))));
    assert_eq!(activity::check(&*f.store, "t1").await.unwrap(), None);
}

async fn a_thread_follows_its_posts(f: Fixture) {
    create(&f).await;
    let mut ids = Vec::new();
    for (id, second) in [("a", 1), ("c", 3), ("b", 2), ("d", 3)] {
        let created = f.store.create(&post::TABLE, post(id, "t1", &at(second))).await.unwrap();
        activity::post_added(&*f.store, &created).await;
        ids.push(id.to_owned());
        assert_eq!(activity::check(&*f.store, "t1").await.unwrap(), None, "{id}");
    }
    assert_eq!(read(&*f.store).await.text(LAST_POST_ID).as_deref(), Some("d"));
    for gone in [&["d"][..], &["a"], &["b", "c"]] {
        for id in gone {
            f.store.delete(&post::TABLE, &Key::pair(*id, "t1"), None).await.unwrap();
        }
        let gone: Vec<_> = gone.iter().map(ToString::to_string).collect();
        activity::posts_gone(&*f.store, "t1", &gone).await;
        let finding = activity::check(&*f.store, "t1").await.unwrap();
        assert_eq!(finding, None, "{gone:?}");
    }
    let empty = said(&read(&*f.store).await);
    let expected = [(POST_COUNT.to_owned(), Value::from(0)), (LAST_ACTIVITY_AT.to_owned(), Value::from(at(0)))];
    assert_eq!(empty, expected.into());
}

async fn a_thread_of_an_earlier_version_is_filled(f: Fixture) {
    create(&f).await;
    f.store.create(&thread::TABLE, thread("t2", &at(9))).await.unwrap();
    for (id, second) in [("a", 1), ("b", 2)] {
        f.store.create(&post::TABLE, post(id, "t1", &at(second))).await.unwrap();
    }
    assert_eq!(activity::fill(&*f.store).await.unwrap(), 2);
    let filled = read(&*f.store).await;
    assert_eq!((count(&filled), filled.text(LAST_POST_ID).as_deref(), filled.tag().version), (Some(2), Some("b"), 1));
    assert_eq!(activity::fill(&*f.store).await.unwrap(), 0);
    let by_activity = Query::new(index(&thread::TABLE, "ActivityIndex"), thread::FEED);
    let listed = walk_query(&*f.store, &thread::TABLE, by_activity).await;
    assert_eq!(all_texts(&listed, "threadId"), ["t1", "t2"]);
}
