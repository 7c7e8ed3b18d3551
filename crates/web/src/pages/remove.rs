//! Deleting threads and posts, once somebody is sure.

use axum::http::Method;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use crate::failure::Failure;
use crate::forms::{Form, Sent};
use crate::items::{Post, Thread};
use crate::layout::{Page, summary};
use crate::visit::{Id, Visit};

pub(crate) async fn ask_post(visit: Visit, Id(id): Id) -> Result<Response, Failure> {
    if let Some(response) = visit.must_introduce() {
        return Ok(response);
    }
    post_page(&visit, &id, &Sent::default(), None).await
}

pub(crate) async fn post(visit: Visit, Id(id): Id, sent: Sent) -> Result<Response, Failure> {
    let path = format!("/api/posts/{id}");
    let post = visit.api.get::<Post>(&path).await?.body;
    match delete(&visit, &sent, &path).await {
        Ok(()) => Ok(Redirect::to(&format!("/threads/{}", post.thread_id)).into_response()),
        Err(failure) => post_page(&visit, &id, &sent, Some(&failure)).await,
    }
}

async fn post_page(visit: &Visit, id: &str, sent: &Sent, failure: Option<&Failure>) -> Result<Response, Failure> {
    let post = visit.api.get::<Post>(&format!("/api/posts/{id}")).await?.body;
    let quoted = html! { blockquote { (summary(post.content.as_deref().unwrap_or_default())) } };
    let form = Form { visit, sent, failure };
    Ok(page(&form, "Delete post", &format!("/posts/{id}"), &quoted, &html! {}))
}

pub(crate) async fn ask_thread(visit: Visit, Id(id): Id) -> Result<Response, Failure> {
    if let Some(response) = visit.must_introduce() {
        return Ok(response);
    }
    thread_page(&visit, &id, &Sent::default(), None).await
}

pub(crate) async fn thread(visit: Visit, Id(id): Id, sent: Sent) -> Result<Response, Failure> {
    let cascade = if sent.text("cascade").is_empty() { "" } else { "?cascade=true" };
    match delete(&visit, &sent, &format!("/api/threads/{id}{cascade}")).await {
        Ok(()) => Ok(Redirect::to("/").into_response()),
        Err(failure) => thread_page(&visit, &id, &sent, Some(&failure)).await,
    }
}

async fn thread_page(visit: &Visit, id: &str, sent: &Sent, failure: Option<&Failure>) -> Result<Response, Failure> {
    let thread = visit.api.get::<Thread>(&format!("/api/threads/{id}")).await?.body;
    let quoted = html! { blockquote { (thread.name()) } };
    let with_posts = html! {
        @if visit.moderates() {
            p { label { input type="checkbox" name="cascade" value="true" checked[!sent.text("cascade").is_empty()]; " with all posts in it" } }
        }
    };
    let form = Form { visit, sent, failure };
    Ok(page(&form, "Delete thread", &format!("/threads/{id}"), &quoted, &with_posts))
}

/// Deletes it; what is gone already is gone.
async fn delete(visit: &Visit, sent: &Sent, path: &str) -> Result<(), Failure> {
    sent.check(visit)?;
    match visit.api.send(Method::DELETE, path, &[], None).await {
        Err(failure) if failure.status == axum::http::StatusCode::NOT_FOUND => Ok(()),
        other => other.map(|_| ()),
    }
}

fn page(form: &Form, heading: &str, path: &str, quoted: &Markup, more: &Markup) -> Response {
    let body = html! {
        h1 { (heading) }
        (form.fault())
        p { "It cannot be brought back." }
        (quoted)
        form method="post" action={ (path) "/delete" } {
            (form.hidden(None))
            (more)
            p.buttons { button.danger { "Delete" } a href=(path) { "Keep it" } }
        }
    };
    Page { status: form.status(), ..Page::new(heading, body) }.to(form.visit)
}
