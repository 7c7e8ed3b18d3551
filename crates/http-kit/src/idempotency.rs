//! Creating, safely repeatable: the same request under the same key makes one item, across restarts, tasks and regions.

use axum::extract::FromRequestParts;
use axum::http::HeaderName;
use axum::http::request::Parts;
use db_adapter::forum::{REQUEST_HASH, new_id, now};
use db_adapter::schema::{CREATED_AT, UPDATED_AT};
use db_adapter::{Attributes, Error, Item, Key, Read, Rule, Store, Table};
use sha2::{Digest, Sha256};
use utoipa::IntoParams;
use uuid::Uuid;

use crate::problem::Problem;

/// The header that carries a client's key.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header that says that the item was created before.
pub const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The namespace of the ids of items that were created under a key. Changing it forgets every key.
const NAMESPACE: Uuid = Uuid::from_u128(0x6d0e_3c1a_52c7_4c0b_9d0c_3f8e_5a61_27b4);

/// The scope of keys where no user is named.
pub const ANONYMOUS: &str = "anonymous";

/// `Idempotency-Key` on a POST, if there is one: 1 to 255 visible ASCII characters, else 400.
#[derive(Debug, Clone, IntoParams)]
#[into_params(names("Idempotency-Key"), parameter_in = Header)]
pub struct IdempotencyKey(
    /// Makes the request safe to repeat: the same key with the same body creates one item.
    #[param(value_type = Option<String>, nullable = false, required = false, pattern = "^[!-~]{1,255}$")]
    Option<String>,
);

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
        match (values.next().map(|value| value.to_str()), values.next()) {
            (None, _) => Ok(Self(None)),
            (Some(Ok(key)), None) if (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(Self(Some(key.to_owned())))
            }
            _ => Err(Problem::parameter("Idempotency-Key", "must be 1 to 255 visible ASCII characters")),
        }
    }
}

/// The item that a POST returns.
#[derive(Debug, Clone)]
pub struct Created {
    /// The item as it is now.
    pub item: Item,
    /// Was it created by an earlier request with the same key?
    pub replayed: bool,
}

/// Creates an item of these attributes, adding its id and its times. Under a key, an earlier item of the same key is returned
/// instead. `references` is awaited before anything is written, but not when the item is there already.
///
/// `scope` keeps keys of different users apart.
///
/// # Errors
/// 422 when the key was used with another body; those of `references` and of the store.
pub async fn create(
    store: &dyn Store,
    table: &'static Table,
    key: IdempotencyKey,
    scope: &str,
    attributes: Attributes,
    references: impl Future<Output = Result<(), Problem>> + Send,
) -> Result<Created, Problem> {
    let mut attributes = attributes;
    let own_id = attributes.get(table.hash).and_then(|id| id.as_str()).map(str::to_owned);
    let Some(key) = key.0 else {
        references.await?;
        // Where the key is more than the id, the store does not keep an id from being used twice.
        if let (Some(id), Some(_)) = (own_id, table.range)
            && store.get(table, &Key::hash(id), &Read::STRONG).await?.is_some()
        {
            return Err(Error::Conflict { rule: Rule::Key }.into());
        }
        stamp(table, &mut attributes, new_id);
        return Ok(Created { item: store.create(table, attributes).await?, replayed: false });
    };

    let of_key = || Uuid::new_v5(&NAMESPACE, format!("{}\n{scope}\n{key}", table.name).as_bytes()).to_string();
    let id = own_id.unwrap_or_else(of_key);
    let hash = hash(&attributes);
    if let Some(item) = store.get(table, &Key::hash(&id), &Read::STRONG).await? {
        return replay(item, &hash);
    }
    references.await?;
    stamp(table, &mut attributes, || id.clone());
    attributes.insert(REQUEST_HASH.to_owned(), hash.as_str().into());
    match store.create(table, attributes).await {
        Ok(item) => Ok(Created { item, replayed: false }),
        // The same request, sent twice at once: the other one was first.
        Err(Error::Conflict { rule: Rule::Key }) => match store.get(table, &Key::hash(&id), &Read::STRONG).await? {
            Some(item) => replay(item, &hash),
            None => Err(Problem::conflict("the item was created and deleted at the same time")),
        },
        Err(error) => Err(error.into()),
    }
}

fn replay(item: Item, hash: &str) -> Result<Created, Problem> {
    match item.text(REQUEST_HASH) {
        Some(stored) if stored == hash => Ok(Created { item, replayed: true }),
        _ => Err(Problem::field("Idempotency-Key", "was used with another body: use a new key for a new request")),
    }
}

/// Adds the id and the times of a new item, unless it comes with its own.
fn stamp(table: &Table, attributes: &mut Attributes, id: impl FnOnce() -> String) {
    attributes.entry(table.hash.to_owned()).or_insert_with(|| id().into());
    let created = attributes.entry(CREATED_AT.to_owned()).or_insert_with(|| now().into()).clone();
    attributes.entry(UPDATED_AT.to_owned()).or_insert(created);
    table.add_initial(attributes);
}

/// The fingerprint of what a body says, however it is spelled.
fn hash(attributes: &Attributes) -> String {
    use std::fmt::Write;
    let digest = Sha256::digest(Item::new(attributes).as_json());
    digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
