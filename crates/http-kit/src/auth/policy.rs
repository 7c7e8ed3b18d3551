//! Who may what: the one list of rights.

use super::Caller;
use crate::problem::Problem;

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entity {
    /// A user's profile.
    User,
    /// A thread.
    Thread,
    /// A post.
    Post,
    /// What users tell moderators.
    Report,
    /// What moderators do, and the log of it.
    Moderation,
}

impl Entity {
    /// Do its items come from elsewhere, with ids and times of their own? What moderators are told and do happens here.
    pub(crate) fn is_imported(self) -> bool {
        matches!(self, Self::User | Self::Thread | Self::Post)
    }
}

/// What is done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A new one.
    Create,
    /// What its owner may change.
    Change,
    /// Also what its owner may not change: whose it is, and a user's e-mail address.
    ChangeOwner,
    /// Delete it.
    Delete,
    /// Delete it with what others have added: a thread with its posts.
    DeleteWithPosts,
    /// A new one where moderators have locked that: a post in a locked thread.
    CreateInLocked,
    /// See it, where not everybody may.
    Read,
    /// See what it says although moderators have removed it.
    ReadRemoved,
}

/// May the caller do this? `own` says whether the item is the caller's.
pub fn permits(caller: &Caller, entity: Entity, action: Action, own: bool) -> bool {
    use Action::{Change, ChangeOwner, Create, CreateInLocked, Delete, DeleteWithPosts, Read, ReadRemoved};
    use Entity::{Moderation, Post, Report, Thread, User};
    match caller {
        // Is neither an author nor a moderator in particular, and sees what everybody sees.
        Caller::Anyone => action != ReadRemoved,
        Caller::Anonymous => false,
        Caller::Service(service) => service.import || service.write && matches!((entity, action), (User | Thread, Create)),
        Caller::User(account) => {
            let moderates = account.moderator || account.admin;
            match (entity, action) {
                (User, Create | ChangeOwner) => account.admin,
                (User, Change | Delete | DeleteWithPosts) => own || account.admin,
                (User | Thread | Post, Read) => true,
                (User, CreateInLocked | ReadRemoved) => false,
                (Thread | Post | Report, Create) => true,
                (Thread, Change | Delete) => own || moderates,
                (Thread, ChangeOwner | DeleteWithPosts | CreateInLocked) => moderates,
                (Post, CreateInLocked) => moderates,
                (Thread | Post, ReadRemoved) => own || moderates,
                // Nobody puts words into another one's mouth.
                (Post, Change) => own,
                (Post, ChangeOwner) => false,
                (Post, Delete | DeleteWithPosts) => own || moderates,
                (Report | Moderation, Read) | (Moderation, Create) => moderates,
                // A report is resolved by an action, and an action is never undone: another one follows.
                (Report | Moderation, _) => false,
            }
        }
    }
}

/// Does the caller see what a thread or post says that moderators have removed? `own` says whether it is the caller's.
pub(crate) fn sees_removed(caller: &Caller, own: bool) -> bool {
    permits(caller, Entity::Post, Action::ReadRemoved, own)
}

/// Refuses what [`permits`] does not allow.
///
/// # Errors
/// 401 for a caller without a token, 403 for others.
pub fn check(caller: &Caller, entity: Entity, action: Action, own: bool) -> Result<(), Problem> {
    match caller {
        _ if permits(caller, entity, action, own) => Ok(()),
        Caller::Anonymous => Err(Problem::unauthenticated(None)),
        Caller::Service(_) => Err(Problem::forbidden("missing-scope", "the scopes of this service account do not allow this")),
        _ => Err(Problem::forbidden("not-allowed", "you may not do this")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::caller::tests::{admin, importer, moderator, person, unscoped, writer};
    use super::*;
    use Action::{Change, ChangeOwner, Create, CreateInLocked, Delete, DeleteWithPosts, Read, ReadRemoved};
    use Entity::{Moderation, Post, Report, Thread, User};

    /// Every cell: of another one's item, and of one's own.
    #[test]
    fn the_policy_is_this_table() {
        let callers = [
            ("anyone", Caller::Anyone),
            ("anonymous", Caller::Anonymous),
            ("person", person("p")),
            ("moderator", moderator("m")),
            ("admin", admin("a")),
            ("writer", writer()),
            ("importer", importer()),
            ("unscoped", unscoped()),
        ];
        // Columns as the callers; `o`: only their own, `x`: any, `.`: none.
        let table = [
            (User, Create, "x...xxx."),
            (User, Change, "x.oox.x."),
            (User, ChangeOwner, "x...x.x."),
            (User, Delete, "x.oox.x."),
            (User, DeleteWithPosts, "x.oox.x."),
            (Thread, Create, "x.xxxxx."),
            (Thread, Change, "x.oxx.x."),
            (Thread, ChangeOwner, "x..xx.x."),
            (Thread, Delete, "x.oxx.x."),
            (Thread, DeleteWithPosts, "x..xx.x."),
            (Post, Create, "x.xxx.x."),
            (Post, Change, "x.ooo.x."),
            (Post, ChangeOwner, "x.....x."),
            (Post, Delete, "x.oxx.x."),
            (Post, DeleteWithPosts, "x.oxx.x."),
            (Thread, ReadRemoved, "..oxx.x."),
            (Post, ReadRemoved, "..oxx.x."),
            (Post, CreateInLocked, "x..xx.x."),
            (Report, Create, "x.xxx.x."),
            (Report, Read, "x..xx.x."),
            (Report, Change, "x.....x."),
            (Report, Delete, "x.....x."),
            (Moderation, Create, "x..xx.x."),
            (Moderation, Read, "x..xx.x."),
            (Moderation, Change, "x.....x."),
            (Moderation, Delete, "x.....x."),
        ];
        for (entity, action, row) in table {
            for ((name, caller), cell) in callers.iter().zip(row.chars()) {
                let expected = match cell {
                    'x' => (true, true),
                    'o' => (false, true),
                    _ => (false, false),
                };
                let found = (permits(caller, entity, action, false), permits(caller, entity, action, true));
                assert_eq!(found, expected, "{name} {action:?} {entity:?}");
            }
        }
    }

    #[test]
    fn refusals_tell_who_is_unknown_from_who_may_not() {
        let status = |caller| check(&caller, Post, Delete, false).unwrap_err().status().as_u16();
        assert_eq!((status(Caller::Anonymous), status(person("p")), status(unscoped())), (401, 403, 403));
    }
}
