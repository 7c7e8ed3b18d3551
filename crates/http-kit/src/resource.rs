//! The operations on the items of a table, written once for every service and driven by the table's declaration.
//!
//! A service names its table in a [`Resource`] and lists its [`Routes`]. Get, create, patch, replace and delete come from here with
//! their OpenAPI descriptions; what is particular to a service is a handler of its own, which takes a [`Target`] where it is about
//! one item.

mod body;
mod change;
mod create;
mod documents;
mod draft;
mod operation;
mod own;
mod read;
mod references;
mod routes;
pub(crate) mod schemas;
mod target;
mod text;

use std::fmt::Debug;

use db_adapter::forum::user;
use db_adapter::{Item, Store, Table};

use crate::auth::policy::Entity;

pub use draft::Draft;
pub use operation::Operation;
pub use own::put_own;
pub use read::by_ids;
pub use routes::Routes;
pub use target::{Located, Target};

/// The items of one table as clients see them.
pub trait Resource: Debug + Send + Sync + 'static {
    /// The table of the items.
    const TABLE: &'static Table;
    /// What the policy calls them.
    const ENTITY: Entity;
    /// The attribute that holds the id of the user whose item it is.
    const OWNER: &'static str = user::TABLE.hash;
    /// Attributes that the owner of an item cannot change, where others can.
    const NOT_BY_OWNER: &'static [&'static str];
    /// What follows the creation of an item, which stays whatever comes of it.
    fn created(_store: &dyn Store, _item: &Item) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// What follows the deletion of an item, which was found to be this one: its keys, and what cannot change of it.
    fn deleted(_store: &dyn Store, _item: &Item) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// The attribute of a new item whose value keeps the `Idempotency-Key`s of different people apart where nobody says who asks.
    const KEY_SCOPE: &'static str;
}
