//! The people who can log in: the users of the sample data.

use db_adapter::forum::user;
use http_kit::auth::DEV_MODERATOR_ROLE;
use serde::Deserialize;

/// The ids of those who moderate.
const MODERATORS: [&str; 1] = ["3"];

/// A user of the sample data.
#[derive(Debug, Clone, Deserialize)]
pub struct Person {
    /// The user's id in the forum, and the subject of the tokens.
    #[serde(rename = "userId")]
    pub id: String,
    /// The name that is shown.
    pub name: String,
    /// The handle, if the user has one.
    pub username: Option<String>,
    /// The e-mail address.
    pub email: String,
}

impl Person {
    /// The name to ask for the person by, in lower case.
    pub fn handle(&self) -> String {
        self.username.as_deref().unwrap_or(&self.name).to_lowercase()
    }

    /// The names of the person's roles.
    pub fn roles(&self) -> &'static [&'static str] {
        if MODERATORS.contains(&self.id.as_str()) { &[DEV_MODERATOR_ROLE] } else { &[] }
    }

    /// Is that the id, the handle or the name of the person? Upper and lower case are the same.
    pub fn is_called(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        [&self.id, &self.name].iter().any(|known| known.to_lowercase() == name) || self.handle() == name
    }
}

/// Everybody who can log in.
///
/// # Errors
/// The sample data cannot be read.
pub(crate) fn everybody() -> Result<Vec<Person>, serde_json::Error> {
    serde_json::from_str(user::TABLE.samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_alice_and_bob_and_carol_who_moderates() {
        let everybody = everybody().unwrap();
        let described: Vec<_> = everybody.iter().map(|person| (person.handle(), person.roles())).collect();
        let none: &[&str] = &[];
        let expected = [("alice", none), ("bob", none), ("carol", &["moderator"])];
        assert_eq!(described, expected.map(|(name, roles)| (name.to_owned(), roles)));
        for name in ["3", "carol", "Carol", "CAROL"] {
            let called: Vec<_> = everybody.iter().filter(|person| person.is_called(name)).map(|person| &person.id).collect();
            assert_eq!(called, ["3"], "{name}");
        }
    }
}
