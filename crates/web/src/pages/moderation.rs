//! For moderators: what was reported, what was done, and what can be done.

use axum::extract::Query;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{TimeDelta, Utc};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::ON_A_PAGE;
use super::report::{REASON, kind};
use crate::api::{IDEMPOTENCY_KEY, encoded};
use crate::failure::Failure;
use crate::forms::{Field, Form, Sent};
use crate::items::{Entry, Post, Report, Thread, User};
use crate::layout::{Page, author, machine_readable, paging, summary, time};
use crate::visit::Visit;

/// How long a user can be suspended: days, and how people call them.
const SUSPENSIONS: [(i64, &str); 5] = [(1, "a day"), (7, "a week"), (30, "30 days"), (365, "a year"), (36_500, "for good")];

/// What can be done to everything, also to what is gone.
const DISMISS: (&str, &str) = ("dismiss", "Dismiss the reports");

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct List {
    cursor: Option<String>,
    target: Option<String>,
}

impl List {
    fn cursor(&self) -> String {
        self.cursor.as_ref().map(|cursor| format!("&cursor={}", encoded(cursor))).unwrap_or_default()
    }
}

/// The links between the pages for moderators.
fn tabs(log: bool) -> Markup {
    html! {
        nav.tabs aria-label="Moderation" {
            a href="/moderation" aria-current=[(!log).then_some("page")] { "Reports" }
            a href="/moderation/log" aria-current=[log.then_some("page")] { "Log" }
        }
    }
}

/// What a target is called in a link to it.
fn link(target: &str) -> Markup {
    html! {
        @match kind(target) {
            Ok((_, what)) => a href={ "/" (target) } { (what) " " (target.split_once('/').map_or("", |(_, id)| id)) },
            Err(_) => code { (target) },
        }
    }
}

pub(crate) async fn queue(visit: Visit, Query(list): Query<List>) -> Result<Response, Failure> {
    if let Some(response) = visit.must_introduce() {
        return Ok(response);
    }
    let path = format!("/api/moderation/reports?limit={ON_A_PAGE}{}", list.cursor());
    let reports = visit.api.get::<Vec<Report>>(&path).await?;
    let users = visit.api.users(reports.body.iter().map(|report| report.user_id.as_ref())).await;
    let next = reports.next.map(|next| format!("/moderation?cursor={}", encoded(&next)));
    let body = html! {
        h1 { "Moderation" }
        (tabs(false))
        @if reports.body.is_empty() {
            p.empty { "Nothing waits for a moderator." }
        } @else {
            ol.written data-more="" {
                @for report in &reports.body {
                    li {
                        p.meta { (link(&report.target)) " · reported by " (author(&users, report.user_id.as_deref())) " · " (time(report.created_at.as_deref())) }
                        p { (report.reason.as_deref().unwrap_or_default()) }
                        p.actions { a href={ "/moderation/act?target=" (encoded(&report.target)) } { "Decide" } }
                    }
                }
            }
        }
        (paging(&[("next", "Next page", next)]))
    };
    Ok(Page::new("Moderation", body).to(&visit))
}

pub(crate) async fn log(visit: Visit, Query(list): Query<List>) -> Result<Response, Failure> {
    if let Some(response) = visit.must_introduce() {
        return Ok(response);
    }
    let of = list.target.as_ref().map(|target| format!("&target={}", encoded(target))).unwrap_or_default();
    let entries = visit.api.get::<Vec<Entry>>(&format!("/api/moderation/log?limit={ON_A_PAGE}{of}{}", list.cursor())).await?;
    let users = visit.api.users(entries.body.iter().map(|entry| entry.user_id.as_ref())).await;
    let next = entries.next.map(|next| format!("/moderation/log?cursor={}{of}", encoded(&next)));
    let body = html! {
        h1 { "Moderation" }
        (tabs(true))
        @if entries.body.is_empty() {
            p.empty { "Nothing was done yet." }
        } @else {
            ol.written data-more="" {
                @for entry in &entries.body {
                    li {
                        p.meta {
                            strong { (entry.action.as_deref().unwrap_or("?")) } " · " (link(&entry.target)) " · by "
                            (author(&users, entry.user_id.as_deref())) " · " (time(entry.created_at.as_deref()))
                            @if let Some(until) = &entry.until { " · until " (time(Some(until))) }
                        }
                        p { (entry.reason.as_deref().unwrap_or_default()) }
                    }
                }
            }
        }
        (paging(&[("next", "Next page", next)]))
    };
    Ok(Page::new("Log of moderation", body).to(&visit))
}

