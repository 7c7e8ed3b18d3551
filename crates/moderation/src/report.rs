//! Reporting a post, a thread or a user.

use axum::extract::{Request, State};
use axum::response::Response;
use db_adapter::forum::report::{OPEN, QUEUE, TABLE};
use db_adapter::forum::{modlog, now};
use db_adapter::schema::{CREATED_AT, UPDATED_AT};
use db_adapter::{Error, Item, Key, Read, Rule, Store, StoreExt, Table};
use http_kit::extract::{NoParameters, Query};
use http_kit::idempotency::Created;
use http_kit::projection::Projection;
use http_kit::resource::{Draft, Operation};
use http_kit::{Caller, Problem, SharedStore, response};
use uuid::Uuid;

use crate::Reports;

/// The namespace of the ids of reports. Changing it lets everybody report everything again.
const NAMESPACE: Uuid = Uuid::from_u128(0x3b1f_9c52_7d04_4e0a_8f6e_1c2d_5a90_e7b3);

/// `POST /api/reports` with its description.
pub(crate) fn operation() -> Operation {
    let about = "Tells moderators of a post, a thread or a user. Each user reports each of them once.";
    Operation::create_by::<Reports, _>(about, create_report)
        .titled("create_report", "Report a post, a thread or a user")
        .returns("You have reported it before: your earlier report.")
        .refuses(409, "The report was made and erased at the same time.")
}

async fn create_report(
    caller: Caller,
    State(store): State<SharedStore>,
    Query(NoParameters {}): Query<NoParameters>,
    request: Request,
) -> Result<Response, Problem> {
    let draft = Draft::read::<Reports>(&caller, &*store, request).await?;
    let id = report_id(draft.text("userId"), draft.text("target"));
    let earlier = || async { store.get(&TABLE, &Key::hash(&id), &Read::STRONG).await };
    if let Some(report) = earlier().await? {
        return Ok(response::one(&Projection::all(&TABLE), &report));
    }
    draft.check_references::<Reports>(&*store, &caller).await?;
    find_target(&*store, draft.text("target"), &Read { attributes: Some(Vec::new()), bypass_cache: true, ..Read::default() })
        .await?;
    let mut attributes = draft.attributes;
    let time = now();
    for (name, value) in [(TABLE.hash, id.as_str()), (QUEUE, OPEN), (CREATED_AT, time.as_str()), (UPDATED_AT, time.as_str())] {
        attributes.insert(name.to_owned(), value.into());
    }
    match store.create(&TABLE, attributes).await {
        Ok(item) => Ok(response::stored(&TABLE, &Created { item, replayed: false })),
        // The same report, sent twice at once: the other one was first.
        Err(Error::Conflict { rule: Rule::Key }) => match earlier().await? {
            Some(report) => Ok(response::one(&Projection::all(&TABLE), &report)),
            None => Err(Problem::conflict("the report was made and erased at the same time")),
        },
        Err(error) => Err(error.into()),
    }
}

/// The id of that user's report of that target.
fn report_id(reporter: &str, target: &str) -> String {
    Uuid::new_v5(&NAMESPACE, format!("{reporter}\n{target}").as_bytes()).to_string()
}

/// The item that a target names, and its table.
///
/// # Errors
/// 422 where there is none; those of the store.
pub(crate) async fn find_target(store: &dyn Store, target: &str, read: &Read) -> Result<(&'static Table, Item), Problem> {
    let (table, id) = modlog::target(target).ok_or_else(|| Problem::field("target", modlog::TARGET.allowed))?;
    let item = store.find(table, &Key::hash(id), read).await?;
    item.map(|item| (table, item)).ok_or_else(|| Problem::field("target", format!("there is no such {}", table.singular)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_has_the_id_of_its_reporter_and_its_target() {
        assert_eq!(report_id("1", "posts/1"), "7e14c53c-168c-506c-92b9-fcb78d09bc2e");
        assert!(TABLE.samples.contains(&report_id("1", "posts/1")));
    }
}
