//! Forms: what they send, and what they are made of.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use maud::{Markup, html};
use uuid::Uuid;

use crate::Shared;
use crate::error_page::sentence;
use crate::failure::Failure;
use crate::visit::Visit;

/// What a form of this site has sent. One of another site is refused before it is read.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    fields: HashMap<String, String>,
}

impl FromRequest<Shared> for Sent {
    type Rejection = Failure;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, Failure> {
        if !is_from_here(request.headers(), shared.site.url.starts_with("https://")) {
            return Err(Failure::new(StatusCode::FORBIDDEN, "this form was not sent from a page of this forum"));
        }
        let body = Bytes::from_request(request, shared).await.map_err(|_| unreadable())?;
        Ok(Self { fields: form_urlencoded::parse(&body).into_owned().collect() })
    }
}

fn unreadable() -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, "the form cannot be read")
}

/// Was it sent by a page of this site? Browsers say so in two headers, which no page can forge; whoever sends neither is no browser
/// that the forms are for.
fn is_from_here(headers: &HeaderMap, secure: bool) -> bool {
    let text = |name| headers.get(name).map(HeaderValue::as_bytes);
    let host = text(header::HOST).unwrap_or_default();
    let scheme: &[u8] = if secure { b"https://" } else { b"http://" };
    let origin = text(header::ORIGIN).map(|origin| origin == [scheme, host].concat());
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        Some(site) => site == b"same-origin" && origin != Some(false),
        None => origin == Some(true),
    }
}

impl Sent {
    /// A form that was not sent yet, with those values.
    pub(crate) fn with(values: &[(&str, &str)]) -> Self {
        Self { fields: values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect() }
    }

    /// The value of a field; empty where it was not sent. Lines end as everywhere but in forms.
    pub(crate) fn text(&self, name: &str) -> String {
        self.fields.get(name).map(|text| text.replace("\r\n", "\n")).unwrap_or_default()
    }

    /// The same form with another value.
    #[must_use]
    pub(crate) fn changed(mut self, name: &str, value: impl Into<String>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// The key under which this form makes one item, however often it is sent.
    pub(crate) fn key(&self) -> String {
        match self.text("key") {
            key if (1..=64).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') => key,
            _ => Uuid::new_v4().to_string(),
        }
    }

    /// Was it made for who is logged in now?
    pub(crate) fn is_of(&self, visit: &Visit) -> bool {
        visit.session().is_some_and(|session| self.fields.get("token") == Some(&session.form))
    }

    /// Checks that it was made for who is logged in now.
    ///
    /// # Errors
    /// 401 where nobody is, 403 for another one's.
    pub(crate) fn check(&self, visit: &Visit) -> Result<(), Failure> {
        match visit.session() {
            None => Err(Failure::new(StatusCode::UNAUTHORIZED, "log in first")),
            Some(_) if self.is_of(visit) => Ok(()),
            Some(_) => Err(stale_form()),
        }
    }
}

/// The form was made before whoever is logged in did so.
pub(crate) fn stale_form() -> Failure {
    Failure::new(StatusCode::FORBIDDEN, "this form was opened before you logged in: look at it again, and send it once more")
}

/// A form as it is shown: with the values that it has, and with what was wrong when it was sent.
pub(crate) struct Form<'a> {
    pub(crate) visit: &'a Visit,
    pub(crate) sent: &'a Sent,
    pub(crate) failure: Option<&'a Failure>,
}

/// A field for text.
#[derive(Default)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) hint: Option<&'static str>,
    pub(crate) required: bool,
    /// The maximum number of characters that the API accepts.
    pub(crate) most: Option<usize>,
    /// How many lines to show; a field of one line where there are none.
    pub(crate) lines: Option<u8>,
    /// What browsers may fill in.
    pub(crate) autocomplete: Option<&'static str>,
}

