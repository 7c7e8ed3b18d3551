//! Which attributes of an item a client sees, and their JSON, made from the stored bytes.

use db_adapter::forum::{REMOVED_AT, user};
use db_adapter::schema::{Attribute, VERSION};
use db_adapter::{Expected, Found, Item, Members, Read, Table};
use serde::de::{Deserialize, Deserializer, Error};

use crate::auth::Caller;
use crate::auth::policy::sees_removed;
use crate::paging::listed;
use crate::problem::Problem;

/// `fields`: names of attributes with commas between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields(Vec<String>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match listed(&text).map(str::to_owned).collect::<Vec<_>>() {
            names if names.is_empty() => Err(D::Error::custom("must name at least one attribute")),
            names => Ok(Self(names)),
        }
    }
}

/// What an item that moderators have removed has in a response, beside its attributes: `"removed": true`.
pub(crate) const REMOVED: &str = "removed";

/// Can moderators remove the items of this table?
pub(crate) fn is_removable(table: &Table) -> bool {
    table.attribute(REMOVED_AT).is_some()
}

/// Is the attribute concealed once its item is removed? So is what its author said. Whose it is and where it belongs stays.
pub(crate) fn is_concealable(table: &Table, known: &Attribute) -> bool {
    is_removable(table) && known.is_of_client() && known.references.is_none()
}

/// How much of an item a response shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// All that was asked for, as to everybody.
    ToAll,
    /// All that was asked for, as the caller may see what moderators have removed.
    RemovedToSome,
    /// Without what its author said, as moderators have removed it.
    Concealed,
}

/// Who sees what moderators have removed.
#[derive(Debug, Clone)]
enum Viewer {
    /// Whoever may do anything to the items that are shown.
    Trusted,
    /// Who sees only what is of this user.
    Owner(String),
    /// Who sees nothing of it.
    Other,
}

/// The attributes of a table's items that a response shows, in the schema's order.
#[derive(Debug, Clone)]
pub struct Projection {
    table: &'static Table,
    /// Those that were asked for, each once.
    asked: Option<Vec<&'static str>>,
    viewer: Viewer,
}

impl Projection {
    /// Every attribute that clients may see, to somebody who wrote the item or may write it. What this version does not know is not
    /// shown.
    pub fn all(table: &'static Table) -> Self {
        Self { table, asked: None, viewer: Viewer::Trusted }
    }

    /// The attributes that were asked for; all where nothing was. Of what moderators have removed, the caller sees what it may.
    ///
    /// # Errors
    /// 400 when there is no such attribute, or more are named than there are.
    pub fn of(table: &'static Table, fields: Option<Fields>, caller: &Caller) -> Result<Self, Problem> {
        let viewer = match caller.account() {
            _ if sees_removed(caller, false) => Viewer::Trusted,
            Some(account) => Viewer::Owner(account.id.clone()),
            None => Viewer::Other,
        };
        let all = Self { viewer, ..Self::all(table) };
        let Some(Fields(asked)) = fields else { return Ok(all) };
        if let Some(unknown) = asked.iter().find(|asked| all.names().all(|name| name != *asked)) {
            let message = format!("{unknown:?} is not one of {}", all.names().collect::<Vec<_>>().join(", "));
            return Err(Problem::parameter("fields", message));
        }
        if asked.len() > all.names().count() {
            return Err(Problem::parameter("fields", "names more attributes than there are"));
        }
        let asked = all.names().filter(|name| asked.iter().any(|asked| asked == name)).collect();
        Ok(Self { asked: Some(asked), ..all })
    }

    /// Is every attribute shown that clients may see?
    pub(crate) fn is_all(&self) -> bool {
        self.asked.is_none()
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.attributes_shown().map(|(_, known)| known.name)
    }

    /// The attributes that are shown, each with its place in the schema.
    fn attributes_shown(&self) -> impl Iterator<Item = (usize, &'static Attribute)> {
        let visible = self.table.attributes.iter().enumerate().filter(|(_, known)| known.is_visible());
        visible.filter(|(_, known)| self.asked.as_ref().is_none_or(|asked| asked.contains(&known.name)))
    }

