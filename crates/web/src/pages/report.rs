//! Reporting what a moderator should look at.

use axum::extract::Query;
use axum::http::Method;
use axum::response::Response;
use maud::html;
use serde::Deserialize;
use serde_json::json;

use crate::failure::Failure;
use crate::forms::{Field, Form, Sent};
use crate::layout::Page;
use crate::visit::{Visit, is_id};

pub(super) const REASON: Field =
    Field { name: "reason", label: "Reason", hint: None, required: true, most: Some(1000), lines: Some(4), autocomplete: None };

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct About {
    target: String,
}

pub(crate) async fn ask(visit: Visit, Query(About { target }): Query<About>) -> Result<Response, Failure> {
    if let Some(response) = visit.must_introduce() {
        return Ok(response);
    }
    page(&visit, &Sent::with(&[("target", &target)]), None)
}

pub(crate) async fn send(visit: Visit, sent: Sent) -> Result<Response, Failure> {
    let reported = async {
        sent.check(&visit)?;
        let body = json!({ "target": sent.text("target"), "reason": sent.text("reason") });
        visit.api.send(Method::POST, "/api/reports", &[], Some(&body)).await
    };
    match reported.await {
        Err(failure) => page(&visit, &sent, Some(&failure)),
        Ok(_) => {
            let target = sent.text("target");
            let (_, what) = kind(&target)?;
            let body = html! {
                h1 { "Reported" }
                p role="status" { "Thank you. A moderator will look at this " (what) "." }
                p { a href={ "/" (target) } { "Back to the " (what) } }
            };
            Ok(Page::new("Reported", body).to(&visit))
        }
    }
}

/// Of which list the target is, and what people call such a thing.
///
/// # Errors
/// 404 for what cannot be reported: its text must not become part of a link.
pub(super) fn kind(target: &str) -> Result<(&str, &'static str), Failure> {
    let (list, id) = target.split_once('/').ok_or_else(Failure::not_found)?;
    let what = match list {
        "threads" => "thread",
        "posts" => "post",
        "users" => "user",
        _ => return Err(Failure::not_found()),
    };
    if is_id(id) { Ok((list, what)) } else { Err(Failure::not_found()) }
}

fn page(visit: &Visit, sent: &Sent, failure: Option<&Failure>) -> Result<Response, Failure> {
    let target = sent.text("target");
    let (_, what) = kind(&target)?;
    let form = Form { visit, sent, failure };
    let heading = format!("Report this {what}");
    let body = html! {
        h1 { (heading) }
        p { "To the moderators: " a href={ "/" (target) } { "this " (what) } "." }
        form.write method="post" action="/report" {
            (form.hidden(None))
            input type="hidden" name="target" value=(target);
            (form.fault())
            (form.field(&Field { label: "What is wrong with it?", ..REASON }))
            p.buttons { button { "Report" } a href={ "/" (target) } { "Cancel" } }
        }
    };
    Ok(Page { status: form.status(), ..Page::new(heading, body) }.to(visit))
}
