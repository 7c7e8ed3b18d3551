//! New threads and posts, with a preview.

use axum::http::Method;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::thread::place;
use crate::api::{IDEMPOTENCY_KEY, encoded};
use crate::failure::Failure;
use crate::forms::{Field, Form, Sent};
use crate::items::{Post, Thread};
use crate::layout::Page;
use crate::markdown::draft;
use crate::visit::{Id, Visit};

/// Of the API: characters of a title and of a description, and about so many of a post, whose limit is in bytes.
const TITLE: usize = 300;
const DESCRIPTION: usize = 20_000;
const CONTENT: usize = 65_536;

pub(super) const TITLE_FIELD: Field =
    Field { name: "title", label: "Title", hint: None, required: true, most: Some(TITLE), lines: None, autocomplete: None };
pub(super) const DESCRIPTION_FIELD: Field = Field {
    name: "description",
    label: "Description",
    hint: Some("In Markdown: *emphasis*, **strong**, `code`, [link](https://…), > quote, - list."),
    required: false,
    most: Some(DESCRIPTION),
    lines: Some(8),
    autocomplete: None,
};
pub(super) const CONTENT_FIELD: Field = Field {
    name: "content",
    label: "Your post",
    hint: DESCRIPTION_FIELD.hint,
    required: true,
    most: Some(CONTENT),
    lines: Some(8),
    autocomplete: None,
};

/// What a preview is of.
fn previewed(sent: &Sent) -> Option<String> {
    (sent.text("do") == "preview").then(|| [sent.text("content"), sent.text("description")].concat())
}

/// The preview, as a part of a form. A script fills it while somebody writes.
pub(super) fn preview_area(text: Option<&str>) -> Markup {
    html! {
        section.preview aria-label="Preview" data-preview="" hidden[text.is_none()] {
            p.meta { "Preview" }
            div.text { @if let Some(text) = text { (draft(text)) } }
        }
    }
}

/// What the script shows in the preview.
pub(crate) async fn preview(visit: Visit, sent: Sent) -> Result<Markup, Failure> {
    sent.check(&visit)?;
    Ok(draft(&sent.text("text")))
}

pub(crate) async fn new_thread(visit: Visit) -> Response {
    if let Some(response) = visit.must_introduce() {
        return response;
    }
    thread_page(&visit, &Sent::default(), None)
}

pub(crate) async fn create_thread(visit: Visit, sent: Sent) -> Response {
    if sent.text("do") == "preview" {
        return thread_page(&visit, &sent, None);
    }
    let description = Some(sent.text("description")).filter(|text| !text.trim().is_empty());
    let body = json!({ "title": sent.text("title"), "description": description });
    match create::<Thread>(&visit, &sent, "/api/threads", &body).await {
        Ok(thread) => Redirect::to(&format!("/threads/{}?sent={}", thread.thread_id, encoded(&sent.key()))).into_response(),
        Err(failure) => {
            let sent = sent.for_another_try(&failure);
            thread_page(&visit, &sent, Some(&failure))
        }
    }
}

fn thread_page(visit: &Visit, sent: &Sent, failure: Option<&Failure>) -> Response {
    let form = Form { visit, sent, failure };
    let body = html! {
        h1 { "New thread" }
        form.write method="post" action="/new-thread" data-draft="thread" {
            (form.hidden(Some(&sent.key())))
            (form.fault())
            (form.field(&TITLE_FIELD))
            (form.field(&DESCRIPTION_FIELD))
            (preview_area(previewed(sent).as_deref()))
            (buttons("Open the thread"))
        }
    };
    Page { status: form.status(), ..Page::new("New thread", body) }.to(visit)
}

/// The buttons of a form that has a preview. The first one is what the Enter key presses.
fn buttons(send: &str) -> Markup {
    html! {
        p.buttons {
            button name="do" value="send" { (send) }
            button.second name="do" value="preview" formnovalidate { "Preview" }
        }
    }
}

/// The form for a post, for the end of a thread and for a page of its own.
pub(super) fn reply_form(form: &Form, thread: &str, preview: Option<&str>) -> Markup {
    html! {
        form.write method="post" action={ "/threads/" (thread) "/reply" } data-draft={ "reply-" (thread) } {
            (form.hidden(Some(&form.sent.key())))
            (form.fault())
            (form.field(&CONTENT_FIELD))
            (preview_area(preview))
            (buttons("Send"))
        }
    }
}

pub(crate) async fn new_post(visit: Visit, Id(id): Id) -> Response {
    match visit.must_introduce() {
        Some(response) => response,
        None => post_page(&visit, &id, &Sent::default(), None),
    }
}

pub(crate) async fn create_post(visit: Visit, Id(id): Id, sent: Sent) -> Response {
    if sent.text("do") == "preview" {
        return post_page(&visit, &id, &sent, None);
    }
    let body = json!({ "threadId": id, "content": sent.text("content") });
    match create::<Post>(&visit, &sent, "/api/posts", &body).await {
        Ok(post) => {
            let place = place(&post);
            let (page, at) = place.split_once('#').unwrap_or((&place, ""));
            let and = if page.contains('?') { '&' } else { '?' };
            Redirect::to(&format!("{page}{and}sent={}#{at}", encoded(&sent.key()))).into_response()
        }
        Err(failure) => {
            let sent = sent.for_another_try(&failure);
            post_page(&visit, &id, &sent, Some(&failure))
        }
    }
}

fn post_page(visit: &Visit, thread: &str, sent: &Sent, failure: Option<&Failure>) -> Response {
    let form = Form { visit, sent, failure };
    let body = html! {
        h1 { "Reply" }
        p { a href={ "/threads/" (thread) } { "Back to the thread" } }
        (reply_form(&form, thread, previewed(sent).as_deref()))
    };
    Page { status: form.status(), ..Page::new("Reply", body) }.to(visit)
}

/// Creates an item once, however often the form is sent.
async fn create<T: serde::de::DeserializeOwned>(visit: &Visit, sent: &Sent, path: &str, body: &Value) -> Result<T, Failure> {
    sent.check(visit)?;
    let key = sent.key();
    Ok(visit.api.send(Method::POST, path, &[(IDEMPOTENCY_KEY, &key)], Some(body)).await?.json()?.body)
}

impl Sent {
    /// The form as it is shown after a failure: with its key, so that what is sent again is the same item; with a new one where the old
    /// one has made an item of another text.
    fn for_another_try(self, failure: &Failure) -> Self {
        match failure.of_field("Idempotency-Key") {
            Some(_) => self.changed("key", ""),
            None => self,
        }
    }
}
