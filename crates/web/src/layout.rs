//! What every page has: its frame, and the parts that several pages use.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, Utc};
use maud::{DOCTYPE, Markup, html};

use crate::Shared;
use crate::api::Users;
use crate::session::Visitor;
use crate::visit::Visit;

/// A page, without its frame.
#[derive(Default)]
pub(crate) struct Page {
    pub(crate) title: String,
    /// What search engines show below the title.
    pub(crate) description: Option<String>,
    /// The path under which search engines know it; without one they are told to leave it out.
    pub(crate) canonical: Option<String>,
    /// The path of the feed with what is new on it, and its title.
    pub(crate) feed: Option<(String, String)>,
    pub(crate) status: Option<StatusCode>,
    pub(crate) body: Markup,
}

impl Page {
    /// A page of that title.
    pub(crate) fn new(title: impl Into<String>, body: Markup) -> Self {
        Self { title: title.into(), body, ..Self::default() }
    }

    /// The response to whoever looks at it.
    pub(crate) fn to(self, visit: &Visit) -> Response {
        self.shown(&visit.shared, &visit.visitor, &visit.here)
    }

    /// The response to that visitor, who asked for that path.
    pub(crate) fn shown(self, shared: &Shared, visitor: &Visitor, here: &str) -> Response {
        let site = &shared.site;
        let nav = navigation(visitor, site.provider.is_some(), here);
        let notice = visitor.was_logged_out.then(|| {
            html! { p.notice role="status" { "Your log-in has ended. " a href=(log_in(here)) { "Log in" } " to go on." } }
        });
        self.framed(site, &nav, notice)
    }

    /// The response with that navigation and notice.
    pub(crate) fn framed(self, site: &crate::Site, nav: &Markup, notice: Option<Markup>) -> Response {
        let Self { title, description, canonical, feed, status, body } = self;
        let full = if title.is_empty() { site.title.clone() } else { format!("{title} · {}", site.title) };
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (full) }
                    @if let Some(description) = &description {
                        meta name="description" content=(description);
                    }
                    @match &canonical {
                        Some(path) => link rel="canonical" href={ (site.url) (path) };,
                        None => meta name="robots" content="noindex";,
                    }
                    @if let Some((path, title)) = &feed {
                        link rel="alternate" type="application/atom+xml" href=(path) title=(title);
                    }
                    link rel="icon" type="image/svg+xml" href=(site.assets.url("icon.svg"));
                    link rel="stylesheet" href=(site.assets.url("page.css"));
                    @for script in ["times.js", "drafts.js", "preview.js", "more.js"] {
                        script type="module" src=(site.assets.url(script)) {}
                    }
                }
                body {
                    a.skip href="#main" { "Skip to the content" }
                    header.top {
                        div.wide {
                            a.brand href="/" { (site.title) }
                            (nav)
                        }
                    }
                    main.wide #main tabindex="-1" {
                        @if let Some(notice) = notice { (notice) }
                        (body)
                    }
                    footer.wide { a href="/feed.atom" { "Feed of new threads" } }
                }
            }
        };
        (status.unwrap_or(StatusCode::OK), page).into_response()
    }
}

fn log_in(here: &str) -> String {
    format!("/log-in?then={}", crate::api::encoded(here))
}

fn navigation(visitor: &Visitor, has_log_in: bool, here: &str) -> Markup {
    html! {
        nav.menu aria-label="Main" {
            @match &visitor.session {
                Some(session) => {
                    @if session.moderates { a href="/moderation" { "Moderation" } }
                    @match &session.user {
                        Some(user) => a.self href={ "/users/" (user.id) } { (user.name) },
                        None => a href="/profile" { "Make a profile" },
                    }
                    form method="post" action="/log-out" {
                        (token(Some(session)))
                        button.plain { "Log out" }
                    }
                }
                None => @if has_log_in { a href=(log_in(if here.starts_with("/log-") { "/" } else { here })) { "Log in" } },
            }
        }
    }
}

/// The field by which a form proves that it is of this session.
pub(crate) fn token(session: Option<&std::sync::Arc<crate::session::Session>>) -> Markup {
    html! { @if let Some(session) = session { input type="hidden" name="token" value=(session.form); } }
}

/// A time for people and machines; a script shows it in the reader's zone.
pub(crate) fn time(text: Option<&str>) -> Markup {
    html! {
        @if let Some(text) = text {
            time datetime=(text) { (readable(text)) }
        }
    }
}

/// A time for people: `5 Jan 2026, 10:05 UTC`; what is no time stays as it is.
pub(crate) fn readable(text: &str) -> String {
    let time = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    time.map_or_else(|_| text.to_owned(), |time| time.format("%-d %b %Y, %H:%M UTC").to_string())
}

/// The time as the API writes it.
pub(crate) fn machine_readable(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The name of that user, as a link; of one who is no more, what stands in its place.
pub(crate) fn author(users: &Users, id: Option<&str>) -> Markup {
    html! {
        @match id.map(|id| (id, users.name(id))) {
            Some((id, Some(name))) => a.name href={ "/users/" (id) } { bdi { (name) } },
            Some((_, None)) => span.gone { "[deleted user]" },
            None => span.gone { "[nobody]" },
        }
    }
}

/// The links to other pages of a list, those that there are; a script follows the next one by itself.
pub(crate) fn paging(links: &[(&str, &str, Option<String>)]) -> Markup {
    html! {
        @if links.iter().any(|(.., link)| link.is_some()) {
            nav.pages aria-label="Pages" {
                @for (rel, text, link) in links {
                    @if let Some(link) = link { a rel=(rel) href=(link) { (text) } }
                }
            }
        }
    }
}

/// The beginning of a text, on one line.
pub(crate) fn summary(text: &str) -> String {
    const CHARS: usize = 155;
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    match text.char_indices().nth(CHARS) {
        None => text,
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default().trim_end()),
    }
}
