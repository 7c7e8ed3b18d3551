//! One user by id, by somebody who says who asks.

use std::rc::Rc;
use std::sync::Arc;

use anyhow::Result;
use http_test::{Issuer, SigningKey};
use jsonwebtoken::Algorithm;

use crate::data::{Forum, user_id};
use crate::figures::{Bound, Metric, Section, ratio};
use crate::load::{HttpSubject, Load, Request};
use crate::place::Place;
use crate::round::{Subject, interleave};
use crate::server::Server;
use crate::variant::{self, Backend};

const CONNECTIONS: usize = 64;
const LOAD: &str = "64 connections";
const WITHOUT: &str = "users-svc, without a token";
const WITH: &str = "users-svc, with a token";

pub(super) async fn measure(place: &Place) -> Result<Section> {
    let users = place.settings.items(1_000);
    let dir = place.copy_of(&Forum::of_users(users).json_store(place).await?, "identity")?;
    let key = SigningKey::new("bench", Algorithm::ES256);
    let issuer = Issuer::start(&[&key]).await;
    let program = |port| {
        let program = variant::program(place, "users-svc", Backend::Json(&dir), port).env("AUTH", "oidc");
        let program = program.env("AUTH_ISSUER", &issuer.url).env("AUTH_AUDIENCE", "forum");
        // They would end the load, which comes from one address.
        program.env("RATE_LIMITS", "off")
    };
    let server = Rc::new(Server::start(place, "identity", &format!("/api/users/{}", user_id(0)), program).await?);
    let bearer = format!("Bearer {}", key.sign(&issuer.claims("ann")));
    let subject = |variant: &str, token: Option<String>| -> Box<dyn Subject> {
        let to = server.address;
        let source = move |rng: &mut fastrand::Rng| {
            let request = Request::get(to, &format!("/api/users/{}", user_id(rng.usize(..users))));
            match &token {
                Some(token) => request.with_header("Authorization", token),
                None => request,
            }
        };
        Box::new(HttpSubject {
            variant: variant.to_owned(),
            load_name: LOAD.to_owned(),
            servers: vec![Rc::clone(&server)],
            load: Load::new(CONNECTIONS, Arc::new(source)).with_a_core(&place.cores),
            duration: place.settings.duration(),
        })
    };
    let rows = interleave(place.settings.rounds, vec![subject(WITHOUT, None), subject(WITH, Some(bearer))]).await?;
    let [with, without] = [WITH, WITHOUT].map(|variant| (variant, LOAD, Metric::Throughput));
    let goal = ratio(&rows, &format!("{WITH} / without one: requests/s"), with, without, Bound::AtLeast(0.8))?;
    Ok(Section {
        title: "Read with a token".to_owned(),
        method: format!(
            "GET of one user of {users} by id, ids in random order, of a users-svc with identity (AUTH=oidc); the token is signed with ES256. \
             The token is the same one in every request, as a client's is for its hour."
        ),
        rows,
        goals: vec![goal],
        plots: Vec::new(),
    })
}
