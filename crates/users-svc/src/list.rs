//! Lists of users.

use axum::extract::State;
use db_adapter::forum::User;
use db_adapter::forum::user::TABLE;
use db_adapter::{Cursor, Key, Query as IndexQuery, Scan};
use http_kit::answer::{self, Answer};
use http_kit::extract::Query;
use http_kit::fields::{Fields, Shown};
use http_kit::paging::{Ids, Limit, ListUrl, exclusive, index};
use http_kit::{Caller, Problem, SharedStore};
use serde::Deserialize;
use utoipa::IntoParams;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListUsers {
    /// Users on a page at most.
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

/// List users
///
/// In no particular order.
#[utoipa::path(
    get,
    path = "/api/users",
    tag = "users",
    params(ListUsers),
    responses(
        (status = 200, description = "The users.", body = [User], headers(
            ("Link" = String, description = "The next page (RFC 8288, `rel=\"next\"`), exactly when there is one."),
        )),
    ),
)]
pub(crate) async fn list_users(
    _: Caller,
    State(store): State<SharedStore>,
    url: ListUrl,
    Query(query): Query<ListUsers>,
) -> Answer {
    let paged = [("limit", query.limit.is_some()), ("cursor", query.cursor.is_some())];
    exclusive("ids", query.ids.is_some(), &[paged.as_slice(), &[("email", query.email.is_some())]].concat())?;
    exclusive("email", query.email.is_some(), &paged)?;
    let shown = Shown::of(&TABLE, query.fields)?;

    if let Some(ids) = query.ids {
        let keys: Vec<_> = ids.into_vec().into_iter().map(|id| (&TABLE, Key::hash(id))).collect();
        let found = store.get_many(&keys, &shown.read(false)).await?;
        return Ok(answer::items(&shown, found.iter().flatten()));
    }
    if let Some(email) = query.email {
        let by_email = IndexQuery::new(index(&TABLE, "EmailIndex")?, normalise(&email)?);
        let by_email = IndexQuery { attributes: shown.attributes(), ..by_email };
        let found = store.query(&TABLE, &by_email).await?;
        return Ok(answer::items(&shown, &found.items));
    }
    let limit = query.limit.unwrap_or_default().items();
    let scan = Scan { cursor: query.cursor.map(Cursor::from_text), attributes: shown.attributes(), ..Scan::new(limit) };
    Ok(answer::list(&shown, &store.scan(&TABLE, &scan).await?, &url))
}

/// Migrated users may have addresses that a new user cannot, so that less is checked here.
fn normalise(email: &str) -> Result<String, Problem> {
    let email = email.trim().to_lowercase();
    if email.is_empty() || email.chars().count() > 254 || email.contains(char::is_control) {
        return Err(Problem::parameter("email", "must be 1 to 254 characters, none of them a control character"));
    }
    Ok(email)
}
