//! Lists of ten thousand: every thread, and every post of one, is reached from page to page.

use std::collections::BTreeSet;

use crate::Dev;
use crate::browser::Browser;
use serde_json::{Value, json};

const MANY: usize = 10_000;

/// A time; larger numbers are later.
fn at(number: usize) -> String {
    format!("2026-01-{:02}T{:02}:{:02}:{:02}.000Z", number / 86_400 + 1, number / 3600 % 24, number / 60 % 60, number % 60)
}

/// As many threads, of which the first has as many posts.
fn threads_and_posts() -> [(&'static str, Vec<Value>); 2] {
    let thread = |number| json!({ "threadId": format!("t{number}"), "title": format!("T{number}"), "createdAt": at(number) });
    let post = |number| json!({ "postId": format!("p{number}"), "threadId": "t0", "userId": "u", "content": "c", "createdAt": at(number) });
    [("threads", (0..MANY).map(thread).collect()), ("posts", (0..MANY).map(post).collect())]
}

/// What stands after this mark on every page, from the first along the links to the next.
fn walked(browser: &mut Browser, path: &str, mark: &str) -> (Vec<String>, usize) {
    let (mut found, mut pages, mut next) = (Vec::new(), 0, Some(path.to_owned()));
    while let Some(path) = next {
        let page = browser.get(&path).expect(200, mark);
        found.extend(page.html.split(mark).skip(1).map(|rest| rest.split_once('"').unwrap().0.to_owned()));
        let link = page.html.split_once("<a rel=\"next\" href=\"").map(|(_, link)| link.split_once('"').unwrap().0);
        next = link.map(|link| link.replace("&amp;", "&"));
        pages += 1;
    }
    (found, pages)
}

#[test]
fn ten_thousand_threads_and_posts_are_paged_through() {
    let dev = Dev::of(&threads_and_posts());
    let mut browser = dev.browser();
    for (path, mark, name) in [("/", "href=\"/threads/t", "threads"), ("/threads/t0", "id=\"post-p", "posts")] {
        let (found, pages) = walked(&mut browser, path, mark);
        let numbers: Vec<usize> = found.iter().map(|number| number.parse().unwrap()).collect();
        assert_eq!((numbers.len(), numbers.iter().collect::<BTreeSet<_>>().len()), (MANY, MANY), "{name}");
        assert!((MANY / 50..=MANY / 50 + 2).contains(&pages), "{pages} pages of {name}");
        if name == "posts" {
            assert!(numbers.is_sorted(), "from the oldest to the newest");
        }
    }
    // The end is one page away from the start.
    let first = browser.get("/threads/t0");
    let last = first.html.split_once("<a rel=\"last\" href=\"").unwrap().1.split_once('"').unwrap().0.replace("&amp;", "&");
    browser.get(&last).expect(200, &format!("id=\"post-p{}\"", MANY - 1));
}
