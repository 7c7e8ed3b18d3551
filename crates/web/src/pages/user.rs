//! A user, with what that user wrote.

use std::collections::HashMap;

use axum::extract::Query;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::{ON_A_PAGE, threads};
use crate::api::encoded;
use crate::failure::Failure;
use crate::items::{Post, Thread, User};
use crate::layout::{Page, paging, summary, time};
use crate::visit::{Id, Visit};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Shown {
    /// `threads`, or else the posts.
    show: Option<String>,
    cursor: Option<String>,
}

pub(crate) async fn show(visit: Visit, Id(id): Id, Query(shown): Query<Shown>) -> Result<Response, Failure> {
    let from = shown.cursor.as_ref().map(|cursor| format!("&cursor={}", encoded(cursor))).unwrap_or_default();
    let of_threads = shown.show.as_deref() == Some("threads");
    let written = async { if of_threads { threads_of(&visit, &id, &from).await } else { posts_of(&visit, &id, &from).await } };
    let path = format!("/api/users/{id}");
    let (user, written) = tokio::join!(visit.api.get::<User>(&path), written);
    let (user, (list, next)) = (user?.body, written?);
    let here = format!("/users/{id}");
    let next = next.map(|next| format!("{here}?{}cursor={}", if of_threads { "show=threads&" } else { "" }, encoded(&next)));
    let name = user.name.as_deref().unwrap_or("[nameless]");
    let body = html! {
        h1 { bdi { (name) } }
        p.meta {
            @if let Some(username) = &user.username { "@" (username) " · " }
            "here since " (time(user.created_at.as_deref()))
        }
        @if let Some(until) = &user.suspended_until {
            p.notice { "May not write until " (time(Some(until))) @if let Some(reason) = &user.suspended_reason { ": " (reason) } }
        }
        @if let Some(bio) = &user.bio { p.bio { (bio) } }
        @if visit.profile().is_some() {
            p.actions {
                @if visit.is(Some(&id)) {
                    a href="/profile" { "Edit profile" }
                    a href="/profile/export" { "Export what you wrote" }
                    a href="/profile/delete" { "Delete account" }
                } @else {
                    a rel="nofollow" href={ "/report?target=users/" (id) } { "Report user" }
                    @if visit.moderates() { a href={ "/moderation/act?target=users/" (id) } { "Moderate user" } }
                }
            }
        }
        nav.tabs aria-label="What to show" {
            a href=(here) aria-current=[(!of_threads).then_some("page")] { "Posts" }
            a href={ (here) "?show=threads" } aria-current=[of_threads.then_some("page")] { "Threads" }
        }
        (list)
        (paging(&[("next", "Next page", next)]))
    };
    Ok(Page { description: user.bio.as_deref().map(summary), ..Page::new(name, body) }.to(&visit))
}

async fn threads_of(visit: &Visit, id: &str, from: &str) -> Result<(Markup, Option<String>), Failure> {
    let threads = visit.api.get::<Vec<Thread>>(&format!("/api/threads?userId={id}&limit={ON_A_PAGE}{from}")).await?;
    let users = visit.api.users(threads::writers(&threads.body)).await;
    let list = html! {
        @if threads.body.is_empty() { p.empty { "No threads yet." } } @else { (threads::rows(&threads.body, &users)) }
    };
    Ok((list, threads.next))
}

async fn posts_of(visit: &Visit, id: &str, from: &str) -> Result<(Markup, Option<String>), Failure> {
    let posts = visit.api.get::<Vec<Post>>(&format!("/api/posts/by-user/{id}?limit={ON_A_PAGE}{from}")).await?;
    let mut ids: Vec<_> = posts.body.iter().map(|post| post.thread_id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let titles: HashMap<String, Thread> = if ids.is_empty() {
        HashMap::new()
    } else {
        let threads = visit.api.get::<Vec<Thread>>(&format!("/api/threads?fields=threadId,title&ids={}", ids.join(","))).await?;
        threads.body.into_iter().map(|thread| (thread.thread_id.clone(), thread)).collect()
    };
    let list = html! {
        @if posts.body.is_empty() {
            p.empty { "No posts yet." }
        } @else {
            ol.written data-more="" {
                @for post in &posts.body {
                    li {
                        p.meta {
                            a href={ "/posts/" (post.post_id) } { (titles.get(&post.thread_id).map_or("[deleted thread]", Thread::name)) }
                            " · " (time(post.created_at.as_deref()))
                        }
                        p { (post.content.as_deref().map_or_else(|| "[removed by a moderator]".to_owned(), summary)) }
                    }
                }
            }
        }
    };
    Ok((list, posts.next))
}
