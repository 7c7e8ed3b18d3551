//! For programs that follow the forum: search engines and feed readers. They see what everybody sees.

use std::fmt::Write;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chrono::Utc;
use maud::{Markup, PreEscaped, Render, html};
use moka::future::Cache;

use crate::Shared;
use crate::api::{Api, Users, encoded};
use crate::failure::Failure;
use crate::items::{Post, Thread};
use crate::layout::machine_readable;
use crate::markdown::markdown;
use crate::visit::{Id, Visit};

/// How many entries a feed has.
const ENTRIES: usize = 50;
/// How many URLs a sitemap may have (sitemaps.org).
const MOST_URLS: usize = 50_000;
/// How many threads are asked for at once.
const AT_ONCE: usize = 1000;
/// How long a sitemap is good for: to make it takes a request for each thousand threads.
const SITEMAP_SECONDS: u64 = 600;

pub(crate) fn routes() -> Router<Shared> {
    let sitemaps = Cache::builder().max_capacity(1).time_to_live(Duration::from_secs(SITEMAP_SECONDS)).build();
    let sitemap = async move |visit: Visit| sitemap(visit, sitemaps.clone()).await;
    Router::new()
        .route("/robots.txt", get(robots))
        .route("/sitemap.xml", get(sitemap))
        .route("/feed.atom", get(threads))
        .route("/threads/{threadId}/feed.atom", get(thread))
}

/// Which pages search engines need not read: those that are only for who is logged in, and parts of lists.
async fn robots(State(shared): State<Shared>) -> impl IntoResponse {
    let closed = ["/api/", "/dev", "/log-in", "/new-thread", "/profile", "/report", "/moderation", "/posts/"];
    let mut text = "User-agent: *\n".to_owned();
    for path in closed {
        let _ = writeln!(text, "Disallow: {path}");
    }
    let _ = write!(text, "\nSitemap: {}/sitemap.xml\n", shared.site.url);
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=3600")], text)
}

fn xml(kind: &'static str, seconds: u64, body: impl IntoResponse) -> Response {
    ([(header::CONTENT_TYPE, kind.to_owned()), (header::CACHE_CONTROL, format!("public, max-age={seconds}"))], body)
        .into_response()
}

async fn sitemap(visit: Visit, made: Cache<(), Bytes>) -> Result<Response, Failure> {
    let url = visit.shared.site.url.clone();
    let made = made.try_get_with((), async { whole_sitemap(&url, &visit.api).await }).await;
    let body = made.map_err(|failure| (*failure).clone())?;
    Ok(xml("application/xml; charset=utf-8", SITEMAP_SECONDS, body))
}

async fn whole_sitemap(url: &str, api: &Api) -> Result<Bytes, Failure> {
    let mut text =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n".to_owned();
    let (mut cursor, mut left) = (String::new(), MOST_URLS);
    while left > 0 {
        let path = format!("/api/threads?fields=threadId,updatedAt&limit={}{cursor}", AT_ONCE.min(left));
        let page = api.get::<Vec<Thread>>(&path).await?;
        for thread in &page.body {
            let changed = thread.updated_at.iter().map(|at| html! { lastmod { (at) } }.0).collect::<String>();
            let _ = writeln!(text, "<url><loc>{url}/threads/{}</loc>{changed}</url>", thread.thread_id);
        }
        left = left.saturating_sub(page.body.len());
        match page.next {
            Some(next) => cursor = format!("&cursor={}", encoded(&next)),
            None => break,
        }
    }
    text.push_str("</urlset>\n");
    Ok(text.into())
}

/// An entry of a feed.
struct EntryOf<'a> {
    id: String,
    title: String,
    author: &'a str,
    published: &'a str,
    updated: &'a str,
    html: Markup,
}

