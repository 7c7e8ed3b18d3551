//! Changing threads and posts. Whoever saves over another one's change sees both, and decides.

use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::compose::{CONTENT_FIELD, DESCRIPTION_FIELD, TITLE_FIELD, preview_area};
use super::thread::place;
use crate::api::Fetched;
use crate::failure::Failure;
use crate::forms::{Field, Form, Sent};
use crate::items::{Post, Thread};
use crate::layout::Page;
use crate::visit::{Id, Visit};

/// What can be changed on a page.
trait Editable: DeserializeOwned {
    /// The heading of the page.
    const HEADING: &'static str;
    /// The fields of its form.
    const FIELDS: &'static [Field];

    /// The item's path, below `/api` as on the page.
    fn path(id: &str) -> String;

    /// The value of a field.
    fn value(&self, field: &str) -> &str;

    /// The page that shows it.
    fn place(&self) -> String;
}

impl Editable for Thread {
    const HEADING: &'static str = "Edit thread";
    const FIELDS: &'static [Field] = &[TITLE_FIELD, DESCRIPTION_FIELD];

    fn path(id: &str) -> String {
        format!("/threads/{id}")
    }

    fn value(&self, field: &str) -> &str {
        if field == "title" { self.title.as_deref() } else { self.description.as_deref() }.unwrap_or_default()
    }

    fn place(&self) -> String {
        Self::path(&self.thread_id)
    }
}

impl Editable for Post {
    const HEADING: &'static str = "Edit post";
    const FIELDS: &'static [Field] = &[CONTENT_FIELD];

    fn path(id: &str) -> String {
        format!("/posts/{id}")
    }

    fn value(&self, _: &str) -> &str {
        self.content.as_deref().unwrap_or_default()
    }

    fn place(&self) -> String {
        place(self)
    }
}

pub(crate) async fn edit_thread(visit: Visit, Id(id): Id) -> Result<Response, Failure> {
    edit::<Thread>(&visit, &id).await
}

pub(crate) async fn save_thread(visit: Visit, Id(id): Id, sent: Sent) -> Result<Response, Failure> {
    save::<Thread>(&visit, &id, sent).await
}

pub(crate) async fn edit_post(visit: Visit, Id(id): Id) -> Result<Response, Failure> {
    edit::<Post>(&visit, &id).await
}

pub(crate) async fn save_post(visit: Visit, Id(id): Id, sent: Sent) -> Result<Response, Failure> {
    save::<Post>(&visit, &id, sent).await
}

async fn edit<T: Editable>(visit: &Visit, id: &str) -> Result<Response, Failure> {
    if let Some(response) = visit.must_introduce() {
        return Ok(response);
    }
    let now = fresh::<T>(visit, id).await?;
    let values: Vec<_> = T::FIELDS.iter().map(|field| (field.name, now.body.value(field.name))).collect();
    let sent = Sent::with(&values).changed("etag", now.etag.unwrap_or_default());
    Ok(page::<T>(visit, id, &sent, None, None))
}

async fn fresh<T: Editable>(visit: &Visit, id: &str) -> Result<Fetched<T>, Failure> {
    visit.api.get_fresh(&format!("/api{}", T::path(id))).await
}

async fn save<T: Editable>(visit: &Visit, id: &str, sent: Sent) -> Result<Response, Failure> {
    if sent.text("do") == "preview" {
        return Ok(page::<T>(visit, id, &sent, None, None));
    }
    let failure = match write::<T>(visit, id, &sent).await {
        Ok(saved) => return Ok(Redirect::to(&saved.place()).into_response()),
        Err(failure) => failure,
    };
    if failure.status != StatusCode::PRECONDITION_FAILED {
        return Ok(page::<T>(visit, id, &sent, Some(&failure), None));
    }
    let now = fresh::<T>(visit, id).await?;
    if T::FIELDS.iter().all(|field| now.body.value(field.name) == sent.text(field.name)) {
        // It was saved before, and the response was lost.
        return Ok(Redirect::to(&now.body.place()).into_response());
    }
    let sent = sent.changed("etag", now.etag.clone().unwrap_or_default());
    Ok(page::<T>(visit, id, &sent, Some(&failure), Some(&now.body)))
}

async fn write<T: Editable>(visit: &Visit, id: &str, sent: &Sent) -> Result<T, Failure> {
    sent.check(visit)?;
    let value = |field: &Field| match sent.text(field.name) {
        text if text.trim().is_empty() && !field.required => Value::Null,
        text => text.into(),
    };
    let body: serde_json::Map<_, _> = T::FIELDS.iter().map(|field| (field.name.to_owned(), value(field))).collect();
    let etag = sent.text("etag");
    let condition = [(header::IF_MATCH, etag.as_str())];
    let conditions = if etag.is_empty() { &[][..] } else { &condition[..] };
    Ok(visit.api.send(Method::PATCH, &format!("/api{}", T::path(id)), conditions, Some(&json!(body))).await?.json()?.body)
}

/// The form; with what somebody else has saved meanwhile beside it.
fn page<T: Editable>(visit: &Visit, id: &str, sent: &Sent, failure: Option<&Failure>, theirs: Option<&T>) -> Response {
    let form = Form { visit, sent, failure: failure.filter(|_| theirs.is_none()) };
    let preview = (sent.text("do") == "preview").then(|| [sent.text("content"), sent.text("description")].concat());
    let path = T::path(id);
    let body = html! {
        h1 { (T::HEADING) }
        @if theirs.is_some() {
            div.fault role="alert" {
                p { "Somebody has changed this since you opened it, and nothing was saved yet. Compare both, then save what should stay." }
            }
        }
        div.versions[theirs.is_some()] {
            @if let Some(theirs) = theirs { (other_version(theirs)) }
            form.write method="post" action={ (path) "/edit" } {
                @if theirs.is_some() { h2 { "Your version" } }
                (form.hidden(None))
                input type="hidden" name="etag" value=(sent.text("etag"));
                (form.fault())
                @for field in T::FIELDS { (form.field(field)) }
                (preview_area(preview.as_deref()))
                p.buttons {
                    button name="do" value="send" { @if theirs.is_some() { "Save my version" } @else { "Save" } }
                    button.second name="do" value="preview" formnovalidate { "Preview" }
                    a href=(path) { @if theirs.is_some() { "Keep the saved version" } @else { "Cancel" } }
                }
            }
        }
    };
    Page { status: failure.map(|failure| failure.status), ..Page::new(T::HEADING, body) }.to(visit)
}

fn other_version<T: Editable>(theirs: &T) -> Markup {
    html! {
        section.theirs aria-labelledby="theirs" {
            h2 #theirs { "The saved version" }
            @for field in T::FIELDS {
                p.label { (field.label) }
                pre tabindex="0" { (theirs.value(field.name)) }
            }
        }
    }
}
