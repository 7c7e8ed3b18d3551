//! One user by id, over HTTP.

use std::rc::Rc;
use std::sync::Arc;

use anyhow::Result;

use super::grouped;
use crate::data::{Forum, user_id};
use crate::figures::{Bound, Metric, Section, ratio};
use crate::load::{HttpSubject, Load, Request, fetch};
use crate::place::Place;
use crate::round::{Subject, interleave};
use crate::server::Server;
use crate::tools::JSON_SERVERS;
use crate::variant::{self, Backend, POCKETBASE_USER};

const CONNECTIONS: usize = 64;
const LOAD: &str = "64 connections";
const LIMIT: &str = "bare axum, constant body";
const FLOOR: &str = "users-svc, GET /health";
const SLOWER_THAN_BARE: &str = "Point read: `GET /health` runs through every layer of the HTTP contract (request id, log, metrics, deadline, \
    limits, CORS, negotiated compression, header timeouts) and answers a small constant body, without a store: its ratio to bare axum is \
    the most that a read which keeps the contract can reach here. What a read adds is the look-up, the JSON and ETag of the item, and one \
    system call, which tells it what other processes have written: a process that is alone in its directory does without. How much of the \
    distance between a thousand and a million users is memory that the processor's cache does not hold, and not the search, tells the \
    ratio of a million users of which the same one is read each time. Of the processor's time of a read 48 % pass in the kernel, which is \
    5.6 µs where bare axum takes 6.8 µs in all, 44 % in libraries, and 8 % in this project's own code (perf, 2026-12-01): without any of \
    that a ratio of 0.60 would be 0.65.";
const BARE_IS_NOT_25_TIMES: &str = "json-server: the ratios of bare axum and of `GET /health` to it say what is possible. Where bare axum \
    itself is less than 25 times a json-server, nothing that answers over HTTP in this way can be; where `GET /health` is little more, \
    a read has what is left for everything that it adds.";
const BARE_IS_NOT_16_TIMES: &str = "PocketBase: the ratio of bare axum to it says what is possible, as for json-server.";

pub(super) async fn measure(place: &Place) -> Result<Section> {
    let (small, large) = (place.settings.items(1_000), place.settings.items(1_000_000));
    let ready = format!("/api/users/{}", user_id(0));
    let mut subjects: Vec<Box<dyn Subject>> = Vec::new();
    let mut add = |variant: &str, server: Rc<Server>, path: &'static str, users: usize| {
        subjects.push(Box::new(subject(place, variant, server, path, users)));
    };

    let sizes = [small, large];
    let ours = sizes.map(|users| format!("users-svc, {} users", grouped(users)));
    let [_, of_large] = &ours;
    let warm = format!("{of_large}, the same one each time");
    let (mut peers, mut body) = (Vec::new(), Vec::new());
    for (variant, users) in ours.iter().zip(sizes) {
        let dir = Forum::of_users(users).json_store(place).await?;
        let server = variant::ours(place, "users-svc", &format!("point-read-{users}"), Backend::Json(&dir), &ready).await?;
        body = fetch(server.address, &ready).await?.body;
        add(variant, Rc::clone(&server), "/api/users/", users);
        let (variant, path, users) = if users == small { (FLOOR, "/health", 0) } else { (&*warm, "/api/users/", 1) };
        add(variant, server, path, users);
    }
    add(LIMIT, variant::constant(place, "point-read-constant", &body).await?, "/", 0);
    let forum = Forum::of_users(small);
    for version in JSON_SERVERS {
        let ready = format!("/users/{}", user_id(0));
        let server = variant::json_server(place, version, &format!("point-read-{version}"), &forum, &ready).await?;
        let variant = format!("json-server {version}, {} users", grouped(small));
        add(&variant, server, "/users/", small);
        peers.push(variant);
    }
    let first = format!("{POCKETBASE_USER}{}", user_id(0));
    let (pocketbase, server) = variant::pocketbase(place, "point-read-pocketbase", &forum, &first).await?;
    let pocketbase = format!("{pocketbase}, {} users", grouped(small));
    add(&pocketbase, server, POCKETBASE_USER, small);
    let dir = forum.json_store(place).await?;
    let logging = |port| variant::program(place, "users-svc", Backend::Json(&dir), port).env("RUST_LOG", "info");
    let logging = Server::start(place, "point-read-logging", &ready, logging).await?;
    add(&format!("users-svc, {} users, with its log of requests", grouped(small)), Rc::new(logging), "/api/users/", small);
    let dir = place.copy_of(&dir, "point-read-alone")?;
    let alone = |port| variant::program(place, "users-svc", Backend::Json(&dir), port).env("DATA_DIR_SINGLE_WRITER", "1");
    let alone = Server::start(place, "point-read-alone", &ready, alone).await?;
    let alone_name = format!("users-svc, {} users, alone in its directory", grouped(small));
    add(&alone_name, Rc::new(alone), "/api/users/", small);
    let rows = interleave(place.settings.rounds, subjects).await?;

    let mut goals = Vec::new();
    let mut goal = |ours: &str, theirs: &str, bound, answer| -> Result<()> {
        let figure = |variant| (variant, LOAD, Metric::Throughput);
        let goal = ratio(&rows, &format!("{ours} / {theirs}: requests/s"), figure(ours), figure(theirs), bound)?;
        goals.push(goal.or_because(answer));
        Ok(())
    };
    for (ours, bound) in ours.iter().zip([0.8, 0.72]) {
        goal(ours, LIMIT, Bound::AtLeast(bound), SLOWER_THAN_BARE)?;
    }
    for possible in [FLOOR, &alone_name, &warm] {
        goal(possible, LIMIT, Bound::Any, "")?;
    }
    for ours in &ours {
        peers.iter().try_for_each(|peer| goal(ours, peer, Bound::AtLeast(25.0), BARE_IS_NOT_25_TIMES))?;
    }
    let [of_small, _] = &ours;
    goal(of_small, &pocketbase, Bound::AtLeast(16.0), BARE_IS_NOT_16_TIMES)?;
    goal(LIMIT, &pocketbase, Bound::Any, "")?;
    for possible in [LIMIT, FLOOR] {
        peers.iter().try_for_each(|peer| goal(possible, peer, Bound::Any, ""))?;
    }
    Ok(Section {
        title: "Point read".to_owned(),
        method: "GET of one user by id, ids in random order, on kept-alive connections. The constant body of bare axum is the answer of \
                 users-svc for one user. No variant logs requests, but the one that says so, as a service does by default."
            .to_owned(),
        rows,
        goals,
        plots: Vec::new(),
    })
}

/// Users below `users` by random id; the path alone where it is 0.
fn subject(place: &Place, variant: &str, server: Rc<Server>, path: &'static str, users: usize) -> HttpSubject {
    let to = server.address;
    let source = move |rng: &mut fastrand::Rng| match users {
        0 => Request::get(to, path),
        _ => Request::get(to, &format!("{path}{}", user_id(rng.usize(..users)))),
    };
    HttpSubject {
        variant: variant.to_owned(),
        load_name: LOAD.to_owned(),
        servers: vec![server],
        load: Load::new(CONNECTIONS, Arc::new(source)).with_a_core(&place.cores),
        duration: place.settings.duration(),
    }
}
