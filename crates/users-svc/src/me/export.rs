//! Everything that the forum has of a user, as JSON lines.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use db_adapter::forum::{post, report, thread, user};
use db_adapter::{Cursor, Error, Item, Query as IndexQuery, Read, Scan, Table};
use futures::stream::{self, StreamExt, TryStreamExt};
use http_kit::extract::{NoParameters, Query};
use http_kit::projection::Projection;
use http_kit::resource::{Operation, Target};
use http_kit::{Problem, SharedStore};

use super::erase::of_user;
use crate::Users;

/// `GET /api/users/me/export` with its description.
pub(crate) fn operation() -> Operation {
    let about = "Your profile, threads, posts and reports, one JSON object a line: `{\"user\": …}`, `{\"thread\": …}`, `{\"post\": …}`, `{\"report\": …}`.";
    let example = r#"{"user":{"userId":"1","name":"Alice","version":1}}"#;
    Operation::get_of::<Users, _>("export_me", "Export what you wrote", about, ("text/plain", example), export_me)
}

async fn export_me(me: Target<Users>, Query(NoParameters {}): Query<NoParameters>) -> Result<Response, Problem> {
    let profile = line(&user::TABLE, &me.find(&Read::STRONG).await?);
    let id = me.id().to_owned();
    let written = [&thread::TABLE, &post::TABLE].map(|table| Ok::<_, Problem>((table, of_user(table, &id)?)));
    let written = written.into_iter().collect::<Result<Vec<_>, _>>()?;
    let store = me.into_store();
    let reports = reports(store.clone(), id);
    let written = stream::iter(written).flat_map(move |(table, query)| pages(store.clone(), table, query));
    let lines = stream::once(async move { Ok::<_, Error>(profile) }).chain(written).chain(reports);
    let mut response = Response::new(Body::from_stream(lines.map_ok(Bytes::from)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The lines of the items of a list, a page at a time.
fn pages(
    store: SharedStore,
    table: &'static Table,
    query: IndexQuery,
) -> impl stream::Stream<Item = Result<String, Error>> + Send {
    stream::try_unfold(Some(query), move |query| {
        let store = store.clone();
        async move {
            let Some(query) = query else { return Ok(None) };
            let page = store.query(table, &query).await?;
            let lines: String = page.items.iter().map(|item| line(table, item)).collect();
            let next = page.next.map(|next: Cursor| IndexQuery { cursor: Some(next), ..query });
            Ok(Some((lines, next)))
        }
    })
}

/// The lines of the user's reports, a page of all reports at a time: no index has them by user.
fn reports(store: SharedStore, user_id: String) -> impl stream::Stream<Item = Result<String, Error>> + Send {
    stream::try_unfold(Some(Scan::new(1000)), move |scan| {
        let (store, user_id) = (store.clone(), user_id.clone());
        async move {
            let Some(scan) = scan else { return Ok(None) };
            let page = store.scan(&report::TABLE, &scan).await?;
            let own = page.items.iter().filter(|report| report.text("userId").as_deref() == Some(&user_id));
            let lines: String = own.map(|report| line(&report::TABLE, report)).collect();
            Ok(Some((lines, page.next.map(|next| Scan { cursor: Some(next), ..scan }))))
        }
    })
}

fn line(table: &'static Table, item: &Item) -> String {
    format!("{{\"{}\":{}}}\n", table.singular, Projection::all(table).json(item))
}
