//! The profile of whoever asks.

mod erase;
mod export;

use axum::extract::Request;
use axum::response::Response;
use db_adapter::Attributes;
use http_kit::Problem;
use http_kit::etag::Conditions;
use http_kit::extract::{NoParameters, Query};
use http_kit::resource::{Operation, Target, put_own};

use crate::Users;

pub(crate) use erase::operation as erase;
pub(crate) use export::operation as export;

/// `GET /api/users/me` with its description.
pub(crate) fn get() -> Operation {
    Operation::get::<Users>().titled("get_me", "Get your profile")
}

/// `PATCH /api/users/me` with its description.
pub(crate) fn patch() -> Operation {
    Operation::patch::<Users>().titled("patch_me", "Change your profile")
}

/// `PUT /api/users/me` with its description.
pub(crate) fn put() -> Operation {
    let about = "Makes your profile where you have none. The e-mail address is the verified one of your token; in the body it is absent or \
                 the same.";
    Operation::put_own::<Users, _>(about, put_me).titled("put_me", "Make or replace your profile")
}

async fn put_me(
    me: Target<Users>,
    conditions: Conditions,
    Query(NoParameters {}): Query<NoParameters>,
    request: Request,
) -> Result<Response, Problem> {
    let email = me.caller.person()?.verified_email().await?;
    put_own(&me, Attributes::from([("email".to_owned(), email.into())]), &conditions, request).await
}
