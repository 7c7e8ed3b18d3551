//! One's own profile.

use axum::body::Body;
use axum::extract::Query;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::forms::{Field, Form, Sent};
use crate::items::User;
use crate::layout::Page;
use crate::log_in::is_own_path;
use crate::session::{Change, Profile};
use crate::visit::Visit;

const FIELDS: [Field; 3] = [
    Field {
        name: "name",
        label: "Name",
        hint: Some("What others see."),
        required: true,
        most: Some(100),
        lines: None,
        autocomplete: Some("name"),
    },
    Field {
        name: "username",
        label: "Handle",
        hint: None,
        required: false,
        most: Some(50),
        lines: None,
        autocomplete: Some("username"),
    },
    Field { name: "bio", label: "About you", hint: None, required: false, most: Some(2000), lines: Some(4), autocomplete: None },
];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Then {
    /// The page to go on with.
    then: String,
}

pub(crate) async fn edit(visit: Visit, Query(Then { then }): Query<Then>) -> Result<Response, Failure> {
    if visit.session().is_none() {
        return Ok(visit.must_introduce().unwrap_or_else(|| Redirect::to("/").into_response()));
    }
    let sent = match visit.api.get_fresh::<User>("/api/users/me").await {
        Ok(me) => {
            let values =
                [("name", &me.body.name), ("username", &me.body.username), ("bio", &me.body.bio), ("email", &me.body.email)];
            let values: Vec<_> = values.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect();
            Sent::with(&values).changed("etag", me.etag.unwrap_or_default())
        }
        Err(failure) if is_missing(&failure) => Sent::default(),
        Err(failure) => return Err(failure),
    };
    Ok(page(&visit, &sent.changed("then", then), None))
}

fn is_missing(failure: &Failure) -> bool {
    failure.status == StatusCode::NOT_FOUND || failure.name == "profile-missing"
}

pub(crate) async fn save(visit: Visit, sent: Sent) -> Result<Response, Failure> {
    let me = match write(&visit, &sent).await {
        Ok(me) => me,
        Err(failure) if failure.status == StatusCode::PRECONDITION_FAILED => {
            // One's own other window: what it saved is shown, and nothing is lost silently.
            let now = visit.api.get_fresh::<User>("/api/users/me").await?;
            let detail = "you have changed your profile in another window; send this once more to replace it";
            let sent = sent.changed("etag", now.etag.unwrap_or_default());
            return Ok(page(&visit, &sent, Some(&Failure::new(failure.status, detail))));
        }
        Err(failure) => return Ok(page(&visit, &sent, Some(&failure))),
    };
    let then = Some(sent.text("then")).filter(|then| is_own_path(then)).unwrap_or_else(|| format!("/users/{}", me.user_id));
    let Some(session) = visit.session() else { return Ok(Redirect::to(&then).into_response()) };
    let user = Some(Profile { id: me.user_id, name: me.name.unwrap_or_default() });
    Ok(Change::Keep(Box::new(crate::session::Session { user, ..session.clone() }), None).on(Redirect::to(&then)))
}

async fn write(visit: &Visit, sent: &Sent) -> Result<User, Failure> {
    sent.check(visit)?;
    let etag = sent.text("etag");
    let values = FIELDS.iter().map(|field| (field.name.to_owned(), sent.text(field.name), field.required));
    if visit.profile().is_none() {
        let given = values.filter(|(_, value, required)| *required || !value.trim().is_empty());
        let body: Map<String, Value> = given.map(|(name, value, _)| (name, value.into())).collect();
        return Ok(visit.api.send(Method::PUT, "/api/users/me", &[], Some(&body.into())).await?.json()?.body);
    }
    let or_null = |value: String, required: bool| if value.trim().is_empty() && !required { Value::Null } else { value.into() };
    let body: Map<String, Value> = values.map(|(name, value, required)| (name, or_null(value, required))).collect();
    let condition = [(header::IF_MATCH, etag.as_str())];
    let conditions = if etag.is_empty() { &[][..] } else { &condition[..] };
    Ok(visit.api.send(Method::PATCH, "/api/users/me", conditions, Some(&body.into())).await?.json()?.body)
}

fn page(visit: &Visit, sent: &Sent, failure: Option<&Failure>) -> Response {
    let form = Form { visit, sent, failure };
    let is_new = visit.profile().is_none();
    let heading = if is_new { "Make your profile" } else { "Edit profile" };
    let email = sent.text("email");
    let body = html! {
        h1 { (heading) }
        @if is_new { p { "Before you write, tell the others who you are." } }
        form.write method="post" action="/profile" {
            (form.hidden(None))
            @for name in ["etag", "then", "email"] { input type="hidden" name=(name) value=(sent.text(name)); }
            (form.fault())
            @for field in &FIELDS { (form.field(field)) }
            @if !email.is_empty() { p.meta { "Your e-mail address is " (email) ", as your log-in says." } }
            p.buttons { button { "Save" } }
        }
    };
    Page { status: form.status(), ..Page::new(heading, body) }.to(visit)
}

/// What the visitor wrote, as a file.
pub(crate) async fn export(visit: Visit) -> Result<Response, Failure> {
    if visit.session().is_none() {
        return Ok(visit.must_introduce().unwrap_or_else(|| Redirect::to("/").into_response()));
    }
    let exported = visit.api.stream(Method::GET, "/api/users/me/export", &[], None).await?;
    let mut response = Response::new(Body::new(exported.into_body()));
    for (name, value) in [
        (header::CONTENT_TYPE, "application/jsonl; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"forum-export.jsonl\""),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}
