//! A thread with its posts.

use axum::extract::Query;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::threads::marks;
use super::{ON_A_PAGE, compose};
use crate::api::{Fetched, Users, encoded};
use crate::failure::Failure;
use crate::forms::{Form, Sent};
use crate::items::{Post, Thread};
use crate::layout::{Page, author, paging, summary, time};
use crate::markdown::markdown;
use crate::visit::{Id, Visit};

/// How many earlier posts are shown before the one that a link leads to.
const BEFORE: usize = 5;

/// Which posts to show. The first ones, unless it says otherwise.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Window {
    cursor: Option<String>,
    /// Those from this time on, and a few before.
    from: Option<String>,
    /// The last ones before this time, or before what `cursor` says.
    before: Option<String>,
    /// The last ones of all; anything will do.
    end: Option<String>,
}

/// The posts of a page, oldest first.
#[derive(Debug, Default)]
struct Shown {
    posts: Vec<Post>,
    earlier: Option<String>,
    later: Option<String>,
}

/// Leads to a post: to the page that shows it, at the post.
pub(crate) async fn of_post(visit: Visit, Id(id): Id) -> Result<Response, Failure> {
    let post = visit.api.get::<Post>(&format!("/api/posts/{id}")).await?.body;
    Ok(Redirect::to(&place(&post)).into_response())
}

/// The URL of a post within its thread.
pub(super) fn place(post: &Post) -> String {
    let from = post.created_at.as_deref().map(|from| format!("?from={}", encoded(from))).unwrap_or_default();
    format!("/threads/{}{from}#post-{}", post.thread_id, post.post_id)
}

pub(crate) async fn show(visit: Visit, Id(id): Id, Query(window): Query<Window>) -> Result<Response, Failure> {
    let path = format!("/api/threads/{id}");
    let (thread, shown) = tokio::join!(visit.api.get::<Thread>(&path), posts(&visit, &id, &window));
    let (thread, shown) = (thread?.body, shown?);
    let users = shown.posts.iter().map(|post| post.user_id.as_ref()).chain([thread.user_id.as_ref()]);
    let users = visit.api.users(users).await;
    let is_first = window.cursor.is_none() && window.from.is_none() && window.before.is_none() && window.end.is_none();
    let described = thread.description.as_deref().or_else(|| shown.posts.first().and_then(|post| post.content.as_deref()));
    let page = Page {
        description: described.map(summary),
        // Search engines know a thread by its first page, and lead to the others from there.
        canonical: (is_first && !thread.is_removed()).then(|| format!("/threads/{id}")),
        feed: Some((format!("/threads/{id}/feed.atom"), thread.name().to_owned())),
        ..Page::new(thread.name(), body(&visit, &thread, &shown, &users, is_first))
    };
    Ok(page.to(&visit))
}

async fn posts(visit: &Visit, thread: &str, window: &Window) -> Result<Shown, Failure> {
    let list = async |limit: usize, parameters: String| -> Result<Fetched<Vec<Post>>, Failure> {
        visit.api.get(&format!("/api/posts/in-thread/{thread}?limit={limit}{parameters}")).await
    };
    let cursor = window.cursor.as_ref().map(|cursor| format!("&cursor={}", encoded(cursor))).unwrap_or_default();
    let here = format!("/threads/{thread}");
    let from_post = |post: Option<&Post>| post.and_then(|post| post.created_at.as_deref()).map(encoded);
    if window.before.is_some() || window.end.is_some() {
        let to = window.before.as_ref().map(|before| format!("&to={}", encoded(before))).unwrap_or_default();
        let page = list(ON_A_PAGE, format!("&order=desc{to}{cursor}")).await?;
        let same = window.before.as_ref().map_or_else(|| "end=1".to_owned(), |before| format!("before={}", encoded(before)));
        let earlier = page.next.map(|next| format!("{here}?{same}&cursor={}", encoded(&next)));
        let posts: Vec<_> = page.body.into_iter().rev().collect();
        let is_end = window.before.is_none() && window.cursor.is_none();
        let later = from_post(posts.last().filter(|_| !is_end)).map(|from| format!("{here}?from={from}"));
        return Ok(Shown { posts, earlier, later });
    }
    let from = window.from.as_ref().map(|from| format!("&from={}", encoded(from))).unwrap_or_default();
    let to = window.from.as_ref().filter(|_| window.cursor.is_none()).map(|from| format!("&order=desc&to={}", encoded(from)));
    let before = async {
        match to {
            Some(to) => list(BEFORE, to).await.map(Some),
            None => Ok(None),
        }
    };
    let (page, before) = tokio::try_join!(list(ON_A_PAGE, format!("{from}{cursor}")), before)?;
    let same = window.from.as_ref().map(|from| format!("from={}&", encoded(from))).unwrap_or_default();
    let later = page.next.map(|next| format!("{here}?{same}cursor={}", encoded(&next)));
    let (mut posts, has_earlier) = before.map(|before| (before.body, before.next.is_some())).unwrap_or_default();
    posts.reverse();
    posts.extend(page.body);
    let earlier = from_post(posts.first().filter(|_| has_earlier || window.cursor.is_some()));
    Ok(Shown { earlier: earlier.map(|before| format!("{here}?before={before}")), later, posts })
}

