//! Writing, changing and deleting.

use serde_json::{Value, json};

use crate::{Dev, HOSTILE, post};

/// The posts of a thread, by what they say.
fn contents(dev: &Dev, thread: &str) -> Vec<String> {
    let posts: Value = dev.api(&format!("/api/posts/in-thread/{thread}"));
    posts.as_array().unwrap().iter().map(|post| post["content"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_thread_is_opened_answered_changed_and_deleted() {
    let dev = Dev::start();
    let mut alice = dev.person("1");
    let form = alice.get("/new-thread").expect(200, "New thread");
    let text = [("title", "Seeds"), ("description", "Which *ones*?"), ("do", "send")];
    let page = alice.fill(&form, "/new-thread", &text).expect(200, "<em>ones</em>");
    let thread = page.path.strip_prefix("/threads/").unwrap().split('?').next().unwrap().to_owned();
    let here = format!("/threads/{thread}");
    let reply = format!("{here}/reply");

    let mut bob = dev.person("2");
    let page = bob.get(&here);
    let page = bob.fill(&page, &reply, &[("content", "**Beans**"), ("do", "send")]).expect(200, "<strong>Beans</strong>");
    assert!(page.path.contains("&sent="), "{page:?}");
    assert_eq!(contents(&dev, &thread), ["**Beans**"]);
    // Of two people each sees what that person may do.
    let id = page.html.split_once("id=\"post-").unwrap().1.split_once('"').unwrap().0.to_owned();
    let edit = format!("/posts/{id}/edit");
    assert!(page.html.contains(&edit));
    let seen = alice.get(&here);
    assert!(!seen.html.contains(&edit) && seen.html.contains(&format!("/report?target=posts/{id}")), "{seen:?}");

    let form = bob.get(&edit).expect(200, "**Beans**");
    let preview = bob.fill(&form, &edit, &[("content", "# Peas"), ("do", "preview")]).expect(200, "<h3>Peas</h3>");
    assert_eq!(contents(&dev, &thread), ["**Beans**"]);
    bob.fill(&preview, &edit, &[("content", "Peas"), ("do", "send")]).expect(200, "edited");
    assert_eq!(contents(&dev, &thread), ["Peas"]);

    let edit = format!("{here}/edit");
    let form = alice.get(&edit).expect(200, "Which *ones*?");
    let text = [("title", "Seeds and bulbs"), ("description", ""), ("do", "send")];
    alice.fill(&form, &edit, &text).expect(200, "Seeds and bulbs");
    assert_eq!(dev.api(&format!("/api{here}"))["description"], Value::Null);

    // Not while others have posts in it.
    let delete = format!("{here}/delete");
    let form = alice.get(&delete).expect(200, "It cannot be brought back.");
    let refused = alice.fill(&form, &delete, &[]).expect(409, "The thread has posts");
    let form = bob.get(&format!("/posts/{id}/delete")).expect(200, "Peas");
    bob.fill(&form, &format!("/posts/{id}/delete"), &[]).expect(200, "Nobody has replied yet.");
    alice.fill(&refused, &delete, &[]).expect(200, "Rust questions");
    alice.get(&here).expect(404, "");
}

#[test]
fn a_form_makes_one_post_however_often_it_is_sent() {
    let dev = Dev::start();
    let mut alice = dev.person("1");
    let form = alice.get("/threads/1");
    let mut places = Vec::new();
    for _ in 0..3 {
        let page = alice.fill(&form, "/threads/1/reply", &[("content", "Once"), ("do", "send")]).expect(200, "<p>Once</p>");
        places.push(page.path);
    }
    places.dedup();
    assert_eq!(places.len(), 1, "{places:?}");
    assert_eq!(contents(&dev, "1").iter().filter(|content| *content == "Once").count(), 1);
    // Another text with the key of the first is not lost: it has a new key, and is sent when the button is pressed again.
    let page = alice.fill(&form, "/threads/1/reply", &[("content", "Twice"), ("do", "send")]).expect(422, "Twice");
    alice.fill(&page, "/threads/1/reply", &[("do", "send")]).expect(200, "<p>Twice</p>");
    assert_eq!(contents(&dev, "1").iter().filter(|content| *content == "Twice").count(), 1);
}

#[test]
fn errors_are_shown_at_their_fields_and_the_text_stays() {
    let dev = Dev::start();
    let mut alice = dev.person("1");
    let form = alice.get("/new-thread");
    let long = "x".repeat(301);
    let page = alice.fill(&form, "/new-thread", &[("title", &long), ("description", HOSTILE), ("do", "send")]);
    let page = page.expect(422, "aria-invalid=\"true\"").expect(422, "id=\"title-fault\"");
    let fields = page.fields("/new-thread");
    assert_eq!((fields["title"].as_str(), fields["description"].as_str()), (long.as_str(), HOSTILE));
    let page = alice.get("/threads/1");
    alice.fill(&page, "/threads/1/reply", &[("content", " \n "), ("do", "send")]).expect(422, "id=\"content-fault\"");
}

#[test]
fn who_saves_over_another_version_sees_both() {
    let dev = Dev::start();
    let (mut first, mut second) = (dev.person("1"), dev.person("1"));
    let edit = "/threads/1/edit";
    let (here, there) = (first.get(edit), second.get(edit));
    first.fill(&here, edit, &[("description", "Of the first"), ("do", "send")]).expect(200, "Of the first");
    let both = second.fill(&there, edit, &[("description", "Of the second"), ("do", "send")]);
    let both = both.expect(412, "The saved version").expect(412, "Of the first").expect(412, "Of the second");
    assert_eq!(dev.api("/api/threads/1")["description"], "Of the first");
    second.fill(&both, edit, &[("description", "Of both"), ("do", "send")]).expect(200, "Of both");
    assert_eq!(dev.api("/api/threads/1")["description"], "Of both");
    // A form that is sent twice, as after a lost response, is no conflict.
    second.fill(&both, edit, &[("description", "Of both"), ("do", "send")]).expect(200, "Of both");
}

#[test]
fn no_text_becomes_a_part_of_a_page() {
    let dev = Dev::start();
    let thread = dev.write("/api/threads", &json!({ "title": HOSTILE, "description": HOSTILE, "userId": "1" }));
    let mut said = post(HOSTILE);
    said["threadId"] = thread["threadId"].clone();
    said["title"] = HOSTILE.into();
    dev.write("/api/posts", &said);
    let mut alice = dev.person("1");
    let form = alice.get("/profile");
    alice.fill(&form, "/profile", &[("name", HOSTILE), ("username", "\"><b>"), ("bio", HOSTILE)]).expect(200, "&lt;script&gt;");
    let id = thread["threadId"].as_str().unwrap();
    for path in ["/", &format!("/threads/{id}"), &format!("/threads/{id}/edit"), "/users/1", "/users/2", "/profile"] {
        let page = alice.get(path);
        assert!(page.status == 200 && page.html.contains("&lt;script&gt;"), "{page:?}");
        let scripts = page.html.matches("<script").count();
        assert_eq!(scripts, page.html.matches("<script type=\"module\" src=\"/assets/").count(), "{page:?}");
        assert!(!page.html.contains("<img") && !page.html.contains("<b>"), "{page:?}");
    }
}

/// Carol is a moderator. In the sample data somebody has reported the first post.
#[test]
fn reports_of_what_is_gone_are_dismissed() {
    let dev = Dev::start();
    let mut alice = dev.person("1");
    let thread = dev.write("/api/threads", &json!({ "title": "T", "userId": "2" }));
    let target = format!("threads/{}", thread["threadId"].as_str().unwrap());
    dev.write("/api/reports", &json!({ "target": target, "reason": "An advertisement", "userId": "1" }));
    let mut bob = dev.person("2");
    let form = bob.get(&format!("/{target}/delete"));
    bob.fill(&form, &format!("/{target}/delete"), &[]).expect(200, "");
    let act = format!("/moderation/act?target={target}");
    alice.get(&act).expect(200, "is gone");
    let mut carol = dev.person("3");
    carol.get("/moderation").expect(200, &target);
    let form = carol.get(&act).expect(200, "This thread is gone.");
    assert!(!form.html.contains("value=\"remove\""), "{form:?}");
    carol.fill(&form, "/moderation/act", &[("reason", "Gone"), ("do", "dismiss")]).expect(200, "Gone");
    assert!(!carol.get("/moderation").html.contains(&target));
}
