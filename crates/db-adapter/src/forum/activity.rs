//! What a thread knows of its posts: how many it has, and the last one.
//!
//! Whoever writes a post [touches](Update::touch) its thread afterwards. The two writes are not atomic: a touch that fails is logged and
//! counted in `thread_touches_failed_total`, and the post stays. `forum verify --repair` names and mends what such a failure leaves.
//!
//! A post that ends (see [`EXPIRES_AT`]) counts as gone from the moment when its end is set, so that nothing changes once it does.

use metrics::counter;

use super::{EXPIRES_AT, post, thread};
use crate::store::schema::CREATED_AT;
use crate::store::{Advance, Attributes, Error, Finding, Item, Key, Order, Query, Read, Result, Scan, Store, Update, Value};

/// The attribute of a thread with the number of its posts.
pub const POST_COUNT: &str = "postCount";
/// The attribute of a thread with the time of its last post: the greatest `createdAt`, and of equal ones that of the greatest id.
pub const LAST_POST_AT: &str = "lastPostAt";
/// The attribute of a thread with the id of its last post.
pub const LAST_POST_ID: &str = "lastPostId";
/// The attribute of a thread with the id of the user who wrote its last post.
pub const LAST_POST_USER_ID: &str = "lastPostUserId";
/// The attribute of a thread by which `ActivityIndex` is sorted: the time of its last post, or of its creation.
pub const LAST_ACTIVITY_AT: &str = "lastActivityAt";

/// All of them.
pub const KEPT: [&str; 5] = [POST_COUNT, LAST_POST_AT, LAST_POST_ID, LAST_POST_USER_ID, LAST_ACTIVITY_AT];

/// Posts on a page when they are counted.
const PAGE: usize = 1000;

/// Does the post count? Not one that ends.
pub fn counts(post: &Item) -> bool {
    post.members().get(EXPIRES_AT).is_none()
}

/// The post was created, or has come back: its thread has one more, and maybe another last post.
pub async fn post_added(store: &dyn Store, post: &Item) {
    let thread_id = post.text(thread::TABLE.hash).unwrap_or_default();
    let mut update = touch(1);
    update.advance = Some(Advance { by: &[LAST_POST_AT, LAST_POST_ID], set: as_last(post) });
    report(&thread_id, store.update(&thread::TABLE, &Key::hash(&*thread_id), &update).await.map(drop));
}

/// These posts of the thread were deleted, or are about to end: it has so many fewer, and maybe another last post, which is looked up
/// where it was one of these.
pub async fn posts_gone(store: &dyn Store, thread_id: &str, ids: &[String]) {
    if !ids.is_empty() {
        report(thread_id, take_off(store, thread_id, ids).await);
    }
}

async fn take_off(store: &dyn Store, thread_id: &str, ids: &[String]) -> Result<()> {
    let key = Key::hash(thread_id);
    let thread = store.update(&thread::TABLE, &key, &touch(-i64::try_from(ids.len()).unwrap_or(i64::MAX))).await?;
    let Some(last) = thread.text(LAST_POST_ID).filter(|last| ids.contains(last)) else { return Ok(()) };
    let mut query = Query { order: Order::Descending, limit: 10, ..posts_of(thread_id)? };
    let found = loop {
        let page = store.query(&post::TABLE, &query).await?;
        let is_left = |post: &&Item| counts(post) && post.text(post::TABLE.hash).is_none_or(|id| !ids.contains(&id));
        let found = page.items.iter().find(is_left).cloned();
        match page.next {
            Some(next) if found.is_none() => query.cursor = Some(next),
            _ => break found,
        }
    };
    let mut update = Update { touch: true, ..Update::default() };
    match found {
        Some(post) => update.set = as_last(&post),
        None => {
            update.remove = [LAST_POST_AT, LAST_POST_ID, LAST_POST_USER_ID].map(str::to_owned).into();
            update.set.extend(thread.text(CREATED_AT).map(|created| (LAST_ACTIVITY_AT.to_owned(), created.into())));
        }
    }
    // A post that came meanwhile is later than any that was found.
    update.only_if.insert(LAST_POST_ID.to_owned(), Some(last.into()));
    match store.update(&thread::TABLE, &key, &update).await {
        Err(Error::ConditionFailed { .. }) => Ok(()),
        updated => updated.map(drop),
    }
}

fn touch(number: i64) -> Update {
    Update { add: [(POST_COUNT.to_owned(), number)].into(), touch: true, ..Update::default() }
}

/// What a thread says of its last post.
fn as_last(post: &Item) -> Attributes {
    let pairs = [
        (LAST_POST_AT, CREATED_AT),
        (LAST_POST_ID, post::TABLE.hash),
        (LAST_POST_USER_ID, "userId"),
        (LAST_ACTIVITY_AT, CREATED_AT),
    ];
    pairs.into_iter().filter_map(|(name, of_post)| Some((name.to_owned(), post.text(of_post)?.into()))).collect()
}

