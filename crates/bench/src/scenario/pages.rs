//! Pages of lists: the first, the last, and in the other order.

use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::data::{Forum, post_id, thread_id};
use crate::figures::{Bound, Metric, Section, ratio};
use crate::load::{HttpSubject, Load, Request, fetch};
use crate::place::Place;
use crate::round::{Subject, interleave};
use crate::server::Server;
use crate::tools::JSON_SERVERS;
use crate::variant::{self, Backend};

const PAGE: usize = 100;
const LOAD: &str = "1 connection";

const MORE_THAN_A_COPY: &str = "Page of 100: attributes are stored sorted by name, and shown in the order of the schema without those that are \
    hidden, so that each is found and copied by itself. Of a page of 100 threads, 38 KB, that takes 360 of 424 thousand instructions \
    (callgrind, 2026-12-01), where a constant body is written at once. To show a slice of what is stored, files or responses would need \
    another order.";

/// A list of ours.
struct List {
    name: String,
    path: String,
    /// The order that it has by default.
    order: &'static str,
    /// The other order, and how to ask for it.
    reversed: (&'static str, &'static str),
}

pub(super) async fn measure(place: &Place) -> Result<Section> {
    let (threads, crowd) = (place.settings.items(10_000).max(3 * PAGE), place.settings.items(10_000).max(3 * PAGE));
    let forum = Forum { users: 100, threads, posts: crowd, crowd };
    let dir = forum.json_store(place).await?;
    let ready = format!("/api/posts/{}", post_id(0));
    let ours = variant::ours(place, "forum", "pages", Backend::Json(&dir), &ready).await?;

    let mut subjects: Vec<Box<dyn Subject>> = Vec::new();
    let mut add = |variant: &str, server: &Rc<Server>, path: &str| {
        let (to, path) = (server.address, path.to_owned());
        subjects.push(Box::new(HttpSubject {
            variant: variant.to_owned(),
            load_name: LOAD.to_owned(),
            servers: vec![Rc::clone(server)],
            load: Load::new(1, Arc::new(move |_: &mut fastrand::Rng| Request::get(to, &path))).with_a_core(&place.cores),
            duration: place.settings.duration(),
        }));
    };
    let lists = [
        List {
            name: format!("{threads} threads"),
            path: "/api/threads".to_owned(),
            order: "newest first",
            reversed: ("oldest first", "asc"),
        },
        List {
            name: format!("{crowd} posts in a thread"),
            path: format!("/api/posts/in-thread/{}", thread_id(0)),
            order: "oldest first",
            reversed: ("newest first", "desc"),
        },
    ];
    let mut compared = Vec::new();
    for List { name, path, order, reversed } in lists {
        let first = format!("{path}?limit={PAGE}");
        let last = last_page(&ours, &first).await?;
        let [first_name, last_name] = ["first", "last"].map(|page| format!("forum, {name}: {page} page, {order}"));
        add(&first_name, &ours, &first);
        add(&last_name, &ours, &last);
        add(&format!("forum, {name}: first page, {}", reversed.0), &ours, &format!("{first}&order={}", reversed.1));
        let body = fetch(ours.address, &first).await?.body;
        let limit = variant::constant(place, &format!("pages-{}", compared.len()), &body).await?;
        let constant = format!("bare axum, {name}: first page as constant body");
        add(&constant, &limit, "/");
        compared.push((first_name, last_name, constant));
    }
    let by_activity = format!("forum, {threads} threads: first page, by activity");
    add(&by_activity, &ours, &format!("/api/threads?limit={PAGE}&sort=activity"));
    for version in JSON_SERVERS {
        let ready = format!("/posts/{}", post_id(0));
        let server = variant::json_server(place, version, &format!("pages-{version}"), &forum, &ready).await?;
        let size = if version.starts_with('0') { "_limit" } else { "_per_page" };
        for (name, page) in [("first", 1), ("last", crowd.div_ceil(PAGE))] {
            let path = format!("/posts?threadId={}&_sort=createdAt&_page={page}&{size}={PAGE}", thread_id(0));
            add(&format!("json-server {version}, {crowd} posts in a thread: {name} page"), &server, &path);
        }
    }
    let rows = interleave(place.settings.rounds, subjects).await?;

    let figure = |variant, metric| (variant, LOAD, metric);
    let mut goals = Vec::new();
    for (first, last, constant) in &compared {
        let [of_first, of_last] = [first.as_str(), last].map(|variant| figure(variant, Metric::P50));
        goals.push(ratio(&rows, &format!("{last} / first page: p50"), of_last, of_first, Bound::AtMost(1.5))?);
        let [of_first, of_constant] = [first.as_str(), constant].map(|variant| figure(variant, Metric::Throughput));
        let goal = ratio(&rows, &format!("{first} / constant body: requests/s"), of_first, of_constant, Bound::AtLeast(0.7))?;
        goals.push(goal.or_because(MORE_THAN_A_COPY));
    }
    if let Some((by_creation, ..)) = compared.first() {
        let [activity, creation] = [by_activity.as_str(), by_creation].map(|variant| figure(variant, Metric::Throughput));
        goals.push(ratio(&rows, &format!("{by_activity} / newest first: requests/s"), activity, creation, Bound::AtLeast(0.95))?);
    }
    Ok(Section {
        title: "Pages of lists".to_owned(),
        method: format!(
            "GET of {PAGE} items, by the address that the page before links to. json-server pages by number, and filters and \
                         sorts the whole list each time."
        ),
        rows,
        goals,
        plots: Vec::new(),
    })
}

/// The address of the list's last page that is full.
async fn last_page(server: &Server, first: &str) -> Result<String> {
    let (mut page, mut before) = (first.to_owned(), None);
    while let Some(next) = fetch(server.address, &page).await?.next {
        before = Some(std::mem::replace(&mut page, next));
    }
    let items: Vec<serde_json::Value> = serde_json::from_slice(&fetch(server.address, &page).await?.body)?;
    if items.len() == PAGE { Ok(page) } else { before.context("the list has only one page") }
}
