//! What the three services share over HTTP: every promise of the HTTP contract that is not about one entity.
//!
//! A service describes itself as a [`Service`], whose operations come from [`resource`]; [`Server`] mounts one or several on a port.
//! [`layers`] lists all layers in order.

mod compression;
mod connection;
mod cors;
mod log_writer;
mod open_files;
mod receive;
mod request;
mod traces;
mod turn;
mod unsent;

pub mod assets;
pub mod auth;
pub mod binary;
pub mod config;
pub mod emf;
pub mod etag;
pub mod extract;
pub mod health;
pub mod healthcheck;
pub mod https;
pub mod idempotency;
pub mod layers;
pub mod limits;
pub mod loopback;
pub mod metrics;
pub mod openapi;
pub mod pages;
pub mod paging;
pub mod problem;
pub mod projection;
pub mod resource;
pub mod response;
pub mod rules;
pub mod serve;
pub mod service;
pub mod telemetry;

pub use auth::Caller;
pub use config::ServerConfig;
pub use pages::Pages;
pub use problem::Problem;
pub use request::Deadline;
pub use serve::Server;
pub use service::{Service, SharedStore};