impl Form<'_> {
    /// The fields that nobody sees: the token of the session, and the key where the form makes an item.
    pub(crate) fn hidden(&self, key: Option<&str>) -> Markup {
        html! {
            (crate::layout::token(self.visit.visitor.session.as_ref()))
            @if let Some(key) = key { input type="hidden" name="key" value=(key); }
        }
    }

    /// What is wrong with the form as a whole.
    pub(crate) fn fault(&self) -> Markup {
        html! {
            @if let Some(failure) = self.failure {
                div.fault role="alert" {
                    p { (self.sentence(failure)) @if let Some(advice) = failure.advice() { " " (advice) } }
                    @if failure.is_logged_out() && self.visit.has_log_in() {
                        p { "Your text is still here. " a href="/log-in?then=/" target="_blank" { "Log in (opens a new tab)" } ", then send it again." }
                    }
                    @let unplaced: Vec<_> = failure.errors.iter().filter(|error| !is_shown(&error.field)).collect();
                    @if !unplaced.is_empty() {
                        ul { @for error in unplaced { li { (error.field) ": " (error.message) } } }
                    }
                }
            }
        }
    }

    fn sentence(&self, failure: &Failure) -> String {
        match failure.status {
            StatusCode::UNPROCESSABLE_ENTITY if failure.errors.iter().any(|error| is_shown(&error.field)) => {
                "Something is not right yet: see below.".to_owned()
            }
            StatusCode::UNAUTHORIZED => "You are not logged in any more.".to_owned(),
            _ => sentence(&failure.detail),
        }
    }

    /// A field with its label, its hint, and what is wrong with it.
    pub(crate) fn field(&self, field: &Field) -> Markup {
        let Field { name, label, hint, required, most, lines, autocomplete } = field;
        let wrong = self.failure.and_then(|failure| failure.of_field(name));
        let value = self.sent.text(name);
        let ids = [hint.map(|_| format!("{name}-hint")), wrong.map(|_| format!("{name}-fault"))];
        let described: Vec<_> = ids.into_iter().flatten().collect();
        let described = (!described.is_empty()).then(|| described.join(" "));
        let invalid = wrong.map(|_| "true");
        html! {
            div.field {
                label for=(name) { (label) @if !required { span.meta { " (optional)" } } }
                @match lines {
                    // A browser drops the first line break.
                    Some(lines) => textarea id=(name) name=(name) rows=(lines) required[*required] maxlength=[most]
                        aria-describedby=[described] aria-invalid=[invalid] { "\n" (value) },
                    None => input type="text" id=(name) name=(name) value=(value) required[*required] maxlength=[most]
                        autocomplete=(autocomplete.unwrap_or("off")) aria-describedby=[described] aria-invalid=[invalid];,
                }
                @if let Some(hint) = hint { p.hint id={ (name) "-hint" } { (hint) } }
                @if let Some(wrong) = wrong { p.wrong id={ (name) "-fault" } { (sentence(wrong)) } }
            }
        }
    }

    /// The status of the page that shows it.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        self.failure.map(|failure| failure.status)
    }
}

/// Do forms have a field of that name, at which its faults are shown?
fn is_shown(field: &str) -> bool {
    ["title", "description", "content", "name", "username", "bio", "reason", "until"].contains(&field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderName;
    use rstest::rstest;

    #[rstest]
    #[case::browser(&[("sec-fetch-site", "same-origin"), ("origin", "https://forum.example")], true)]
    #[case::without_origin(&[("sec-fetch-site", "same-origin")], true)]
    #[case::old_browser(&[("origin", "https://forum.example")], true)]
    #[case::other_site(&[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")], false)]
    #[case::sister(&[("sec-fetch-site", "same-site"), ("origin", "https://evil.forum.example")], false)]
    #[case::by_hand(&[("sec-fetch-site", "none")], false)]
    #[case::contradiction(&[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")], false)]
    #[case::hidden(&[("origin", "null")], false)]
    #[case::other_port(&[("origin", "https://forum.example:8443")], false)]
    #[case::not_encrypted(&[("origin", "http://forum.example")], false)]
    #[case::nothing(&[], false)]
    fn only_forms_of_this_site_are_taken(#[case] sent: &[(&'static str, &str)], #[case] expected: bool) {
        let mut headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("forum.example"))]);
        headers.extend(sent.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())));
        assert_eq!(is_from_here(&headers, true), expected);
    }
}