fn body(visit: &Visit, thread: &Thread, shown: &Shown, users: &Users, is_first: bool) -> Markup {
    let id = &thread.thread_id;
    let start = (!is_first && shown.earlier.is_some()).then(|| format!("/threads/{id}"));
    let end = shown.later.as_ref().map(|_| format!("/threads/{id}?end=1"));
    let is_locked = thread.locked_at.is_some() && !visit.moderates();
    html! {
        article.opening {
            h1 { (thread.name()) (marks(thread)) }
            p.meta { (author(users, thread.user_id.as_deref())) " · " (time(thread.created_at.as_deref()))
                @if let Some(count) = thread.post_count { " · " (count) @if count == 1 { " post" } @else { " posts" } } }
            @if let Some(description) = thread.description.as_deref().filter(|_| is_first) {
                div.text { (markdown(description)) }
            }
            (thread_actions(visit, thread))
        }
        (paging(&[("start", "From the beginning", start), ("prev", "Earlier posts", shown.earlier.clone())]))
        @if shown.posts.is_empty() {
            p.empty { @if is_first { "Nobody has replied yet." } @else { "There are no posts here." } }
        } @else {
            h2.hidden { "Posts" }
            ol.posts data-more="" { @for post in &shown.posts { (row(visit, post, users)) } }
        }
        (paging(&[("next", "Later posts", shown.later.clone()), ("last", "Latest posts", end)]))
        section.reply aria-labelledby="reply" {
            h2 #reply { "Reply" }
            @if is_locked {
                p { "This thread is locked: it takes no more posts." }
            } @else if visit.session().is_some() {
                (compose::reply_form(&Form { visit, sent: &Sent::default(), failure: None }, id, None))
            } @else if visit.has_log_in() {
                p { a href=(visit.log_in()) { "Log in" } " to reply." }
            } @else {
                p { "Nobody can log in here: this page is to be read only." }
            }
        }
    }
}

fn thread_actions(visit: &Visit, thread: &Thread) -> Markup {
    let id = &thread.thread_id;
    let own = visit.is(thread.user_id.as_deref());
    html! {
        @if visit.profile().is_some() {
            p.actions {
                @if own || visit.moderates() {
                    a href={ "/threads/" (id) "/edit" } { "Edit thread" }
                    a href={ "/threads/" (id) "/delete" } { "Delete thread" }
                }
                @if !own { a rel="nofollow" href={ "/report?target=threads/" (id) } { "Report thread" } }
                @if visit.moderates() { a href={ "/moderation/act?target=threads/" (id) } { "Moderate thread" } }
            }
        }
    }
}

fn row(visit: &Visit, post: &Post, users: &Users) -> Markup {
    let id = &post.post_id;
    let own = visit.is(post.user_id.as_deref());
    html! {
        li id={ "post-" (id) } {
            article {
                p.meta {
                    (author(users, post.user_id.as_deref())) " · "
                    a.permanent href={ "/posts/" (id) } title="Link to this post" { (time(post.created_at.as_deref())) }
                    @if post.was_edited() { " · edited " (time(post.updated_at.as_deref())) }
                    @if post.is_removed() { " " span.mark { "Removed" } }
                }
                @if let Some(title) = &post.title { p.title { (title) } }
                @match &post.content {
                    Some(content) => div.text { (markdown(content)) },
                    None => p.gone { "[removed by a moderator]" },
                }
                @if visit.profile().is_some() {
                    p.actions {
                        @if own { a href={ "/posts/" (id) "/edit" } { "Edit" } }
                        @if own || visit.moderates() { a href={ "/posts/" (id) "/delete" } { "Delete" } }
                        @if !own { a rel="nofollow" href={ "/report?target=posts/" (id) } { "Report" } }
                        @if visit.moderates() { a href={ "/moderation/act?target=posts/" (id) } { "Moderate" } }
                    }
                }
            }
        }
    }
}