/// A thread that is gone need not be touched.
fn report(thread_id: &str, touched: Result<()>) {
    match touched {
        Ok(()) | Err(Error::NotFound) => {}
        Err(error) => {
            counter!("thread_touches_failed_total").increment(1);
            tracing::error!(thread_id, %error, "the post is written, but its thread was not told. Next: forum verify --repair");
        }
    }
}

/// The posts of the thread. Not from a cache: what they say is written.
fn posts_of(thread_id: &str) -> Result<Query> {
    let index = post::TABLE.index("ThreadIndex").ok_or_else(|| Error::backend("posts have no ThreadIndex"))?;
    let attributes = Some(vec!["userId".to_owned()]);
    Ok(Query { attributes, bypass_cache: true, limit: PAGE, ..Query::new(index, thread_id) })
}

/// What the thread should say of its posts, which are all read.
async fn recount(store: &dyn Store, thread: &Item) -> Result<Attributes> {
    let mut query = posts_of(&thread.text(thread::TABLE.hash).unwrap_or_default())?;
    let (mut count, mut last) = (0_u64, None);
    loop {
        let page = store.query(&post::TABLE, &query).await?;
        for post in page.items.iter().filter(|post| counts(post)) {
            count += 1;
            last = last.max(Some((post.text(CREATED_AT), post.text(post::TABLE.hash), post.text("userId"))));
        }
        let Some(next) = page.next else { break };
        query.cursor = Some(next);
    }
    let mut said = Attributes::from([(POST_COUNT.to_owned(), Value::from(count))]);
    let activity = match last {
        Some((at, id, user)) => {
            let pairs = [(LAST_POST_AT, at.clone()), (LAST_POST_ID, id), (LAST_POST_USER_ID, user)];
            said.extend(pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))));
            at
        }
        None => thread.text(CREATED_AT),
    };
    said.extend(activity.map(|at| (LAST_ACTIVITY_AT.to_owned(), at.into())));
    Ok(said)
}

/// What is wrong with what the thread says of its posts, read strongly, and the thread as it should be; `None` where nothing is wrong,
/// or there is no such thread, or it is broken. A thread that says nothing is no fault, but is in no list by activity.
///
/// # Errors
/// Those of the store.
pub async fn check(store: &dyn Store, thread_id: &str) -> Result<Option<Finding>> {
    let key = Key::hash(thread_id);
    let item = match store.get(&thread::TABLE, &key, &Read::STRONG).await {
        // What is broken is another finding.
        Err(Error::Corrupt { .. }) => return Ok(None),
        item => item?,
    };
    let Some(item) = item else { return Ok(None) };
    let expected = recount(store, &item).await?;
    let mut mended = item.attributes()?;
    let mut reasons = Vec::new();
    for name in KEPT {
        let (stored, expected) = (mended.get(name), expected.get(name));
        if stored != expected {
            reasons.push(format!("{name} is {}, but its posts say {}", shown(stored), shown(expected)));
        }
    }
    if reasons.is_empty() {
        return Ok(None);
    }
    // One that says nothing is of an earlier version, or came from elsewhere.
    let is_fault = KEPT.iter().any(|name| mended.contains_key(*name));
    mended.retain(|name, _| !KEPT.contains(&name.as_str()));
    mended.extend(expected);
    Ok(Some(Finding::MendableItem { key, reason: reasons.join("; "), is_fault, item, mended: Item::new(&mended) }))
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None => "absent".to_owned(),
        Some(Value::Number(number)) => number.as_str().to_owned(),
        Some(value) => value.as_str().map_or_else(|| "of a wrong type".to_owned(), |text| format!("{text:?}")),
    }
}

/// Tells every thread that knows nothing of its posts, as those of earlier versions do, what they are. Returns how many there were.
/// Reads every thread, and the posts of those.
///
/// # Errors
/// Those of the store.
pub async fn fill(store: &dyn Store) -> Result<u64> {
    let mut scan = Scan { attributes: Some(KEPT.map(str::to_owned).to_vec()), ..Scan::new(PAGE) };
    let mut filled = 0;
    loop {
        let page = store.scan(&thread::TABLE, &scan).await?;
        for thread in page.items.iter().filter(|thread| lacks_activity(thread)) {
            let id = thread.text(thread::TABLE.hash).unwrap_or_default();
            if let Some(finding) = check(store, &id).await? {
                store.repair(&thread::TABLE, &finding).await?;
                filled += 1;
            }
        }
        let Some(next) = page.next else { return Ok(filled) };
        scan.cursor = Some(next);
    }
}

fn lacks_activity(thread: &Item) -> bool {
    let members = thread.members();
    [POST_COUNT, LAST_ACTIVITY_AT].iter().any(|name| members.get(name).is_none())
}
