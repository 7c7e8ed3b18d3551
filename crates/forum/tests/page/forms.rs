//! Whose forms are taken.

use rstest::rstest;

use crate::{Dev, encoded};

#[rstest]
#[case(&[("Origin", "https://evil.example")])]
#[case(&[("Origin", "null")])]
#[case(&[("Sec-Fetch-Site", "cross-site")])]
#[case(&[("Sec-Fetch-Site", "same-site")])]
#[case(&[])]
fn a_form_of_another_site_does_nothing(#[case] headers: &[(&str, &str)]) {
    let dev = Dev::start();
    let mut alice = dev.person("1");
    let token = alice.get("/new-thread").fields("/new-thread")["token"].clone();
    let fields = encoded(&[("token", &token), ("title", "Forged"), ("content", "Forged"), ("name", "Forged"), ("do", "send")]);
    let before = (dev.api("/api/threads"), dev.api("/api/posts"), dev.api("/api/users"));
    for path in [
        "/new-thread",
        "/threads/1/reply",
        "/threads/1/edit",
        "/threads/1/delete",
        "/posts/1/edit",
        "/posts/1/delete",
        "/profile",
        "/profile/delete",
        "/report",
        "/moderation/act",
        "/preview",
        "/log-out",
    ] {
        alice.send("POST", path, headers, &fields).expect(403, "This form was not sent from a page of this forum.");
    }
    assert_eq!((dev.api("/api/threads"), dev.api("/api/posts"), dev.api("/api/users")), before);
    alice.get("/").expect(200, ">Log out</button>");
}

#[test]
fn a_form_of_another_session_does_nothing_and_its_text_stays() {
    let dev = Dev::start();
    let (mut alice, mut bob) = (dev.person("1"), dev.person("2"));
    let form = alice.get("/threads/1");
    let page = bob.fill(&form, "/threads/1/reply", &[("content", "Of Alice"), ("do", "send")]).expect(403, "Of Alice");
    // The form has Bob's token now.
    bob.fill(&page, "/threads/1/reply", &[("do", "send")]).expect(200, "<p>Of Alice</p>");
    let nobody = dev.browser().fill(&form, "/threads/1/reply", &[("content", "Of nobody"), ("do", "send")]);
    nobody.expect(401, "Of nobody").expect(401, "Your text is still here.");
}
