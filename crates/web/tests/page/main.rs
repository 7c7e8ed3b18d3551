//! The page in front of an API that a test speaks for.

#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "in tests")]

mod api;

use api::{Asked, Front, Said};
use rstest::rstest;
use serde_json::{Value, json};

fn ok(body: Value) -> Said {
    Some((200, vec![], body))
}

/// What the API says to everybody in these tests.
fn forum(asked: &Asked) -> Said {
    let path = asked.path.split('?').next()?;
    ok(match path {
        "/api/threads" => json!([{ "threadId": "1", "title": "One", "userId": "7", "createdAt": "2026-01-05T10:00:00.000Z" }]),
        "/api/threads/1" => json!({ "threadId": "1", "title": "One", "userId": "7", "lockedAt": "2026-01-06T10:00:00.000Z" }),
        "/api/posts/in-thread/1" => json!([
            { "postId": "2", "threadId": "1", "userId": "8", "content": "Two", "createdAt": "2026-01-05T11:00:00.000Z" },
            { "postId": "3", "threadId": "1", "removed": true, "createdAt": "2026-01-05T12:00:00.000Z" },
        ]),
        "/api/posts/2" => json!({ "postId": "2", "threadId": "1", "userId": "8", "content": "Two" }),
        "/api/users/8" => json!({ "userId": "8", "name": "Eve" }),
        "/api/users" => json!([{ "userId": "7", "name": "Dana" }, { "userId": "8", "name": "Eve" }]),
        _ => return None,
    })
}

/// The same for a moderator.
fn moderated(asked: &Asked) -> Said {
    let path = asked.path.split('?').next()?;
    match (asked.method.as_str(), path) {
        ("GET", "/api/moderation/reports") => ok(json!([
            { "target": "posts/2", "reason": "Spam <b>", "userId": "7", "createdAt": "2026-01-05T12:00:00.000Z" },
            { "target": "javascript:alert(1)", "reason": "Odd", "userId": "9" },
        ])),
        ("GET", "/api/moderation/log") => ok(
            json!([{ "target": "users/8", "action": "suspend", "reason": "Spam", "userId": "7", "until": "2026-02-01T00:00:00.000Z" }]),
        ),
        ("POST", "/api/moderation/actions") => Some((201, vec![], json!({}))),
        ("POST", "/api/reports") => Some((201, vec![], json!({}))),
        _ => forum(asked),
    }
}

fn problem(status: u16, name: &str, detail: &str, retry_after: &'static str) -> Said {
    let headers = if retry_after.is_empty() { vec![] } else { vec![("retry-after", retry_after)] };
    let problem = json!({ "type": name, "title": "x", "status": status, "detail": detail, "requestId": "r-1", "errors": [] });
    Some((status, headers, problem))
}

#[tokio::test]
async fn a_removed_post_and_a_locked_thread_are_shown_as_such() {
    let mut front = Front::new(forum).logged_in("dana").await;
    let page = front.get("/threads/1").await.expect(200, "Locked");
    for part in ["[removed by a moderator]", "This thread is locked: it takes no more posts."] {
        assert!(page.html.contains(part), "{part}: {page:?}");
    }
    assert!(!page.html.contains("Moderate") && !page.html.contains("/moderation"), "{page:?}");
}

#[tokio::test]
async fn a_moderator_sees_the_queue_and_decides_once() {
    let mut front = Front::new(moderated).logged_in("dana").await;
    let queue = front.get("/moderation").await.expect(200, "Spam &lt;b&gt;").expect(200, "/moderation/act?target=posts%2F2");
    assert!(queue.html.contains("href=\"/posts/2\"") && !queue.html.contains("href=\"/javascript"), "{queue:?}");
    front.get("/moderation/log").await.expect(200, "suspend").expect(200, "1 Feb 2026");
    front.get("/threads/1").await.expect(200, "/moderation/act?target=posts/2").expect(200, "action=\"/threads/1/reply\"");

    let form = front.get("/moderation/act?target=posts/2").await.expect(200, "value=\"remove\"").expect(200, "value=\"dismiss\"");
    for _ in 0..2 {
        let done = front.fill(&form, "/moderation/act", &[("reason", "Spam"), ("do", "remove")]).await;
        assert_eq!((done.status, done.headers["location"].to_str().unwrap()), (303, "/moderation/log?target=posts%2F2"));
    }
    let acts: Vec<_> = front.asked().into_iter().filter(|asked| asked.method == "POST").collect();
    assert_eq!(acts.len(), 2);
    for act in &acts {
        assert_eq!(act.body, json!({ "target": "posts/2", "action": "remove", "reason": "Spam" }));
        assert_eq!(act.headers["authorization"], "Bearer dana");
        assert_eq!(act.headers["idempotency-key"], acts.first().unwrap().headers["idempotency-key"]);
    }

    let form = front.get("/moderation/act?target=users/8").await.expect(200, "value=\"suspend\"");
    front.fill(&form, "/moderation/act", &[("reason", "Spam"), ("days", "7"), ("do", "suspend")]).await;
    let act = front.asked().pop().unwrap();
    assert!(act.body["until"].as_str().unwrap().ends_with('Z') && act.body["target"] == "users/8", "{act:?}");
    for target in ["javascript:alert(1)", "posts/../users", "posts", ""] {
        front.get(&format!("/moderation/act?target={target}")).await.expect(404, "");
    }
}

