//! Lists of users.

use axum::extract::State;
use axum::response::Response;
use db_adapter::forum::user::TABLE;
use db_adapter::{Cursor, Query as IndexQuery, Scan};
use http_kit::extract::Query;
use http_kit::paging::{Ids, Limit, ListUrl, exclusive, index};
use http_kit::projection::{Fields, Projection};
use http_kit::resource::{Operation, by_ids};
use http_kit::{Caller, Problem, SharedStore, response};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::Users;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListUsers {
    /// Maximum number of users on the page.
    #[param(inline, nullable = false)]
    limit: Option<Limit>,
    /// Where the page starts: from the link to it.
    #[param(nullable = false)]
    cursor: Option<String>,
    /// Only the user with this e-mail address; without `limit`, `cursor` and `ids`.
    #[param(nullable = false, min_length = 1, max_length = 254, pattern = r"^[^\s\x00-\x1f\x7f-\x9f]+$")]
    email: Option<String>,
    /// Only these users, in this order; absent ones are left out. Without `limit`, `cursor` and `email`.
    #[param(inline, nullable = false)]
    ids: Option<Ids>,
    /// Only these attributes.
    #[param(value_type = Option<String>, nullable = false)]
    fields: Option<Fields>,
}

/// The operation with its description.
pub(crate) fn operation() -> Operation {
    Operation::list::<Users, ListUsers, _>("list_users", "List users", "In no particular order.", list_users)
}

async fn list_users(
    caller: Caller,
    State(store): State<SharedStore>,
    url: ListUrl,
    Query(query): Query<ListUsers>,
) -> Result<Response, Problem> {
    let ListUsers { limit, cursor, email, ids, fields } = query;
    let paged = [("limit", limit.is_some()), ("cursor", cursor.is_some())];
    exclusive("ids", ids.is_some(), &[paged.as_slice(), &[("email", email.is_some())]].concat())?;
    exclusive("email", email.is_some(), &paged)?;
    if let Some(ids) = ids {
        return by_ids::<Users>(&*store, ids, fields, &caller).await;
    }
    let projection = Projection::of(&TABLE, fields, &caller)?;
    if let Some(email) = email {
        let by_email = IndexQuery::new(index(&TABLE, "EmailIndex")?, normalise(&email)?);
        let by_email = IndexQuery { attributes: projection.attributes(), ..by_email };
        let found = store.query(&TABLE, &by_email).await?;
        return Ok(response::items(&projection, &found.items).await);
    }
    let scan = Scan {
        cursor: cursor.map(Cursor::from_text),
        attributes: projection.attributes(),
        ..Scan::new(limit.unwrap_or_default().items())
    };
    Ok(response::page(&projection, &store.scan(&TABLE, &scan).await?, &url).await)
}

/// Migrated users may have addresses that a new user cannot, so that less is checked here.
fn normalise(email: &str) -> Result<String, Problem> {
    let email = email.trim().to_lowercase();
    if email.is_empty() || email.chars().count() > 254 || email.contains(char::is_control) {
        return Err(Problem::parameter("email", "must be 1 to 254 characters, none of them a control character"));
    }
    Ok(email)
}