    /// The names that were asked for, each once and in the schema's order; `None` for every attribute.
    pub(crate) fn asked(&self) -> Option<&[&'static str]> {
        self.asked.as_deref()
    }

    /// What to ask of the store; `None` for every attribute. Of an item that moderators can remove, whether they did and whose it is.
    pub fn attributes(&self) -> Option<Vec<String>> {
        let mut names = self.asked.clone()?;
        if is_removable(self.table) {
            let of_removal = [REMOVED_AT, user::TABLE.hash].into_iter().filter(|name| !names.contains(name)).collect::<Vec<_>>();
            names.extend(of_removal);
        }
        Some(names.into_iter().map(str::to_owned).collect())
    }

    /// How much of the item is shown.
    pub(crate) fn shown(&self, item: &Members<'_>) -> Shown {
        if !is_removable(self.table) || item.get(REMOVED_AT).is_none() {
            return Shown::ToAll;
        }
        match &self.viewer {
            Viewer::Trusted => Shown::RemovedToSome,
            Viewer::Owner(id) if item.text(user::TABLE.hash).as_deref() == Some(id) => Shown::RemovedToSome,
            Viewer::Owner(_) | Viewer::Other => Shown::Concealed,
        }
    }

    /// How to read.
    pub fn read(&self, strong: bool) -> Read {
        Read { strong, attributes: self.attributes(), bypass_cache: false }
    }

    /// The item's JSON.
    pub fn json(&self, item: &Item) -> String {
        let mut json = String::with_capacity(item.as_json().len());
        self.write(&mut json, &item.members());
        json
    }

    /// Appends the item's JSON, and says how much that shows.
    pub(crate) fn write(&self, out: &mut String, item: &Members<'_>) -> Shown {
        let shown = self.shown(item);
        let mut members = Joined::new(out);
        for (_, known) in self.attributes_shown() {
            if shown == Shown::Concealed && is_concealable(self.table, known) {
                continue;
            }
            if let Some(value) = item.get(known.name).or_else(|| absent(known)) {
                members.push(["\"", known.name, "\":", value]);
            }
        }
        if shown != Shown::ToAll {
            members.push(["\"", REMOVED, "\":true"]);
        }
        members.end();
        shown
    }

    /// Prepares for many items.
    pub(crate) fn writer(&self) -> Writer<'_> {
        let names = || self.table.attributes.iter().map(|known| known.name);
        let removal = is_removable(self.table).then(|| names().position(|name| name == REMOVED_AT)).flatten();
        let absent = |known: &Attribute| Some(format!("\"{}\":{}", known.name, absent(known)?));
        let shown = self.attributes_shown().map(|(place, known)| (place, absent(known))).collect();
        Writer { projection: self, expected: Expected::new(names()), shown, removal }
    }
}

/// What an item shows of an attribute that it lacks.
fn absent(known: &Attribute) -> Option<&'static str> {
    (known.name == VERSION).then_some("0")
}

/// Writes the JSON of many items of a table, whose names it looks up once.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    projection: &'a Projection,
    /// Every attribute of the table.
    expected: Expected,
    /// The attributes that are shown: their place in the table, and what is written of one that is absent.
    shown: Vec<(usize, Option<String>)>,
    /// The place of the one that tells that moderators have removed the item.
    removal: Option<usize>,
}

impl Writer<'_> {
    /// Appends the item's JSON, and says how much that shows. `found` is for the attributes of one item after the other.
    pub(crate) fn write<'i>(&self, out: &mut String, item: &'i Item, found: &mut Found<'i>) -> Shown {
        self.expected.find(item, found);
        if self.removal.and_then(|place| found.member(place)).is_some() {
            return self.projection.write(out, &item.members());
        }
        let mut members = Joined::new(out);
        for (place, absent) in &self.shown {
            if let Some(member) = found.member(*place).or(absent.as_deref()) {
                members.push([member]);
            }
        }
        members.end();
        Shown::ToAll
    }
}

