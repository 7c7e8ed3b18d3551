//! What a forum is asked for all day.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::Result;

use crate::data::{Forum, post_id, text, thread_id, user_id};
use crate::endpoint::Endpoint;
use crate::figures::Section;
use crate::load::{HttpSubject, Load, Request};
use crate::place::Place;
use crate::round::{Subject, interleave};
use crate::server::Server;
use crate::variant::{self, Backend};

const CONNECTIONS: usize = 64;
/// Of a measurement's time.
const LONGER: f64 = 30.0;

/// Where each service is.
#[derive(Debug, Clone, Copy)]
struct Services {
    users: SocketAddr,
    threads: SocketAddr,
    posts: SocketAddr,
}

pub(super) async fn measure(place: &Place) -> Result<Section> {
    let items = |full| place.settings.items(full);
    let forum = Forum { users: items(1_000), threads: items(1_000), posts: items(20_000), crowd: 0 };
    let store = forum.json_store(place).await?;
    let ready = format!("/api/posts/{}", post_id(0));

    let dir = place.copy_of(&store, "mixed-one")?;
    let one = variant::ours(place, "forum", "mixed-one", Backend::Json(&dir), &ready).await?;

    let dir = place.copy_of(&store, "mixed-three")?;
    let start =
        async |name: &str, ready: String| variant::ours(place, name, &format!("mixed-{name}"), Backend::Json(&dir), &ready).await;
    let users = start("users-svc", format!("/api/users/{}", user_id(0))).await?;
    let threads = start("threads-svc", format!("/api/threads/{}", thread_id(0))).await?;
    let posts = start("posts-svc", ready.clone()).await?;
    let three = Services { users: users.address, threads: threads.address, posts: posts.address };

    let endpoint = Endpoint::dynamodb_local(place).await?;
    endpoint.load(&forum).await?;
    let dynamodb = variant::ours(place, "forum", "mixed-dynamodb", Backend::DynamoDb(&endpoint), &ready).await?;

    let on_one = |server: &Rc<Server>| Services { users: server.address, threads: server.address, posts: server.address };
    let subjects = [
        ("JSON files, one process", on_one(&one), vec![one]),
        ("JSON files, three processes", three, vec![users, threads, posts]),
        ("DynamoDB Local, one process", on_one(&dynamodb), vec![dynamodb]),
    ];
    let subject = |(variant, services, servers): (&str, Services, Vec<Rc<Server>>)| -> Box<dyn Subject> {
        Box::new(HttpSubject {
            variant: variant.to_owned(),
            load_name: format!("{CONNECTIONS} connections"),
            servers,
            load: Load::new(CONNECTIONS, Arc::new(move |rng: &mut fastrand::Rng| request(rng, services, forum))),
            duration: place.settings.duration().mul_f64(LONGER),
        })
    };
    let rows = interleave(place.settings.rounds_of_minutes(), subjects.into_iter().map(subject).collect()).await?;
    Ok(Section {
        title: "Mixed load".to_owned(),
        method: format!(
            "90 % reads (posts of a thread 30, threads by id 25, users by id 25, the 20 newest threads 10), 8 % new posts, 1 % new threads, \
             1 % edits of threads, for {:.0} s a round; {} users, {} threads, {} posts at the start. Three processes share one core, and \
             their RSS is summed; DynamoDB Local's own memory and time are not counted.",
            place.settings.seconds * LONGER,
            forum.users,
            forum.threads,
            forum.posts
        ),
        rows,
        goals: Vec::new(),
        plots: Vec::new(),
    })
}

fn request(rng: &mut fastrand::Rng, services: Services, forum: Forum) -> Request {
    let Services { users, threads, posts } = services;
    let thread = thread_id(rng.usize(..forum.threads));
    let user = user_id(rng.usize(..forum.users));
    let number = rng.usize(..1000);
    match rng.u32(..100) {
        0..30 => Request::get(posts, &format!("/api/posts/in-thread/{thread}?limit=20")),
        30..55 => Request::get(threads, &format!("/api/threads/{thread}")),
        55..80 => Request::get(users, &format!("/api/users/{user}")),
        80..90 => Request::get(threads, "/api/threads?limit=20"),
        90..98 => {
            let content = text(number, 100, 300);
            Request::post(posts, "/api/posts", &format!(r#"{{"threadId":"{thread}","userId":"{user}","content":"{content}"}}"#))
        }
        98 => Request::post(threads, "/api/threads", &format!(r#"{{"title":"Thread {number}","userId":"{user}"}}"#)),
        _ => Request::patch(threads, &format!("/api/threads/{thread}"), &format!(r#"{{"title":"Edited {number}"}}"#)),
    }
}