/// What is to be decided about.
struct Matter {
    /// What it says.
    text: String,
    /// What can be done: the action's name, and what its button says.
    actions: Vec<(&'static str, &'static str)>,
}

async fn matter(visit: &Visit, target: &str) -> Result<Matter, Failure> {
    let (list, _) = kind(target)?;
    let path = format!("/api/{target}");
    let mut actions = Vec::new();
    let text = match list {
        "threads" => {
            let thread = visit.api.get_fresh::<Thread>(&path).await?.body;
            actions.push(if thread.is_removed() { ("restore", "Restore") } else { ("remove", "Remove") });
            actions.push(if thread.locked_at.is_some() { ("unlock", "Unlock") } else { ("lock", "Lock") });
            actions.push(if thread.pinned_at.is_some() { ("unpin", "Unpin") } else { ("pin", "Pin") });
            thread.name().to_owned()
        }
        "posts" => {
            let post = visit.api.get_fresh::<Post>(&path).await?.body;
            actions.push(if post.is_removed() { ("restore", "Restore") } else { ("remove", "Remove") });
            summary(post.content.as_deref().unwrap_or("[removed by a moderator]"))
        }
        _ => {
            let user = visit.api.get_fresh::<User>(&path).await?.body;
            let now = machine_readable(Utc::now());
            let is_suspended = user.suspended_until.as_ref().is_some_and(|until| *until > now);
            actions.push(if is_suspended { ("unsuspend", "Let write again") } else { ("suspend", "Suspend") });
            user.name.unwrap_or_default()
        }
    };
    actions.push(DISMISS);
    Ok(Matter { text, actions })
}

pub(crate) async fn ask(visit: Visit, Query(list): Query<List>) -> Result<Response, Failure> {
    if let Some(response) = visit.must_introduce() {
        return Ok(response);
    }
    let target = list.target.unwrap_or_default();
    page(&visit, &Sent::with(&[("target", &target)]), None).await
}

pub(crate) async fn act(visit: Visit, sent: Sent) -> Result<Response, Failure> {
    let done = async {
        sent.check(&visit)?;
        let action = sent.text("do");
        let given = [("target", sent.text("target")), ("action", action.clone()), ("reason", sent.text("reason"))];
        let mut body = Map::from_iter(given.map(|(name, value)| (name.to_owned(), Value::from(value))));
        if action == "suspend" {
            let days = sent.text("days").parse().unwrap_or(1).clamp(1, 36_500);
            body.insert("until".to_owned(), machine_readable(Utc::now() + TimeDelta::days(days)).into());
        }
        visit.api.send(Method::POST, "/api/moderation/actions", &[(IDEMPOTENCY_KEY, &sent.key())], Some(&body.into())).await
    };
    match done.await {
        Ok(_) => Ok(Redirect::to(&format!("/moderation/log?target={}", encoded(&sent.text("target")))).into_response()),
        Err(failure) => page(&visit, &sent, Some(&failure)).await,
    }
}

async fn page(visit: &Visit, sent: &Sent, failure: Option<&Failure>) -> Result<Response, Failure> {
    let target = sent.text("target");
    let (_, what) = kind(&target)?;
    let Matter { text, actions } = match matter(visit, &target).await {
        // Its reports are still in the queue.
        Err(failure) if failure.status == StatusCode::NOT_FOUND => {
            Matter { text: format!("This {what} is gone."), actions: vec![DISMISS] }
        }
        matter => matter?,
    };
    let form = Form { visit, sent, failure };
    let heading = format!("Moderate this {what}");
    let body = html! {
        h1 { (heading) }
        p.meta { (link(&target)) " · " a href={ "/moderation/log?target=" (encoded(&target)) } { "what was done about it" } }
        blockquote { (text) }
        form.write method="post" action="/moderation/act" {
            (form.hidden(Some(&sent.key())))
            input type="hidden" name="target" value=(target);
            (form.fault())
            (form.field(&Field { hint: Some("It is kept in the log, and shown to who is suspended."), ..REASON }))
            @if actions.iter().any(|(action, _)| *action == "suspend") {
                div.field {
                    label for="days" { "Suspend for" }
                    select id="days" name="days" {
                        @for (days, text) in SUSPENSIONS { option value=(days) selected[sent.text("days") == days.to_string()] { (text) } }
                    }
                }
            }
            p.buttons {
                @for (action, text) in &actions { button.second name="do" value=(action) { (text) } }
            }
        }
    };
    Ok(Page { status: form.status(), ..Page::new(heading, body) }.to(visit))
}
