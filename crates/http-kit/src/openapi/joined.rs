//! One document of several services.

use serde_json::{Map, Value, json};

use super::frame;

/// Joins the documents: every path, every tag and every component once. Where two have a component of one name it is the same one,
/// which a test of the server that mounts them holds.
pub(super) fn join(documents: impl Iterator<Item = Value>) -> Value {
    let (mut paths, mut components, mut tags) = (Map::new(), Map::new(), Vec::new());
    let mut joined = frame("Forum");
    for mut document in documents {
        paths.extend(taken(&mut document["paths"]));
        for (section, members) in taken(&mut document["components"]) {
            let joined = components.entry(section).or_insert_with(|| json!({}));
            if let (Some(joined), Value::Object(members)) = (joined.as_object_mut(), members) {
                joined.extend(members);
            }
        }
        joined["security"] = document["security"].take();
        let Value::Array(more) = document["tags"].take() else { continue };
        tags.extend(more.into_iter().filter(|tag| !tags.contains(tag)).collect::<Vec<_>>());
    }
    joined["paths"] = paths.into();
    joined["components"] = components.into();
    joined["tags"] = tags.into();
    joined
}

fn taken(value: &mut Value) -> Map<String, Value> {
    match value.take() {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
