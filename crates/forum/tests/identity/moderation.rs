//! Reports, and what moderators do about them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use db_adapter::forum::{modlog, post, report, thread};
use db_adapter::layer::StoreLayer;
use db_adapter::{Item, Key, Read, Result, Scan, Store, Table, Update};
use http_kit::SharedStore;
use http_test::{TestApp, TestResponse, behaviour};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{Forum, name, with_until};

async fn populated() -> Forum {
    let forum = Forum::new().await;
    forum.populate().await;
    forum
}

async fn report(forum: &Forum, by: &str, target: &str) -> TestResponse {
    let body = json!({ "target": target, "reason": format!("words of {by}") });
    forum.send("POST", "/api/reports", Some(&forum.token(by)), Some(body)).await
}

async fn list(forum: &Forum, path: &str) -> Vec<Value> {
    let response = forum.send("GET", path, Some(&forum.moderator()), None).await.expect_status(200);
    response.json().as_array().unwrap().clone()
}

fn column(items: &[Value], name: &str) -> Vec<String> {
    items.iter().map(|item| item[name].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_report_is_made_once_and_waits_for_moderators() {
    let forum = populated().await;
    let first = report(&forum, "ann", "posts/p1").await.expect_status(201).json();
    assert_eq!((first["userId"].as_str(), first["target"].as_str()), (Some("ann"), Some("posts/p1")));
    let again = report(&forum, "ann", "posts/p1").await.expect_status(200).json();
    assert_eq!(again, first);
    report(&forum, "bob", "posts/p1").await.expect_status(201);
    report(&forum, "ann", "users/bob").await.expect_status(201);
    assert_eq!(column(&list(&forum, "/api/moderation/reports").await, "target"), ["posts/p1", "posts/p1", "users/bob"]);
}

#[tokio::test]
async fn a_report_at_once_is_one() {
    let forum = populated().await;
    let responses = futures::future::join_all((0..8).map(|_| report(&forum, "ann", "threads/t1"))).await;
    assert_eq!(responses.iter().filter(|response| response.status == 201).count(), 1, "{responses:?}");
    assert!(responses.iter().all(|response| [200, 201].contains(&response.status.as_u16())), "{responses:?}");
    assert_eq!(list(&forum, "/api/moderation/reports").await.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_reported_or_done_names_the_field() {
    let forum = populated().await;
    let (ann, moderator) = (forum.token("ann"), forum.moderator());
    for (body, fields) in [
        (json!({ "target": "posts/none", "reason": "r" }), vec!["target"]),
        (json!({ "target": "boards/1", "reason": "r" }), vec!["target"]),
        (json!({ "target": "posts/p1", "reason": " " }), vec!["reason"]),
        (json!({ "target": "posts/p1", "reason": "x".repeat(1001) }), vec!["reason"]),
        (json!({}), vec!["reason", "target"]),
    ] {
        assert_eq!(forum.send("POST", "/api/reports", Some(&ann), Some(body)).await.problem(422), fields);
    }
    for (target, action, more, field) in [
        ("posts/none", "remove", json!({}), "target"),
        ("posts/p1", "ban", json!({}), "action"),
        ("posts/p1", "lock", json!({}), "action"),
        ("posts/p1", "suspend", json!({ "until": "2999-01-01T00:00:00Z" }), "action"),
        ("users/bob", "remove", json!({}), "action"),
        ("users/bob", "suspend", json!({}), "until"),
        ("users/bob", "suspend", json!({ "until": "tomorrow" }), "until"),
        ("users/bob", "suspend", json!({ "until": "2020-01-01T00:00:00Z" }), "until"),
        ("users/bob", "unsuspend", json!({ "until": "2999-01-01T00:00:00Z" }), "until"),
    ] {
        let mut body = json!({ "target": target, "action": action, "reason": "r" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let response = forum.send("POST", "/api/moderation/actions", Some(&moderator), Some(body)).await;
        assert_eq!(response.problem(422), [field], "{target} {action}");
    }
    let response = forum.send("GET", "/api/moderation/log?target=posts", Some(&moderator), None).await;
    assert_eq!(response.problem(400), ["target"]);
    assert!(list(&forum, "/api/moderation/log").await.is_empty(), "what is refused is not logged");
}

#[tokio::test]
async fn a_removed_item_stays_without_what_it_says_but_for_its_author_and_moderators() {
    let forum = populated().await;
    for (target, owner, own) in [("posts/p1", "bob", "content"), ("threads/t1", "ann", "title")] {
        let path = format!("/api/{target}");
        let before = forum.app.get(&path).await.expect_status(200);
        assert!(!before.headers.contains_key("vary") || !before.header("vary").contains("authorization"));
        forum.moderate(target, "remove").await;
        let other = if owner == "ann" { "bob" } else { "ann" };
        let (stranger, owner, moderator) = (forum.token(other), forum.token(owner), forum.moderator());
        let mut tags = Vec::new();
        for (token, sees) in [(None, false), (Some(&stranger), false), (Some(&owner), true), (Some(&moderator), true)] {
            let token = token.map(String::as_str);
            let one = forum.send("GET", &path, token, None).await.expect_status(200);
            assert_eq!((one.field("removed"), one.json().get(own).is_some()), (json!(true), sees), "{one:?}");
            assert_eq!(one.header("cache-control"), "private");
            assert!(one.headers.get_all("vary").iter().any(|vary| vary.to_str().unwrap().eq_ignore_ascii_case("authorization")));
            tags.push(one.header("etag").to_owned());
            for list in lists(target) {
                let page = forum.send("GET", &list, token, None).await.expect_status(200);
                let items = page.json();
                let shown = items.as_array().unwrap().iter().find(|item| item["removed"] == true).unwrap().clone();
                assert_eq!(shown.get(own).is_some(), sees && !list.contains("fields=version"), "{list}: {shown}");
                assert_eq!(page.header("cache-control"), "private", "{list}");
            }
        }
        assert!(tags[0] == tags[1] && tags[2] == tags[3] && tags[0] != tags[2], "{tags:?}");
        for (token, known, status) in
            [(None, &tags[0], 304), (None, &tags[2], 200), (Some(&owner), &tags[2], 304), (Some(&owner), &tags[0], 200)]
        {
            let bearer = token.map(|token| format!("Bearer {token}"));
            let mut headers = vec![("if-none-match", known.as_str())];
            headers.extend(bearer.iter().map(|bearer| ("authorization", bearer.as_str())));
            forum.app.call("GET", &path, &headers).await.expect_status(status);
        }
        forum.moderate(target, "restore").await;
        let after = forum.app.get(&path).await.expect_status(200).json();
        assert_eq!((&after[own], after.get("removed"), after.get("removedAt")), (&before.json()[own], None, None));
    }
}

/// Every list that holds the item.
fn lists(target: &str) -> Vec<String> {
    let paths: &[&str] = match target {
        "posts/p1" => &[
            "/api/posts",
            "/api/posts?threadId=t1",
            "/api/posts?userId=bob",
            "/api/posts/in-thread/t1",
            "/api/posts/by-user/bob",
        ],
        _ => &["/api/threads", "/api/threads?userId=ann", "/api/threads?ids=t1"],
    };
    let with = |path: &&str| format!("{path}{}fields=version", if path.contains('?') { "&" } else { "?" });
    paths.iter().map(|path| (*path).to_owned()).chain(paths.iter().map(with)).collect()
}

#[tokio::test]
async fn an_action_resolves_the_reports_that_were_made_before_it() {
    let forum = populated().await;
    for (by, target) in [("ann", "posts/p1"), ("bob", "posts/p1"), ("ann", "threads/t1"), ("ann", "users/bob")] {
        report(&forum, by, target).await.expect_status(201);
    }
    let removal = forum.moderate("posts/p1", "remove").await;
    assert_eq!(column(&list(&forum, "/api/moderation/reports").await, "target"), ["threads/t1", "users/bob"]);
    let again = report(&forum, "ann", "posts/p1").await.expect_status(200).json();
    assert_eq!((&again["actionId"], &again["resolvedAt"]), (&removal["actionId"], &removal["createdAt"]));
    forum.moderate("threads/t1", "pin").await;
    forum.moderate("threads/t1", "dismiss").await;
    forum.moderate("users/bob", "suspend").await;
    assert!(list(&forum, "/api/moderation/reports").await.is_empty());
    let log = list(&forum, "/api/moderation/log").await;
    assert_eq!(column(&log, "action"), ["suspend", "dismiss", "pin", "remove"]);
    assert!(log.iter().all(|entry| entry["userId"] == "mod" && entry["reason"] == "rules"), "{log:?}");
    let of_thread = list(&forum, "/api/moderation/log?target=threads/t1").await;
    assert_eq!(column(&of_thread, "action"), ["dismiss", "pin"]);
    assert!(moderation::unfinished(&*forum.app.store).await.unwrap().is_empty());
    // Dismissing changes nothing of the item.
    assert_eq!(forum.app.get("/api/threads/t1").await.field("version"), json!(2));
}

#[tokio::test]
async fn a_suspension_is_seen_by_the_next_post_and_ended_by_its_opposite() {
    let forum = populated().await;
    let post = json!({ "threadId": "t1", "content": "C" });
    forum.moderate("users/bob", "suspend").await;
    let response = forum.send("POST", "/api/posts", Some(&forum.token("bob")), Some(post.clone())).await;
    assert_eq!((response.status.as_u16(), name(&response).as_str()), (403, "suspended"));
    let response = report(&forum, "bob", "threads/t1").await;
    assert_eq!((response.status.as_u16(), name(&response).as_str()), (403, "suspended"));
    forum.moderate("users/bob", "unsuspend").await;
    forum.send("POST", "/api/posts", Some(&forum.token("bob")), Some(post)).await.expect_status(201);
}

#[tokio::test]
async fn what_is_removed_or_resolved_ends_after_its_time() {
    let forum = populated().await;
    report(&forum, "ann", "posts/p1").await.expect_status(201);
    let end = async |table, key: Key| {
        let item = forum.app.store.get(table, &key, &Read::STRONG).await.unwrap().unwrap();
        item.members().get("expiresAt").map(|end| end.parse::<i64>().unwrap())
    };
    let (at, of_post) = (
        async |days: i64| {
            let log = list(&forum, "/api/moderation/log").await;
            let at = chrono::DateTime::parse_from_rfc3339(log[0]["createdAt"].as_str().unwrap()).unwrap();
            Some((at + chrono::TimeDelta::days(days)).timestamp())
        },
        Key::pair("p1", "t1"),
    );
    forum.moderate("posts/p1", "remove").await;
    assert_eq!(end(&post::TABLE, of_post.clone()).await, at(30).await);
    let resolved = report(&forum, "ann", "posts/p1").await.field("reportId");
    assert_eq!(end(&report::TABLE, Key::hash(resolved.as_str().unwrap())).await, at(180).await);
    forum.moderate("posts/p1", "restore").await;
    assert_eq!(end(&post::TABLE, of_post).await, None);
    forum.moderate("threads/t1", "remove").await;
    assert_eq!(end(&thread::TABLE, Key::hash("t1")).await, None, "threads never end");
}

#[tokio::test]
async fn a_removed_post_does_not_count_until_it_is_restored() {
    let forum = populated().await;
    let bob = forum.token("bob");
    let create = async |path: &str, body: Value, id: &str| {
        let created = forum.send("POST", path, Some(&bob), Some(body)).await.expect_status(201);
        created.field(id).as_str().unwrap().to_owned()
    };
    let thread = create("/api/threads", json!({ "title": "T" }), "threadId").await;
    let first = create("/api/posts", json!({ "threadId": thread, "content": "1" }), "postId").await;
    let second = create("/api/posts", json!({ "threadId": thread, "content": "2" }), "postId").await;
    for (action, count, last) in [("lock", 2, &second), ("remove", 1, &first), ("restore", 2, &second)] {
        let target = if action == "lock" { format!("threads/{thread}") } else { format!("posts/{second}") };
        forum.moderate(&target, action).await;
        let told = forum.send("GET", &format!("/api/threads/{thread}"), None, None).await.expect_status(200).json();
        assert_eq!((&told["postCount"], &told["lastPostId"]), (&json!(count), &json!(last)), "{action}: {told}");
    }
}

#[tokio::test]
async fn reports_are_exported_and_erased_with_their_reporter() {
    let forum = populated().await;
    report(&forum, "ann", "posts/p1").await.expect_status(201);
    report(&forum, "ann", "threads/t2").await.expect_status(201);
    report(&forum, "bob", "posts/p1").await.expect_status(201);
    forum.moderate("posts/p1", "dismiss").await;
    let ann = forum.token("ann");
    let export = forum.send("GET", "/api/users/me/export", Some(&ann), None).await.expect_status(200);
    let export = String::from_utf8(export.body.to_vec()).unwrap();
    let reports: Vec<Value> = export.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut targets = column(&reports.iter().map(|line| line["report"].clone()).collect::<Vec<_>>(), "target");
    targets.retain(|target| !target.is_empty());
    targets.sort_unstable();
    assert_eq!(targets, ["posts/p1", "threads/t2"]);
    assert!(!export.contains("words of bob"));
    forum.send("DELETE", "/api/users/me?posts=erase", Some(&ann), None).await.expect_status(204);
    let left = forum.app.store.scan(&report::TABLE, &Scan::new(100)).await.unwrap().items;
    assert_eq!(left.iter().map(|item| item.text("userId").unwrap()).collect::<Vec<_>>(), ["bob"]);
}

/// Updates stand still while it is closed, as those of a process that is about to die.
#[derive(Debug)]
struct Gate {
    store: SharedStore,
    closed: Arc<AtomicBool>,
    reached: Arc<Notify>,
}

impl StoreLayer for Gate {
    fn inner(&self) -> &dyn Store {
        &*self.store
    }

    async fn update(&self, table: &'static Table, key: &Key, update: &Update) -> Result<Item> {
        if self.closed.load(Ordering::Relaxed) {
            self.reached.notify_one();
            std::future::pending::<()>().await;
        }
        self.store.update(table, key, update).await
    }
}

/// A forum without identity whose updates can be stopped.
struct Cut {
    app: TestApp,
    closed: Arc<AtomicBool>,
    reached: Arc<Notify>,
}

impl Cut {
    async fn new() -> Self {
        let (closed, reached) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
        let gate = (Arc::clone(&closed), Arc::clone(&reached));
        let decorate = move |store| Arc::new(Gate { store, closed: gate.0, reached: gate.1 }) as SharedStore;
        let app = TestApp::open(services::all(30), &behaviour(), decorate).await;
        let user = app.post("/api/users", &json!({ "name": "Ann", "email": "ann@example.com" })).await.expect_status(201);
        let thread = app.post("/api/threads", &json!({ "title": "T" })).await.expect_status(201).field("threadId");
        let post = json!({ "threadId": thread, "userId": user.field("userId"), "content": "C" });
        let post = app.post("/api/posts", &post).await.expect_status(201);
        let body = json!({ "target": path(&post, "postId"), "reason": "r", "userId": user.field("userId") });
        app.post("/api/reports", &body).await.expect_status(201);
        Self { app, closed, reached }
    }

    async fn act(&self, key: &str, target: &str, action: &str) -> TestResponse {
        let body = json!({ "target": target, "action": action, "reason": "r" });
        let body = if action == "suspend" { with_until(body) } else { body };
        self.app.send_json("POST", "/api/moderation/actions", &[("idempotency-key", key)], &body).await
    }

    /// The same, of which the log is written and nothing else.
    async fn act_and_die(&self, key: &str, target: &str, action: &str) {
        self.closed.store(true, Ordering::Relaxed);
        tokio::select! {
            response = self.act(key, target, action) => panic!("{response:?}"),
            () = self.reached.notified() => {}
        }
        self.closed.store(false, Ordering::Relaxed);
    }

    async fn only(&self, path: &str) -> Value {
        self.app.get(path).await.expect_status(200).json()[0].clone()
    }

    async fn logged(&self) -> usize {
        self.app.store.scan(&modlog::TABLE, &Scan::new(100)).await.unwrap().items.len()
    }

    async fn unfinished(&self) -> Vec<String> {
        let unfinished = moderation::unfinished(&*self.app.store).await.unwrap();
        unfinished.into_iter().map(|action| format!("{} {}", action.action, action.target)).collect()
    }
}

/// The target of a thread or post.
fn path(response: &TestResponse, id: &str) -> String {
    format!("{}s/{}", id.strip_suffix("Id").unwrap(), response.field(id).as_str().unwrap())
}

#[tokio::test]
async fn an_action_that_was_cut_off_is_finished_by_the_same_request() {
    let cut = Cut::new().await;
    let post = format!("posts/{}", cut.only("/api/posts").await["postId"].as_str().unwrap());
    cut.act_and_die("k", &post, "remove").await;
    assert_eq!(cut.logged().await, 1);
    assert_eq!(cut.only("/api/posts").await.get("removed"), None);
    assert_eq!(cut.unfinished().await, [format!("remove {post}")]);
    let first = cut.act("k", &post, "remove").await.expect_status(201);
    assert_eq!(first.header("idempotent-replayed"), "true");
    assert_eq!(cut.only("/api/posts").await["removed"], true);
    assert!(cut.app.get("/api/moderation/reports").await.json().as_array().unwrap().is_empty());
    assert!(cut.unfinished().await.is_empty());
    let version = cut.only("/api/posts").await["version"].clone();
    let again = cut.act("k", &post, "remove").await.expect_status(201);
    assert_eq!(again.json(), first.json());
    assert_eq!((cut.logged().await, &cut.only("/api/posts").await["version"]), (1, &version));
    assert_eq!(cut.act("k", &post, "restore").await.problem(422), ["Idempotency-Key"]);
}

#[tokio::test]
async fn an_action_that_is_repeated_late_undoes_nothing() {
    let cut = Cut::new().await;
    let thread = format!("threads/{}", cut.only("/api/threads").await["threadId"].as_str().unwrap());
    // Cut off, and its opposite was done since.
    cut.act_and_die("lock", &thread, "lock").await;
    cut.act("unlock", &thread, "unlock").await.expect_status(201);
    cut.act("pin", &thread, "pin").await.expect_status(201);
    cut.act("lock", &thread, "lock").await.expect_status(201);
    assert_eq!(cut.only("/api/threads").await.get("lockedAt"), None);
    // Done, and its opposite was done since.
    cut.act("unpin", &thread, "unpin").await.expect_status(201);
    cut.act("pin", &thread, "pin").await.expect_status(201);
    assert_eq!(cut.only("/api/threads").await.get("pinnedAt"), None);
    assert_eq!(cut.logged().await, 4);
    // Cut off, and something else was done since.
    cut.act_and_die("lock-again", &thread, "lock").await;
    cut.act("remove", &thread, "remove").await.expect_status(201);
    assert_eq!(cut.unfinished().await, [format!("lock {thread}")]);
    cut.act("lock-again", &thread, "lock").await.expect_status(201);
    let shown = cut.only("/api/threads").await;
    assert!(shown["lockedAt"].is_string() && shown["removed"] == true, "{shown}");
    assert!(cut.unfinished().await.is_empty());
}
