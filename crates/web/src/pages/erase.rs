//! Deleting one's account.

use axum::http::{Method, StatusCode};
use axum::response::{Redirect, Response};
use maud::html;

use crate::failure::Failure;
use crate::forms::{Form, Sent};
use crate::layout::Page;
use crate::session::Change;
use crate::visit::Visit;

pub(crate) async fn ask(visit: Visit) -> Response {
    match visit.must_introduce() {
        Some(response) => response,
        None => page(&visit, &Sent::default(), None),
    }
}

pub(crate) async fn erase(visit: Visit, sent: Sent) -> Response {
    let erased = async {
        sent.check(&visit)?;
        let posts = if sent.text("posts") == "erase" { "erase" } else { "keep" };
        visit.api.send(Method::DELETE, &format!("/api/users/me?posts={posts}"), &[], None).await
    };
    match erased.await {
        Ok(_) => Change::End.on(Redirect::to("/")),
        // It was done before, and the response was lost.
        Err(failure) if failure.status == StatusCode::NOT_FOUND => Change::End.on(Redirect::to("/")),
        Err(failure) => page(&visit, &sent, Some(&failure)),
    }
}

fn page(visit: &Visit, sent: &Sent, failure: Option<&Failure>) -> Response {
    let form = Form { visit, sent, failure };
    let erases = sent.text("posts") == "erase";
    let body = html! {
        h1 { "Delete account" }
        (form.fault())
        p { "Your profile is deleted at once, and cannot be brought back. " a href="/profile/export" { "Export what you wrote" } " first, if you want to keep it." }
        form method="post" action="/profile/delete" {
            (form.hidden(None))
            fieldset {
                legend { "What you wrote" }
                p { label { input type="radio" name="posts" value="keep" checked[!erases]; " stays, without your name" } }
                p { label { input type="radio" name="posts" value="erase" checked[erases]; " is deleted; threads in which others have posted lose title and description" } }
            }
            p.buttons { button.danger { "Delete my account" } a href="/profile" { "Keep it" } }
        }
    };
    Page { status: form.status(), ..Page::new("Delete account", body) }.to(visit)
}
