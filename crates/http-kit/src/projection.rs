//! Which attributes of an item a client sees, and their JSON, made from the stored bytes.

use db_adapter::schema::VERSION;
use db_adapter::{Item, Members, Read, Table};
use serde::de::{Deserialize, Deserializer, Error};

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

/// The attributes of a table's items that a response shows, in the schema's order.
#[derive(Debug, Clone)]
pub struct Projection {
    table: &'static Table,
    /// Those that were asked for, each once.
    asked: Option<Vec<&'static str>>,
}

impl Projection {
    /// Every attribute that clients may see. What this version does not know is not shown.
    pub fn all(table: &'static Table) -> Self {
        Self { table, asked: None }
    }

    /// The attributes that were asked for; all where nothing was.
    ///
    /// # Errors
    /// 400 when there is no such attribute, or more are named than there are.
    pub fn of(table: &'static Table, fields: Option<Fields>) -> Result<Self, Problem> {
        let all = Self::all(table);
        let Some(Fields(asked)) = fields else { return Ok(all) };
        if let Some(unknown) = asked.iter().find(|asked| all.names().all(|name| name != *asked)) {
            let message = format!("{unknown:?} is not one of {}", all.names().collect::<Vec<_>>().join(", "));
            return Err(Problem::parameter("fields", message));
        }
        if asked.len() > all.names().count() {
            return Err(Problem::parameter("fields", "names more attributes than there are"));
        }
        let asked = all.names().filter(|name| asked.iter().any(|asked| asked == name)).collect();
        Ok(Self { table, asked: Some(asked) })
    }

    /// Is every attribute shown that clients may see?
    pub(crate) fn is_all(&self) -> bool {
        self.asked.is_none()
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        let visible = self.table.attributes.iter().filter(|known| known.is_visible()).map(|known| known.name);
        visible.filter(|name| self.asked.as_ref().is_none_or(|asked| asked.contains(name)))
    }

    /// What to ask of the store; `None` for every attribute.
    pub fn attributes(&self) -> Option<Vec<String>> {
        self.asked.is_some().then(|| self.names().map(str::to_owned).collect())
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

    /// Appends the item's JSON.
    pub(crate) fn write(&self, out: &mut String, item: &Members<'_>) {
        out.push('{');
        let mut separator = "";
        for name in self.names() {
            let value = match item.get(name) {
                Some(value) => value,
                None if name == VERSION => "0",
                None => continue,
            };
            out.push_str(separator);
            out.push('"');
            out.push_str(name);
            out.push_str("\":");
            out.push_str(value);
            separator = ",";
        }
        out.push('}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use db_adapter::forum::user;

    fn written(shown: &Projection, json: &str) -> String {
        let mut out = String::new();
        shown.write(&mut out, &Item::parse(json).unwrap().members());
        out
    }

    #[test]
    fn known_attributes_are_shown_in_the_order_of_the_schema() {
        let json = r#"{"bio":"\"ä\"","later":1,"name":"Ann","requestHash":"h","userId":"u","version":3,"writeId":"w"}"#;
        let all = Projection::all(&user::TABLE);
        assert_eq!(written(&all, json), r#"{"userId":"u","name":"Ann","bio":"\"ä\"","version":3}"#);
        let some =
            Projection::of(&user::TABLE, Some(Fields(vec!["name".to_owned(), "userId".to_owned(), "name".to_owned()]))).unwrap();
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
        let many = Fields(vec!["name".to_owned(); user::TABLE.attributes.len()]);
        assert_eq!(
            Projection::of(&user::TABLE, Some(many)).unwrap_err().errors()[0].message,
            "names more attributes than there are"
        );
        for name in ["", "nickname", "writeId", "Name"] {
            assert_eq!(Projection::of(&user::TABLE, Some(Fields(vec![name.to_owned()]))).unwrap_err().status(), 400);
        }
    }
}
