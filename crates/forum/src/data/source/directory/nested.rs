//! Records inside a record: the replies of a thread are posts.

use db_adapter::{Attributes, Table, Value};

use super::roles;

/// Which records inside a record are items of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Nested {
    /// None.
    #[default]
    Nothing,
    /// Those under any name of posts.
    Posts,
    /// Those at the end of a path.
    Path(Vec<String>),
}

/// A record inside another one.
#[derive(Debug)]
pub(super) struct Child {
    /// The id under which it stands, if it does.
    pub(super) id: Option<String>,
    /// Its attributes.
    pub(super) attributes: Attributes,
}

/// Takes the records inside out of the attributes.
pub(super) fn take(attributes: &mut Attributes, nested: &Nested) -> Vec<Child> {
    match nested {
        Nested::Nothing => Vec::new(),
        Nested::Posts => {
            let wanted = |(name, value): (&String, &Value)| (is_records(value) && roles::are_posts(name)).then(|| name.clone());
            let names: Vec<_> = attributes.iter().filter_map(wanted).collect();
            names.iter().filter_map(|name| attributes.remove(name)).flat_map(children).collect()
        }
        Nested::Path(path) => {
            let path: Vec<_> = path.iter().map(String::as_str).collect();
            take_path(attributes, &path).map(children).unwrap_or_default()
        }
    }
}

/// Takes the value at the end of the path out of the attributes, and objects on the way that are empty then.
pub(super) fn take_path(attributes: &mut Attributes, path: &[&str]) -> Option<Value> {
    let (name, rest) = path.split_first()?;
    if rest.is_empty() {
        return attributes.remove(*name);
    }
    let Some(Value::Map(inside)) = attributes.get_mut(*name) else { return None };
    let taken = take_path(inside, rest);
    if inside.is_empty() {
        attributes.remove(*name);
    }
    taken
}

/// The number of records, with those inside them.
pub(super) fn count(records: &[Child]) -> u64 {
    let inside = |child: &Child| {
        let lists = child.attributes.iter().filter(|(name, value)| is_records(value) && roles::are_posts(name));
        lists.map(|(_, value)| count(&children(value.clone()))).sum::<u64>()
    };
    records.iter().map(|child| 1 + inside(child)).sum()
}

fn children(value: Value) -> Vec<Child> {
    let child = |id, value| match value {
        Value::Map(attributes) => Child { id, attributes },
        other => Child { id, attributes: Attributes::from([("value".to_owned(), other)]) },
    };
    match value {
        Value::List(list) => list.into_iter().map(|value| child(None, value)).collect(),
        Value::Map(map) => map.into_iter().map(|(id, value)| child(Some(id), value)).collect(),
        _ => Vec::new(),
    }
}

/// Is it a list of records, or an object with a record under each id? An empty list has no record to lose.
fn is_records(value: &Value) -> bool {
    match value {
        Value::List(list) => list.iter().all(|value| matches!(value, Value::Map(_))),
        Value::Map(map) => map.values().all(|value| matches!(value, Value::Map(_))),
        _ => false,
    }
}

/// The lists of records that are kept inside an item, each with its length.
pub(super) fn unread(table: &Table, attributes: &Attributes) -> Vec<(String, u64)> {
    let length = |(name, value): (&String, &Value)| match value {
        Value::List(list) if table.attribute(name).is_none() && list.iter().any(|value| matches!(value, Value::Map(_))) => {
            Some((name.clone(), list.len() as u64))
        }
        _ => None,
    };
    attributes.iter().filter_map(length).collect()
}