/// An object that is being written.
struct Joined<'a> {
    out: &'a mut String,
    /// What comes before the next member.
    next: char,
}

impl<'a> Joined<'a> {
    fn new(out: &'a mut String) -> Self {
        Self { out, next: '{' }
    }

    /// Appends a member, which comes in parts.
    fn push<const PARTS: usize>(&mut self, member: [&str; PARTS]) {
        self.out.push(std::mem::replace(&mut self.next, ','));
        member.iter().for_each(|part| self.out.push_str(part));
    }

    fn end(self) {
        self.out.push_str(if self.next == ',' { "}" } else { "{}" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::tests::{admin, importer, moderator, person, writer};
    use db_adapter::forum::{post, user};

    fn fields(names: &[&str]) -> Option<Fields> {
        Some(Fields(names.iter().map(|name| (*name).to_owned()).collect()))
    }

    /// As each of the two ways writes it.
    fn written(projection: &Projection, json: &str) -> String {
        let item = Item::parse(json).unwrap();
        let (mut out, mut of_many) = (String::new(), String::new());
        let shown = projection.write(&mut out, &item.members());
        assert_eq!(projection.writer().write(&mut of_many, &item, &mut Found::default()), shown);
        assert_eq!(out, of_many);
        out
    }

    #[test]
    fn known_attributes_are_shown_in_the_order_of_the_schema() {
        let json = r#"{"bio":"\"ä\"","later":1,"name":"Ann","requestHash":"h","userId":"u","version":3,"writeId":"w"}"#;
        let all = Projection::all(&user::TABLE);
        assert_eq!(written(&all, json), r#"{"userId":"u","name":"Ann","bio":"\"ä\"","version":3}"#);
        let some = Projection::of(&user::TABLE, fields(&["name", "userId", "name"]), &Caller::Anonymous).unwrap();
        assert_eq!(written(&some, json), r#"{"userId":"u","name":"Ann"}"#);
        assert_eq!(some.attributes(), Some(vec!["userId".to_owned(), "name".to_owned()]));
        assert_eq!(all.attributes(), None);
    }

    #[test]
    fn an_item_without_version_shows_0() {
        assert_eq!(written(&Projection::all(&user::TABLE), "{}"), r#"{"version":0}"#);
    }

    #[test]
    fn unknown_and_hidden_names_are_refused() {
        let refused = |names: &[&str]| Projection::of(&user::TABLE, fields(names), &Caller::Anonymous).unwrap_err();
        let many = vec!["name"; user::TABLE.attributes.len()];
        assert_eq!(refused(&many).errors()[0].message, "names more attributes than there are");
        for name in ["", "nickname", "writeId", "Name", "removed"] {
            assert_eq!(refused(&[name]).status(), 400);
        }
    }

    #[test]
    fn what_is_removed_is_shown_to_its_author_and_to_moderators_only() {
        let json =
            r#"{"content":"secret","postId":"p","removedAt":"T","threadId":"t","title":"secret","userId":"ann","version":2}"#;
        let whole = r#"{"postId":"p","threadId":"t","userId":"ann","title":"secret","content":"secret","removedAt":"T","version":2,"removed":true}"#;
        let without = r#"{"postId":"p","threadId":"t","userId":"ann","removedAt":"T","version":2,"removed":true}"#;
        for (caller, expected) in [
            (person("ann"), whole),
            (moderator("mod"), whole),
            (admin("boss"), whole),
            (importer(), whole),
            (person("bob"), without),
            (writer(), without),
            (Caller::Anonymous, without),
            (Caller::Anyone, without),
        ] {
            assert_eq!(written(&Projection::of(&post::TABLE, None, &caller).unwrap(), json), expected, "{caller:?}");
        }
        let some = Projection::of(&post::TABLE, fields(&["title"]), &person("bob")).unwrap();
        assert_eq!(some.attributes().unwrap(), ["title", "removedAt", "userId"]);
        assert_eq!(written(&some, json), r#"{"removed":true}"#);
    }
}
