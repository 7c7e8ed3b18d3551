//! The first page: the threads.

use axum::extract::Query;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::ON_A_PAGE;
use crate::api::{Users, encoded};
use crate::failure::Failure;
use crate::items::Thread;
use crate::layout::{Page, author, paging, time};
use crate::visit::Visit;

/// How many pinned threads stand above the others.
const PINNED: usize = 10;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct List {
    cursor: Option<String>,
    /// `created`: the newest threads first. Else those whose last post is the newest.
    sort: Option<String>,
}

/// A page of the list.
struct Shown {
    pinned: Vec<Thread>,
    threads: Vec<Thread>,
    next: Option<String>,
}

pub(crate) async fn list(visit: Visit, Query(List { cursor, sort }): Query<List>) -> Result<Response, Failure> {
    let by_age = sort.as_deref() == Some("created");
    let Shown { pinned, threads, next } = shown(&visit, by_age, cursor.as_deref()).await?;
    let users = visit.api.users(writers(&pinned).chain(writers(&threads))).await;
    let order = if by_age { "sort=created&" } else { "" };
    let first = if by_age { "/?sort=created" } else { "/" };
    let next = next.map(|next| format!("/?{order}cursor={}", encoded(&next)));
    let body = html! {
        div.heading {
            h1 { "Threads" }
            @if visit.has_log_in() { a.button href="/new-thread" { "New thread" } }
        }
        nav.tabs aria-label="Order" {
            a href="/" aria-current=[(!by_age).then_some("page")] { "Latest posts" }
            a href="/?sort=created" aria-current=[by_age.then_some("page")] { "Newest threads" }
        }
        @if !pinned.is_empty() {
            ol.threads.pinned aria-label="Pinned threads" { @for thread in &pinned { (row(thread, &users)) } }
        }
        @if !threads.is_empty() {
            (rows(&threads, &users))
        } @else if pinned.is_empty() {
            p.empty { @if cursor.is_some() { "There are no more threads." } @else { "Nobody has opened a thread yet." } }
        }
        (paging(&[("first", "First page", cursor.is_some().then(|| first.to_owned())), ("next", "Next page", next)]))
    };
    let site = &visit.shared.site;
    let page = Page {
        description: Some(format!("What is talked about in {}.", site.title)),
        canonical: (cursor.is_none() && !by_age).then(|| "/".to_owned()),
        feed: Some(("/feed.atom".to_owned(), "New threads".to_owned())),
        ..Page::new("", body)
    };
    Ok(page.to(&visit))
}

async fn shown(visit: &Visit, by_age: bool, cursor: Option<&str>) -> Result<Shown, Failure> {
    let from = cursor.map(|cursor| format!("&cursor={}", encoded(cursor))).unwrap_or_default();
    let sort = if by_age { "created" } else { "activity" };
    let list = async |parameters: String| visit.api.get::<Vec<Thread>>(&format!("/api/threads?limit={parameters}")).await;
    let pinned = async { if cursor.is_some() { Ok(Vec::new()) } else { Ok(list(format!("{PINNED}&pinned=true")).await?.body) } };
    let (threads, pinned) = tokio::try_join!(list(format!("{ON_A_PAGE}&sort={sort}{from}")), pinned)?;
    let is_pinned = |thread: &Thread| pinned.iter().any(|pinned| pinned.thread_id == thread.thread_id);
    let rest = threads.body.into_iter().filter(|thread| !is_pinned(thread)).collect();
    Ok(Shown { threads: rest, next: threads.next, pinned })
}

/// Everybody whose name the rows show.
pub(super) fn writers(threads: &[Thread]) -> impl Iterator<Item = Option<&String>> {
    threads.iter().flat_map(|thread| [thread.user_id.as_ref(), thread.last_post_user_id.as_ref()])
}

/// Threads, one a row.
pub(super) fn rows(threads: &[Thread], users: &Users) -> Markup {
    html! {
        ol.threads data-more="" {
            @for thread in threads { (row(thread, users)) }
        }
    }
}

fn row(thread: &Thread, users: &Users) -> Markup {
    html! {
        li {
            div.about {
                h2 { a href={ "/threads/" (thread.thread_id) } { (thread.name()) } (marks(thread)) }
                p.meta { (author(users, thread.user_id.as_deref())) " · " (time(thread.created_at.as_deref())) }
            }
            @if let Some(count) = thread.post_count {
                div.activity {
                    span.count { (count) @if count == 1 { " post" } @else { " posts" } }
                    @if let (Some(id), Some(at)) = (&thread.last_post_id, &thread.last_post_at) {
                        span.meta {
                            (author(users, thread.last_post_user_id.as_deref())) " · " a href={ "/posts/" (id) } { (time(Some(at))) }
                        }
                    }
                }
            }
        }
    }
}

/// What is special about a thread, in words.
pub(super) fn marks(thread: &Thread) -> Markup {
    html! {
        @if thread.pinned_at.is_some() { " " span.mark { "Pinned" } }
        @if thread.locked_at.is_some() { " " span.mark { "Locked" } }
        @if thread.is_removed() { " " span.mark { "Removed" } }
    }
}
