//! Creating users, each on disk before it is answered.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;

use crate::data::{Forum, text, user_id};
use crate::figures::{Bound, Metric, Plot, Row, Section, Series, median, ratio, values};
use crate::load::{HttpSubject, Load, Request};
use crate::place::Place;
use crate::round::{Subject, interleave};
use crate::server::Server;
use crate::tools::JSON_SERVERS;
use crate::variant::{self, Backend, POCKETBASE_USERS};

const CONNECTIONS: [usize; 4] = [1, 8, 64, 256];
const OURS: &str = "users-svc";
const LIMIT: &str = "bare axum, 64 appends a sync";
const MORE_THAN_AN_APPEND: &str = "Durable POST: a user is received through every layer of the HTTP contract, as a read is, parsed, validated, \
    written by a thread that first asks what other processes have written, kept unique, put into the lists, and returned. Of the \
    processor's time of a POST at 64 connections 38 % pass in the kernel, 47 % in libraries, and 15 % in this project's own code (perf, \
    2026-12-01): without any of that a ratio of 0.52 would be 0.61.";

pub(super) async fn measure(place: &Place) -> Result<Section> {
    let forum = Forum::of_users(place.settings.items(1_000));
    let mut servers: Vec<(String, Rc<Server>, &'static str)> = Vec::new();

    let dir = place.copy_of(&forum.json_store(place).await?, "durable-post")?;
    let ready = format!("/api/users/{}", user_id(0));
    servers.push((OURS.to_owned(), variant::ours(place, OURS, "durable-post", Backend::Json(&dir), &ready).await?, "/api/users"));
    let file = place.fresh("durable-post-append")?.join("items");
    let limit = variant::limit(place, "durable-post-append", &["append", "--file", &file.display().to_string()]).await?;
    servers.push((LIMIT.to_owned(), limit, "/items"));
    for version in JSON_SERVERS {
        let ready = format!("/users/{}", user_id(0));
        let server = variant::json_server(place, version, &format!("durable-post-{version}"), &forum, &ready).await?;
        servers.push((format!("json-server {version}, not durable"), server, "/users"));
    }
    let ready = format!("{POCKETBASE_USERS}/{}", user_id(0));
    let (pocketbase, server) = variant::pocketbase(place, "durable-post-pocketbase", &forum, &ready).await?;
    let pocketbase = format!("{pocketbase}, not synced at every commit");
    servers.push((pocketbase.clone(), server, POCKETBASE_USERS));

    let mut subjects: Vec<Box<dyn Subject>> = Vec::new();
    for connections in CONNECTIONS {
        for (variant, server, path) in &servers {
            subjects.push(Box::new(HttpSubject {
                variant: variant.clone(),
                load_name: load_name(connections),
                servers: vec![Rc::clone(server)],
                load: creating_users(place, server, path, connections),
                duration: place.settings.duration(),
            }));
        }
    }
    let rows = interleave(place.settings.rounds, subjects).await?;

    let mut goals = Vec::new();
    let mut goal = |text: &str, ours: (&str, usize), theirs: (&str, usize), bound| -> Result<()> {
        let (our_load, their_load) = (load_name(ours.1), load_name(theirs.1));
        let [ours, theirs] =
            [(ours.0, &our_load), (theirs.0, &their_load)].map(|(variant, load)| (variant, load.as_str(), Metric::Throughput));
        let goal = ratio(&rows, &format!("{text}: requests/s"), ours, theirs, bound)?;
        goals.push(if theirs.0 == LIMIT { goal.or_because(MORE_THAN_AN_APPEND) } else { goal });
        Ok(())
    };
    for connections in [64, 256] {
        goal(&format!("{OURS} / {LIMIT}, at {connections}"), (OURS, connections), (LIMIT, connections), Bound::AtLeast(0.6))?;
    }
    goal(&format!("{OURS} at 256 / at 64"), (OURS, 256), (OURS, 64), Bound::AtLeast(1.0))?;
    goal(&format!("{OURS} / {pocketbase}, at 64"), (OURS, 64), (&pocketbase, 64), Bound::AtLeast(11.0))?;
    let variants: Vec<&str> = servers.iter().map(|(variant, ..)| variant.as_str()).collect();
    let plot = plot(&rows, &variants)?;
    Ok(Section {
        title: "Durable POST".to_owned(),
        method: format!(
            "POST of a new user. {OURS} checks it, keeps the e-mail address unique and answers when it is on disk. The limit appends the \
             body as it came, up to 64 bodies with one write and one fdatasync. json-server rewrites its file for every change, without \
             a sync, and started with {} users; its file grows with what it did before. PocketBase writes to SQLite with a unique index, in \
             WAL mode and synchronous=NORMAL, which syncs at checkpoints and not at every commit.",
            forum.users
        ),
        rows,
        goals,
        plots: vec![plot],
    })
}

/// Users whose e-mail address nobody has.
pub(super) fn creating_users(place: &Place, server: &Server, path: &'static str, connections: usize) -> Load {
    /// Shared by all loads of this process.
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let to = server.address;
    let source = move |_: &mut fastrand::Rng| {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let bio = text(number, 60, 180);
        let body = format!(r#"{{"name":"User {number}","email":"new{number}@example.com","bio":"{bio}"}}"#);
        let request = Request::post(to, path, &body);
        if path == POCKETBASE_USERS { request.expecting(200) } else { request }
    };
    Load::new(connections, Arc::new(source)).with_a_core(&place.cores)
}

fn load_name(connections: usize) -> String {
    format!("{connections} connection{}", if connections == 1 { "" } else { "s" })
}

fn plot(rows: &[Row], variants: &[&str]) -> Result<Plot> {
    let series = |variant: &&str| {
        let point = |connections: usize| {
            let throughput = values(rows, (variant, &load_name(connections), Metric::Throughput))?;
            Ok((connections as f64, median(throughput)))
        };
        Ok(Series { name: (*variant).to_owned(), points: CONNECTIONS.into_iter().map(point).collect::<Result<_>>()? })
    };
    Ok(Plot {
        file: "durable-post".to_owned(),
        title: "Durable POST: throughput against connections".to_owned(),
        x: "connections".to_owned(),
        y: "requests/s".to_owned(),
        series: variants.iter().map(series).collect::<Result<_>>()?,
    })
}