/// A feed (RFC 4287).
fn atom(site: &str, path: &str, of: &str, title: &str, updated: &str, entries: &[EntryOf]) -> Response {
    let feed = html! {
        (PreEscaped("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"))
        feed xmlns="http://www.w3.org/2005/Atom" {
            id { (site) (path) }
            title { (Xml(title)) }
            updated { (updated) }
            link rel="self" type="application/atom+xml" href={ (site) (path) } {}
            link rel="alternate" type="text/html" href={ (site) (of) } {}
            @for entry in entries {
                entry {
                    id { (site) (entry.id) }
                    title { (Xml(&entry.title)) }
                    author { name { (Xml(entry.author)) } }
                    published { (entry.published) }
                    updated { (entry.updated) }
                    link rel="alternate" type="text/html" href={ (site) (entry.id) } {}
                    content type="html" { (Xml(&entry.html.0)) }
                }
            }
        }
    };
    xml("application/atom+xml; charset=utf-8", 60, feed.0)
}

/// Text as XML has it: escaped, and without the characters that XML cannot have at all.
struct Xml<'a>(&'a str);

impl Render for Xml<'_> {
    fn render_to(&self, buffer: &mut String) {
        let allowed =
            |letter: &char| matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..) && *letter != '\u{7f}';
        let text: String = self.0.chars().filter(allowed).collect();
        text.as_str().render_to(buffer);
    }
}

/// The newest threads.
async fn threads(visit: Visit) -> Result<Response, Failure> {
    let threads = visit.api.get::<Vec<Thread>>(&format!("/api/threads?limit={ENTRIES}")).await?.body;
    let users = visit.api.users(threads.iter().map(|thread| thread.user_id.as_ref())).await;
    let entries = threads.iter().map(|thread| EntryOf {
        id: format!("/threads/{}", thread.thread_id),
        title: thread.name().to_owned(),
        author: name(&users, thread.user_id.as_deref()),
        published: thread.created_at.as_deref().unwrap_or_default(),
        updated: thread.updated_at.as_deref().unwrap_or_default(),
        html: markdown(thread.description.as_deref().unwrap_or_default()),
    });
    let entries: Vec<_> = entries.collect();
    let title = format!("{}: new threads", visit.shared.site.title);
    let updated = latest(entries.iter().map(|entry| entry.updated));
    Ok(atom(&visit.shared.site.url, "/feed.atom", "/", &title, &updated, &entries))
}

/// The newest posts of a thread.
async fn thread(visit: Visit, Id(id): Id) -> Result<Response, Failure> {
    let (thread, posts) = tokio::try_join!(async { visit.api.get::<Thread>(&format!("/api/threads/{id}")).await }, async {
        visit.api.get::<Vec<Post>>(&format!("/api/posts/in-thread/{id}?order=desc&limit={ENTRIES}")).await
    },)?;
    let (thread, posts) = (thread.body, posts.body);
    let users = visit.api.users(posts.iter().map(|post| post.user_id.as_ref())).await;
    let entries: Vec<_> = posts
        .iter()
        .map(|post| {
            let author = name(&users, post.user_id.as_deref());
            EntryOf {
                id: format!("/posts/{}", post.post_id),
                title: post.title.clone().unwrap_or_else(|| format!("{author} in “{}”", thread.name())),
                author,
                published: post.created_at.as_deref().unwrap_or_default(),
                updated: post.updated_at.as_deref().unwrap_or_default(),
                html: post.content.as_deref().map_or_else(|| html! { "[removed by a moderator]" }, markdown),
            }
        })
        .collect();
    let title = format!("{}: {}", visit.shared.site.title, thread.name());
    let times = entries.iter().map(|entry| entry.updated).chain(thread.updated_at.as_deref());
    let here = format!("/threads/{id}");
    Ok(atom(&visit.shared.site.url, &format!("{here}/feed.atom"), &here, &title, &latest(times), &entries))
}

fn name<'a>(users: &'a Users, id: Option<&'a str>) -> &'a str {
    id.and_then(|id| users.name(id)).unwrap_or("[deleted user]")
}

fn latest<'a>(times: impl Iterator<Item = &'a str>) -> String {
    times.max().map_or_else(|| machine_readable(Utc::now()), str::to_owned)
}
