//! What a forum is asked for all day.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::Result;

use crate::data::{Forum, post_id, text, thread_id, user_id};
use crate::endpoint::Endpoint;
use crate::figures::{Bound, Metric, Section, ratio};
use crate::load::{HttpSubject, Load, Request};
use crate::place::Place;
use crate::round::{Subject, interleave};
use crate::server::Server;
use crate::variant::{self, Backend};

const CONNECTIONS: usize = 64;
const ONE: &str = "JSON files, one process";
const THREE: &str = "JSON files, three processes";
/// Of a measurement's time.
const LONGER: f64 = 30.0;

/// Items of each list.
pub(crate) const LIMIT: usize = 20;

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    PostsOfThread,
    Thread,
    User,
    NewestThreads,
    NewPost,
    NewThread,
    EditedThread,
}

/// How many of a hundred requests are of each kind.
pub(crate) const MIX: [(Kind, u32); 7] = [
    (Kind::PostsOfThread, 30),
    (Kind::Thread, 25),
    (Kind::User, 25),
    (Kind::NewestThreads, 10),
    (Kind::NewPost, 8),
    (Kind::NewThread, 1),
    (Kind::EditedThread, 1),
];

/// The kind of the request that the number, below a hundred, stands for.
fn kind(number: u32) -> Kind {
    let mut below = 0;
    let at = MIX.iter().find(|(_, share)| {
        below += share;
        number < below
    });
    at.map_or(Kind::EditedThread, |(kind, _)| *kind)
}

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
        (ONE, on_one(&one), vec![one]),
        (THREE, three, vec![users, threads, posts]),
        ("DynamoDB Local, one process", on_one(&dynamodb), vec![dynamodb]),
    ];
    let load_name = format!("{CONNECTIONS} connections");
    let subject = |(variant, services, servers): (&str, Services, Vec<Rc<Server>>)| -> Box<dyn Subject> {
        Box::new(HttpSubject {
            variant: variant.to_owned(),
            load_name: load_name.clone(),
            servers,
            load: Load::new(CONNECTIONS, Arc::new(move |rng: &mut fastrand::Rng| request(rng, services, forum))),
            duration: place.settings.duration().mul_f64(LONGER),
        })
    };
    let rows = interleave(place.settings.rounds_of_minutes(), subjects.into_iter().map(subject).collect()).await?;
    let [one, three] = [ONE, THREE].map(|variant| (variant, load_name.as_str(), Metric::P99));
    let goal = ratio(&rows, &format!("{THREE} / one process: p99"), three, one, Bound::AtMost(2.0))?;
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
        goals: vec![goal],
        plots: Vec::new(),
    })
}

fn request(rng: &mut fastrand::Rng, services: Services, forum: Forum) -> Request {
    let Services { users, threads, posts } = services;
    let thread = thread_id(rng.usize(..forum.threads));
    let user = user_id(rng.usize(..forum.users));
    let number = rng.usize(..1000);
    match kind(rng.u32(..100)) {
        Kind::PostsOfThread => Request::get(posts, &format!("/api/posts/in-thread/{thread}?limit={LIMIT}")),
        Kind::Thread => Request::get(threads, &format!("/api/threads/{thread}")),
        Kind::User => Request::get(users, &format!("/api/users/{user}")),
        Kind::NewestThreads => Request::get(threads, &format!("/api/threads?limit={LIMIT}")),
        Kind::NewPost => {
            let content = text(number, 100, 300);
            Request::post(posts, "/api/posts", &format!(r#"{{"threadId":"{thread}","userId":"{user}","content":"{content}"}}"#))
        }
        Kind::NewThread => Request::post(threads, "/api/threads", &format!(r#"{{"title":"Thread {number}","userId":"{user}"}}"#)),
        Kind::EditedThread => {
            Request::patch(threads, &format!("/api/threads/{thread}"), &format!(r#"{{"title":"Edited {number}"}}"#))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_below_a_hundred_has_its_kind() {
        for (wanted, share) in MIX {
            assert_eq!((0..100).filter(|number| kind(*number) == wanted).count(), share as usize, "{wanted:?}");
        }
    }
}
