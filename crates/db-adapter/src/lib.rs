//! The storage contract of the forum: [`Store`], its promises, and its two backends with identical behaviour.
//!
//! - [`json::JsonStore`]: JSON files, for local development.
//! - [`dynamodb::DynamoStore`]: Amazon DynamoDB, for production.
//!
//! Each works for anybody's tables; those of the forum are [`forum::TABLES`]. A [`layer`] may stand in front, such as a cache.
//! [`config`] reads from the environment which backend and which layers.

mod backend;
mod store;

pub mod config;
pub mod forum;
pub mod layer;

pub use backend::{dynamodb, json};
pub use store::schema;
pub use store::{
    Advance, Attributes, Backend, Clock, Control, Cursor, Error, Expected, Finding, Found, Grant, Health, Heartbeats, Item, Key,
    Lease, MAX_ITEM_BYTES, MAX_KEYS, MAX_PAGE_BYTES, Members, Number, Order, Page, Query, Read, Result, Rule, Scan, Segment,
    Store, StoreExt, SystemClock, Table, Tag, Update, Value, check_size,
};
