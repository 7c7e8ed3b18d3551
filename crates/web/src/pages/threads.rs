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

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct List {
    cursor: Option<String>,
}

pub(crate) async fn list(visit: Visit, Query(List { cursor }): Query<List>) -> Result<Response, Failure> {
    let from = cursor.as_ref().map(|cursor| format!("&cursor={}", encoded(cursor))).unwrap_or_default();
    let threads = visit.api.get::<Vec<Thread>>(&format!("/api/threads?limit={ON_A_PAGE}{from}")).await?;
    let users = visit.api.users(writers(&threads.body)).await;
    let next = threads.next.map(|next| format!("/?cursor={}", encoded(&next)));
    let body = html! {
        div.heading {
            h1 { "Threads" }
            @if visit.has_log_in() { a.button href="/new-thread" { "New thread" } }
        }
        @if threads.body.is_empty() {
            p.empty { @if cursor.is_some() { "There are no more threads." } @else { "Nobody has opened a thread yet." } }
        } @else {
            (rows(&threads.body, &users))
        }
        (paging(&[("first", "First page", cursor.is_some().then(|| "/".to_owned())), ("next", "Next page", next)]))
    };
    let site = &visit.shared.site;
    let page = Page {
        description: Some(format!("What is talked about in {}: the threads, newest first.", site.title)),
        canonical: cursor.is_none().then(|| "/".to_owned()),
        feed: Some(("/feed.atom".to_owned(), "New threads".to_owned())),
        ..Page::new("", body)
    };
    Ok(page.to(&visit))
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
