//! The pages, each with the forms that lead to it.

mod change;
mod compose;
mod erase;
mod moderation;
mod profile;
mod remove;
mod report;
mod thread;
mod threads;
mod user;

use axum::Router;
use axum::routing::{get, post};

use crate::Shared;

/// How many things a list shows at once.
const ON_A_PAGE: usize = 50;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/", get(threads::list))
        .route("/new-thread", get(compose::new_thread).post(compose::create_thread))
        .route("/preview", post(compose::preview))
        .route("/threads/{threadId}", get(thread::show))
        .route("/threads/{threadId}/reply", get(compose::new_post).post(compose::create_post))
        .route("/threads/{threadId}/edit", get(change::edit_thread).post(change::save_thread))
        .route("/threads/{threadId}/delete", get(remove::ask_thread).post(remove::thread))
        .route("/posts/{postId}", get(thread::of_post))
        .route("/posts/{postId}/edit", get(change::edit_post).post(change::save_post))
        .route("/posts/{postId}/delete", get(remove::ask_post).post(remove::post))
        .route("/users/{userId}", get(user::show))
        .route("/profile", get(profile::edit).post(profile::save))
        .route("/profile/export", get(profile::export))
        .route("/profile/delete", get(erase::ask).post(erase::erase))
        .route("/report", get(report::ask).post(report::send))
        .route("/moderation", get(moderation::queue))
        .route("/moderation/log", get(moderation::log))
        .route("/moderation/act", get(moderation::ask).post(moderation::act))
}
