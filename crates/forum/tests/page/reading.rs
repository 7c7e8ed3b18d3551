//! What everybody sees, and what search engines and feed readers are told.

use crate::{Dev, HOSTILE, post};
use serde_json::json;

#[test]
fn everybody_reads_threads_and_posts() {
    let dev = Dev::start();
    let mut browser = dev.browser();
    let page = browser.get("/").expect(200, ">Welcome</a>");
    for part in ["<title>Forum</title>", ">Rust questions</a>", "<bdi>Alice</bdi>", "5 Jan 2026, 10:00 UTC"] {
        assert!(page.html.contains(part), "{part}: {page:?}");
    }
    for (name, value) in [("referrer-policy", "same-origin"), ("x-content-type-options", "nosniff"), ("vary", "cookie")] {
        assert!(page.headers(name).any(|given| given == value), "{page:?}");
    }
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("access-control-allow-origin"), None);

    let page = browser.get("/threads/1").expect(200, "<title>Welcome · Forum</title>");
    let port = dev.process.address().port();
    for part in [
        "Say hello and tell us what you are building.",
        "Hello everyone! I am building a small feed reader.",
        "<bdi>Bob</bdi>",
        "id=\"post-1\"",
        "content=\"Say hello and tell us what you are building.\"",
        &format!("<link rel=\"canonical\" href=\"http://localhost:{port}/threads/1\">"),
    ] {
        assert!(page.html.contains(part), "{part}: {page:?}");
    }
    let page = browser.get("/posts/1").expect(200, "id=\"post-1\"");
    assert_eq!(page.path, "/threads/1?from=2026-01-05T10%3A05%3A00.000Z");
    assert!(page.html.contains("noindex"), "{page:?}");
    browser.get("/users/1").expect(200, "Gardens, and code that lasts.").expect(200, "No posts yet.");
    browser.get("/users/1?show=threads").expect(200, ">Welcome</a>");
    browser.get("/users/2").expect(200, "I am building a small feed reader.").expect(200, ">Welcome</a>");
}

#[test]
fn what_is_not_there_is_a_page_for_people_and_a_problem_for_programs() {
    let dev = Dev::start();
    let mut browser = dev.browser();
    for path in
        ["/nothing", "/threads/none", "/posts/none", "/users/none", "/threads/%2e%2e", "/threads/a%2fb", "/threads/1/none"]
    {
        browser.get(path).expect(404, "Page not found.");
        assert_eq!(browser.send("HEAD", path, &[], "").html, "");
    }
    assert!(
        browser.get("/api/threads/none").expect(404, "\"status\":404").header("content-type").unwrap().contains("problem+json")
    );
    browser.get("/?cursor=made-up").expect(400, "Bad Request");
    browser.send("DELETE", "/threads/1", &[], "").expect(405, "Method Not Allowed");
}

#[test]
fn long_lists_are_read_in_pages_forwards_and_backwards() {
    let dev = Dev::start();
    for number in 0..120 {
        dev.write("/api/posts", &post(&format!("Number {number}.")));
        dev.write("/api/threads", &json!({ "title": format!("Thread {number}."), "userId": "1" }));
    }
    let mut browser = dev.browser();
    let link = |html: &str, rel: &str| {
        let tag = html.split_once(&format!("<a rel=\"{rel}\" href=\""))?.1;
        Some(tag.split_once('"')?.0.replace("&amp;", "&"))
    };
    let mut seen = Vec::new();
    let mut path = Some("/".to_owned());
    while let Some(here) = path {
        let page = browser.get(&here);
        seen.extend(page.html.split("/threads/").skip(1).map(|rest| rest.split_once('"').unwrap().0.to_owned()));
        path = link(&page.html, "next");
    }
    let all = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!((all, seen.len()), (122, 122));

    let numbers = |html: &str| -> Vec<usize> {
        html.split("<p>Number ").skip(1).map(|rest| rest.split_once('.').unwrap().0.parse().unwrap()).collect()
    };
    let first = browser.get("/threads/1");
    assert_eq!(numbers(&first.html), (0..49).collect::<Vec<_>>());
    assert_eq!(link(&first.html, "prev"), None);
    let second = browser.get(&link(&first.html, "next").unwrap());
    assert_eq!(numbers(&second.html), (49..99).collect::<Vec<_>>());
    let back = browser.get(&link(&second.html, "prev").unwrap());
    assert_eq!(numbers(&back.html), (0..49).collect::<Vec<_>>());
    let third = browser.get(&link(&second.html, "next").unwrap());
    assert_eq!((numbers(&third.html), link(&third.html, "next")), ((99..120).collect(), None));
    let end = browser.get(&link(&first.html, "last").unwrap());
    assert_eq!(numbers(&end.html), (70..120).collect::<Vec<_>>());
    let before = browser.get(&link(&end.html, "prev").unwrap());
    assert_eq!(numbers(&before.html), (20..70).collect::<Vec<_>>());
    let start = browser.get(&link(&before.html, "prev").unwrap());
    assert_eq!((numbers(&start.html), link(&start.html, "prev")), ((0..20).collect(), None));
    // A link to one post shows a few before it.
    let id = first.html.split("id=\"post-").nth(31).unwrap().split_once('"').unwrap().0;
    let one = browser.get(&format!("/posts/{id}"));
    assert_eq!(numbers(&one.html)[..6], [24, 25, 26, 27, 28, 29]);
    assert_eq!(numbers(&browser.get(&link(&one.html, "prev").unwrap()).html), (0..24).collect::<Vec<_>>());
}

#[test]
fn search_engines_and_feed_readers_find_what_they_need() {
    let dev = Dev::start();
    dev.write("/api/posts", &post(HOSTILE));
    let mut browser = dev.browser();
    let port = dev.process.address().port();
    let url = format!("http://localhost:{port}");
    let robots = browser.get("/robots.txt").expect(200, "Disallow: /api/");
    assert!(robots.html.contains(&format!("Sitemap: {url}/sitemap.xml")), "{robots:?}");
    let sitemap = browser.get("/sitemap.xml").expect(200, &format!("<loc>{url}/threads/1</loc>"));
    assert!(sitemap.header("content-type").unwrap().starts_with("application/xml"));
    let feed = browser.get("/feed.atom").expect(200, &format!("<id>{url}/threads/2</id><title>Rust questions</title>"));
    assert!(feed.header("content-type").unwrap().starts_with("application/atom+xml"));
    let feed = browser.get("/threads/1/feed.atom").expect(200, &format!("<id>{url}/posts/1</id><title>Hello</title>"));
    assert!(!feed.html.contains("<script") && !feed.html.contains("<img"), "{feed:?}");
}

#[test]
fn files_are_kept_by_browsers_until_they_change() {
    let dev = Dev::start();
    let mut browser = dev.browser();
    let page = browser.get("/");
    let files: Vec<_> = page.html.split("\"/assets/").skip(1).map(|rest| rest.split_once('"').unwrap().0).collect();
    assert_eq!(files.len(), 6, "{files:?}");
    for file in files {
        let path = format!("/assets/{file}");
        let file = browser.get(&path).expect(200, "");
        assert!(file.header("cache-control").unwrap().contains("max-age=3600"), "{file:?}");
        let tag = file.header("etag").unwrap();
        assert_eq!(browser.send("GET", &path, &[("If-None-Match", tag)], "").status, 304);
    }
    browser.get("/assets/none.js").expect(404, "");
}
