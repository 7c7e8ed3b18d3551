//! What we add to the one SDK call that a request needs.

use std::rc::Rc;
use std::sync::Arc;

use anyhow::Result;

use crate::data::{Forum, text, thread_id, user_id};
use crate::endpoint::Endpoint;
use crate::figures::{Bound, Metric, Section, ratio};
use crate::load::{HttpSubject, Load, Request, Source};
use crate::place::Place;
use crate::round::{Subject, interleave};
use crate::variant::{self, Backend};

const CONNECTIONS: usize = 64;
const LOAD: &str = "64 connections";
const AROUND_A_GET: &str = "Get in DynamoDB mode: of the three calls the one with the least to do, so what stands around it counts most. What \
    the layers of the HTTP contract take of it, the ratio of bare axum in these layers shows: more than that no get can reach that keeps \
    the contract.";
const MORE_THAN_A_PUT: &str = "Put in DynamoDB mode: the call has deadlines, asks for the capacity that it consumed, which the metrics show, and \
    is sent with a `writeId` and the question for the item that is in the way, so that a repeated attempt is told from a conflict. What these \
    alone take, the ratio of bare axum with the forum's client shows. Around the call a request passes the layers of the HTTP contract, which \
    the ratio of bare axum in them adds, and what it brings is validated. None of these can go without a promise going with it.";
/// Posts of the thread that is listed.
const CROWD: usize = 200;

pub(super) async fn measure(place: &Place) -> Result<Section> {
    let users = place.settings.items(1_000);
    let forum = Forum { users, threads: 100, posts: CROWD, crowd: CROWD };
    let endpoint = Endpoint::dynoxide(place).await?;
    endpoint.load(&forum).await?;
    let ready = format!("/api/users/{}", user_id(0));
    let ours = variant::ours(place, "forum", "dynamodb", Backend::DynamoDb(&endpoint), &ready).await?;
    let limit = variant::limit(place, "dynamodb-sdk", &["sdk", "--endpoint", &endpoint.url]).await?;
    let as_ours = variant::limit(place, "dynamodb-sdk-as-forum", &["sdk", "--as-forum", "--endpoint", &endpoint.url]).await?;
    let in_layers =
        variant::limit(place, "dynamodb-sdk-in-layers", &["sdk", "--as-forum", "--layers", "--endpoint", &endpoint.url]).await?;

    let mut subjects: Vec<Box<dyn Subject>> = Vec::new();
    let mut compared = Vec::new();
    for operation in ["get", "put", "query"] {
        let names =
            ["forum", "bare axum, one SDK call", "bare axum, the forum's client", "bare axum, the forum's client and layers"]
                .map(|server| format!("{server}: {operation}"));
        for (variant, (server, prefix)) in names.iter().zip([(&ours, "/api"), (&limit, ""), (&as_ours, ""), (&in_layers, "")]) {
            let to = server.address;
            let source: Source = match operation {
                "get" => Arc::new(move |rng| Request::get(to, &format!("{prefix}/users/{}", user_id(rng.usize(..users))))),
                "put" => Arc::new(move |rng| {
                    let (title, description) = (text(rng.usize(..1000), 20, 60), text(rng.usize(..1000), 60, 180));
                    Request::post(
                        to,
                        &format!("{prefix}/threads"),
                        &format!(r#"{{"title":"{title}","description":"{description}"}}"#),
                    )
                }),
                _ => {
                    let path = if prefix.is_empty() { "/in-thread" } else { "/api/posts/in-thread" };
                    Arc::new(move |_| Request::get(to, &format!("{path}/{}", thread_id(0))))
                }
            };
            subjects.push(Box::new(HttpSubject {
                variant: variant.clone(),
                load_name: LOAD.to_owned(),
                servers: vec![Rc::clone(server)],
                load: Load::new(CONNECTIONS, source),
                duration: place.settings.duration(),
            }));
        }
        compared.push((operation, names));
    }
    let rows = interleave(place.settings.rounds, subjects).await?;

    let mut goals = Vec::new();
    for (operation, [ours, limit, as_ours, in_layers]) in &compared {
        let goal = |server: &str, metric: Metric, bound| {
            ratio(
                &rows,
                &format!("{server} / {limit}: {}", metric.heading()),
                (server, LOAD, metric),
                (limit, LOAD, metric),
                bound,
            )
        };
        let of_ours =
            [goal(ours, Metric::Throughput, Bound::AtLeast(0.9))?, goal(ours, Metric::CpuPerRequest, Bound::AtMost(1.11))?];
        goals.extend(of_ours.map(|goal| match *operation {
            "get" => goal.or_because(AROUND_A_GET),
            "put" => goal.or_because(MORE_THAN_A_PUT),
            _ => goal,
        }));
        for step in [as_ours, in_layers] {
            goals.extend([goal(step, Metric::Throughput, Bound::Any)?, goal(step, Metric::CpuPerRequest, Bound::Any)?]);
        }
    }
    Ok(Section {
        title: "DynamoDB mode against the bare SDK".to_owned(),
        method: "The same endpoint for both: dynoxide, DynamoDB in memory. get: one user (GetItem). put: a new thread (PutItem on the condition \
                 that there is none). query: the first 100 posts of a thread (Query for 101). The limit makes that one call with a client of \
                 defaults and shows the attributes that it answers; it validates nothing, and asks for no consumed capacity. With the \
                 forum's client it does, with its deadlines and retries, sends a put as the forum does, and is the same otherwise; in the \
                 layers it is served as the forum is, with the allocator of the system. Where the \
                 server's core is not busy, the endpoint is what limits, and processor time tells more than throughput."
            .to_owned(),
        rows,
        goals,
        plots: Vec::new(),
    })
}