#[tokio::test]
async fn what_is_wrong_is_reported_with_a_reason() {
    let mut front = Front::new(moderated).logged_in("dana").await;
    let form = front.get("/report?target=posts/2").await.expect(200, "Report this post");
    front.fill(&form, "/report", &[("reason", "Spam")]).await.expect(200, "A moderator will look at this post.");
    assert_eq!(front.asked().pop().unwrap().body, json!({ "target": "posts/2", "reason": "Spam" }));
}

#[rstest]
#[case(429, "30", "Try again in 30 seconds.")]
#[case(503, "1", "Try again in a second.")]
#[case(503, "600", "Try again in 10 minutes.")]
#[case(504, "", "Try again in a moment.")]
#[tokio::test]
async fn a_page_says_when_to_try_again(#[case] status: u16, #[case] retry_after: &'static str, #[case] advice: &str) {
    let mut front = Front::new(move |_| problem(status, "about:blank", "not now", retry_after));
    let page = front.get("/").await.expect(status, advice).expect(status, "Not now.");
    assert_eq!(page.headers.get("retry-after").map(|value| value.to_str().unwrap()).unwrap_or_default(), retry_after);
}

#[rstest]
#[case(429, "Try again in 30 seconds.")]
#[case(403, "You may not write.")]
#[case(500, "You may not write.")]
#[tokio::test]
async fn a_form_keeps_its_text_when_the_api_refuses(#[case] status: u16, #[case] said: &str) {
    let retry_after = if status == 429 { "30" } else { "" };
    let mut front = Front::new(move |asked| match asked.method.as_str() {
        "POST" if asked.path == "/api/threads" => problem(status, "about:blank", "you may not write", retry_after),
        _ => forum(asked),
    });
    front = front.logged_in("dana").await;
    let form = front.get("/new-thread").await;
    let text = [("title", "Kept <title>"), ("description", "Kept"), ("do", "send")];
    let page = front.fill(&form, "/new-thread", &text).await.expect(status, said).expect(status, "Kept &lt;title&gt;");
    // What is sent again is the same thread.
    let key = |page: &api::Shown| page.html.split_once("name=\"key\" value=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    assert_eq!(key(&page), front.asked().iter().find(|asked| asked.method == "POST").unwrap().headers["idempotency-key"]);
}

#[tokio::test]
async fn a_token_that_is_refused_ends_the_log_in() {
    let mut front = Front::new(|asked| match asked.headers.get("authorization") {
        Some(token) if token == "Bearer dana" && asked.path.starts_with("/api/threads") => {
            problem(401, "/problems/token-invalid", "the token is not valid", "")
        }
        _ => forum(asked),
    });
    front = front.logged_in("dana").await;
    assert!(front.is_logged_in());
    front.get("/").await.expect(401, "Your log-in has ended.");
    assert!(!front.is_logged_in());
    front.get("/").await.expect(200, "One");
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let mut front = Front::new(forum).logged_in("renew").await;
    front.get("/").await.expect(200, "Dana");
    let tokens: Vec<_> = front.asked().iter().filter_map(|asked| asked.headers.get("authorization").cloned()).collect();
    assert!(!tokens.is_empty() && tokens.iter().all(|token| token == "Bearer new"), "{tokens:?}");
    // The new one is kept: it is not renewed once more.
    front.get("/").await.expect(200, "Dana");
    assert_eq!(front.asked().iter().filter(|asked| asked.path == "/dev/token").count(), 1);
}

#[tokio::test]
async fn threads_are_in_the_order_of_their_last_posts() {
    let with_activity = |asked: &Asked| match asked.path.as_str() {
        "/api/threads?limit=10&pinned=true" => {
            ok(json!([{ "threadId": "5", "title": "Rules", "pinnedAt": "2026-01-05T10:00:00.000Z" }]))
        }
        path if path.starts_with("/api/threads?limit=50&sort=activity") => ok(json!([
            { "threadId": "5", "title": "Rules", "pinnedAt": "2026-01-05T10:00:00.000Z" },
            { "threadId": "6", "title": "Busy", "postCount": 12, "lastPostId": "9", "lastPostAt": "2026-01-07T10:00:00.000Z", "lastPostUserId": "8" },
        ])),
        _ => forum(asked),
    };
    let mut front = Front::new(with_activity);
    let page = front.get("/").await.expect(200, "12 posts").expect(200, "Latest posts").expect(200, "href=\"/posts/9\"");
    assert_eq!(page.html.matches(">Rules</a>").count(), 1, "{page:?}");
    assert!(page.html.contains("<bdi>Eve</bdi>") && page.html.contains("Pinned"), "{page:?}");
}
