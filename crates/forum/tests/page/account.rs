//! Logging in and out, and one's own account.

use crate::Dev;

#[test]
fn a_person_logs_in_goes_on_and_logs_out() {
    let dev = Dev::start();
    let mut browser = dev.browser();
    browser.get("/threads/1").expect(200, "to reply.");
    let page = browser.log_in("1", "/threads/1").expect(200, "action=\"/threads/1/reply\"");
    assert_eq!(page.path, "/threads/1");
    let session = format!("session-{}", dev.process.address().port());
    let (names, values): (Vec<_>, Vec<_>) = browser.cookies().clone().into_iter().unzip();
    assert_eq!(names, [session], "the cookie of the log-in itself is gone");
    assert!(!values[0].contains("eyJ"), "no token can be read from it: {values:?}");
    browser.fill(&page, "/log-out", &[]).expect(200, ">Log in</a>");
    assert!(browser.cookies().is_empty());
}

#[test]
fn a_log_in_is_of_the_browser_that_began_it() {
    let dev = Dev::start();
    let (mut mine, mut another) = (dev.browser(), dev.browser());
    mine.get("/log-in?then=/");
    let refused = another.get("/log-in/callback?code=x&state=y");
    refused.expect(403, "This log-in did not begin here");
    mine.get("/log-in/callback?code=x&state=forged").expect(403, "This log-in did not begin here");
    // Under another name of this machine the cookie would be lost, so that the log-in begins under the forum's own.
    let page = dev.browser().send("GET", "/log-in", &[], "");
    assert!(page.header("set-cookie").unwrap().contains("HttpOnly; SameSite=Lax; Path=/"), "{page:?}");
    let port = dev.process.address().port();
    let mut numeric = dev.browser();
    numeric.call_it("127.0.0.1");
    let page = numeric.send("GET", "/log-in?then=/threads/1", &[], "");
    assert_eq!(page.header("location"), Some(format!("http://localhost:{port}/log-in?then=%2Fthreads%2F1").as_str()));
    for elsewhere in ["//evil.example", "https://evil.example", "/\\evil.example"] {
        assert_eq!(dev.browser().log_in("1", elsewhere).path, "/");
    }
}

#[test]
fn a_cookie_that_was_altered_is_worth_nothing() {
    let dev = Dev::start();
    let mut alice = dev.person("1");
    for value in alice.cookies().values_mut() {
        let end = value.split_off(value.len() - 8);
        value.push_str(&end.chars().rev().collect::<String>());
    }
    alice.get("/").expect(200, ">Log in</a>");
    let page = alice.get("/new-thread");
    assert!(page.path.starts_with("/dev/authorize?"), "{page:?}");
}

#[test]
fn a_profile_is_changed_exported_and_deleted() {
    let dev = Dev::start();
    let mut bob = dev.person("2");
    let form = bob.get("/profile").expect(200, "bob@example.com");
    let page = bob.fill(&form, "/profile", &[("name", "")]).expect(422, "id=\"name-fault\"");
    let page = bob.fill(&page, "/profile", &[("name", "Robert"), ("bio", "Feeds.")]).expect(200, "Feeds.");
    assert_eq!((page.path.as_str(), page.html.contains(">Robert</a>")), ("/users/2", true), "{page:?}");
    assert_eq!(dev.api("/api/users/2")["username"], "bob");

    let exported = bob.get("/profile/export").expect(200, "I am building a small feed reader.");
    assert!(exported.header("content-disposition").unwrap().contains("attachment"), "{exported:?}");
    assert_eq!(exported.header("cache-control"), Some("no-store"));

    let form = bob.get("/profile/delete").expect(200, "cannot be brought back");
    let page = bob.fill(&form, "/profile/delete", &[("posts", "keep")]).expect(200, ">Log in</a>");
    assert_eq!(page.path, "/");
    bob.get("/users/2").expect(404, "");
    bob.get("/threads/1").expect(200, "[deleted user]");

    // Who has no profile any more makes one before anything else.
    let page = bob.log_in("2", "/new-thread").expect(200, "Make your profile");
    let page = bob.fill(&page, "/profile", &[("name", "Bob again"), ("posts", "")]).expect(200, "New thread");
    assert_eq!(page.path, "/new-thread");
    bob.get("/threads/1").expect(200, "<bdi>Bob again</bdi>");
}
