//! What moderators do.

use axum::extract::{Request, State};
use axum::response::Response;
use db_adapter::forum::{modlog, now};
use db_adapter::schema::CREATED_AT;
use db_adapter::{Item, Read};
use http_kit::extract::{NoParameters, Query};
use http_kit::idempotency::{self, IdempotencyKey};
use http_kit::paging::Time;
use http_kit::resource::{Draft, Operation};
use http_kit::{Caller, Deadline, Problem, SharedStore, response};

use crate::Actions;
use crate::apply::apply;
use crate::report::find_target;

/// What an action is about. The newest action on each aspect of an item is what holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Aspect {
    /// May the user write?
    Suspension,
    /// Is the thread closed for new posts?
    Lock,
    /// Is the thread pinned?
    Pin,
    /// Is what the thread or post says concealed?
    Removal,
    /// Nothing of the item: only its reports.
    Reports,
}

/// An action as the log has it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Its id.
    pub(crate) id: String,
    /// The path below `/api` of what it is done to.
    pub(crate) target: String,
    /// Its name.
    pub(crate) action: String,
    /// Why.
    pub(crate) reason: String,
    /// Until when, of a suspension.
    pub(crate) until: Option<String>,
    /// When it was logged, as times are stored.
    pub(crate) at: String,
}

impl Entry {
    /// The entry that this item of the log is.
    pub(crate) fn of(item: &Item) -> Self {
        let text = |name| item.text(name).unwrap_or_default();
        Self {
            id: text(modlog::TABLE.hash),
            target: text("target"),
            action: text("action"),
            reason: text("reason"),
            until: item.text("until"),
            at: text(CREATED_AT),
        }
    }

    /// What it is about.
    pub(crate) fn aspect(&self) -> Aspect {
        aspect(&self.action)
    }

    /// Is it done to begin something, where others end it?
    pub(crate) fn begins(&self) -> bool {
        ["suspend", "lock", "pin", "remove"].contains(&self.action.as_str())
    }

    /// Does it resolve the open reports of its target?
    pub(crate) fn resolves(&self) -> bool {
        ["suspend", "remove", "dismiss"].contains(&self.action.as_str())
    }
}

fn aspect(action: &str) -> Aspect {
    match action {
        "suspend" | "unsuspend" => Aspect::Suspension,
        "lock" | "unlock" => Aspect::Lock,
        "pin" | "unpin" => Aspect::Pin,
        "remove" | "restore" => Aspect::Removal,
        _ => Aspect::Reports,
    }
}

/// `POST /api/moderation/actions` with its description. Posts are kept for so many days once they are removed.
pub(crate) fn operation(removed_keep_days: u32) -> Operation {
    let about = "`suspend` and `unsuspend` a user; `lock`, `unlock`, `pin` and `unpin` a thread; `remove` and `restore` a thread or a post; \
                 `dismiss` the reports of any of them, also of one that is gone. `suspend`, `remove` and `dismiss` resolve its open reports. The action is logged first \
                 and done then: where that fails, the same request with the same `Idempotency-Key` finishes it. For moderators.";
    let handler = move |caller: Caller,
                        store: State<SharedStore>,
                        key: IdempotencyKey,
                        deadline: Deadline,
                        _: Query<NoParameters>,
                        request: Request| act(caller, store, key, (deadline, removed_keep_days), request);
    Operation::create_once::<Actions, _>(about, handler).titled("create_action", "Moderate a post, a thread or a user")
}

async fn act(
    caller: Caller,
    State(store): State<SharedStore>,
    key: IdempotencyKey,
    (deadline, removed_keep_days): (Deadline, u32),
    request: Request,
) -> Result<Response, Problem> {
    let mut draft = Draft::read::<Actions>(&caller, &*store, request).await?;
    check_fit(draft.text("action"), draft.text("target"))?;
    let until = until(&draft)?;
    draft.attributes.extend(until.iter().map(|until| ("until".to_owned(), until.as_str().into())));
    let (target, mut found) = (draft.text("target").to_owned(), None);
    let dismisses = aspect(draft.text("action")) == Aspect::Reports;
    let references = draft.check_references::<Actions>(&*store, &caller);
    let checks = async {
        if until.is_some_and(|until| until <= now()) {
            return Err(Problem::field("until", "must be in the future"));
        }
        references.await?;
        // Reports of what is gone must be closed, too.
        if !dismisses {
            found = Some(find_target(&*store, &target, &Read::STRONG).await?.1);
        }
        Ok(())
    };
    let logged = idempotency::create(&*store, &modlog::TABLE, key, &draft.scope, draft.attributes, checks).await?;
    let entry = Entry::of(&logged.item);
    apply(&*store, &entry, found.filter(|_| !logged.replayed), (deadline, removed_keep_days)).await?;
    Ok(response::stored(&modlog::TABLE, &logged))
}

/// Checks that the action can be done to such a target.
fn check_fit(action: &str, target: &str) -> Result<(), Problem> {
    let kinds: &[&str] = match aspect(action) {
        Aspect::Suspension => &["users"],
        Aspect::Lock | Aspect::Pin => &["threads"],
        Aspect::Removal => &["posts", "threads"],
        Aspect::Reports => &["posts", "threads", "users"],
    };
    if kinds.iter().any(|kind| target.strip_prefix(kind).is_some_and(|rest| rest.starts_with('/'))) {
        return Ok(());
    }
    Err(Problem::field("action", format!("{action} is for {}, and the target is {target}", kinds.join(" and "))))
}

/// Until when a user is to be suspended, as times are stored.
fn until(draft: &Draft) -> Result<Option<String>, Problem> {
    let needed = draft.text("action") == "suspend";
    match draft.attributes.get("until").and_then(|until| until.as_str()) {
        None if needed => Err(Problem::field("until", "is required by suspend")),
        Some(_) if !needed => Err(Problem::field("until", "is for suspend only")),
        None => Ok(None),
        Some(text) => match Time::parse(text) {
            Some(time) => Ok(Some(time.into_text())),
            None => Err(Problem::field("until", "must be a time as in 2027-05-01T12:00:00Z (RFC 3339)")),
        },
    }
}
