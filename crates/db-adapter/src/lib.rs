//! The storage contract of the forum: [`Store`], its promises, and its two backends with identical behaviour.
//!
//! - [`json::JsonStore`]: JSON files, for local development.
//! - [`dynamodb::DynamoStore`]: Amazon DynamoDB, for production.
//!
//! [`config`] chooses between them; [`cache`] may stand in front. The schema that both follow is [`forum::TABLES`].

mod store;

pub mod cache;
pub mod config;
pub mod dynamodb;
pub mod forum;
pub mod json;

pub use store::schema;
pub use store::{
    Attributes, Cursor, Error, Finding, Health, Item, Key, MAX_ITEM_BYTES, MAX_PAGE_BYTES, Members, Mode, Number, Order, Page,
    Query, Read, Result, Rule, Scan, Segment, Store, StoreExt, Table, Tag, Update, Value, check_size,
};
