//! The schemas of a table's items and of the bodies that write them.

#![expect(clippy::indexing_slicing, reason = "a document's parts are objects, and what an object lacks is null")]

use db_adapter::Table;
use db_adapter::schema::{Access, Attribute, CREATED_AT, Form, Kind, Max, Presence, UPDATED_AT};
use serde_json::{Map, Value, json};

use super::body::Purpose;
use super::documents::Bodies;
use crate::paging::ID_PATTERN;
use crate::projection::{REMOVED, is_concealable, is_removable};

/// Every schema of the table, by name.
pub(crate) fn of(table: &Table) -> Map<String, Value> {
    let Bodies { create, replace, patch } = Bodies::of(table);
    let mut schemas = Map::from_iter([
        (table.component.to_owned(), item(table)),
        (create, body(table, Purpose::Create, &[])),
        (patch, body(table, Purpose::Patch, &[])),
    ]);
    // Where everything can change, an item is replaced by what it could be created from.
    schemas.entry(replace).or_insert_with(|| body(table, Purpose::Replace, &[]));
    schemas
}

/// An item as clients see it.
fn item(table: &Table) -> Value {
    let visible = || table.attributes.iter().filter(|known| known.is_visible());
    let mut properties: Map<_, _> = visible().map(|known| (known.name.to_owned(), shown(known))).collect();
    if is_removable(table) {
        let about = "Whether moderators removed it; absent where they did not. What it says is shown to its author and to moderators only.";
        properties.insert(REMOVED.to_owned(), json!({ "type": "boolean", "const": true, "description": about }));
    }
    let required = visible().filter(|known| known.presence == Presence::Required && !is_concealable(table, known));
    let required: Vec<_> = required.map(|known| known.name).collect();
    json!({
        "type": "object",
        "description": format!("A {} as clients see it.", table.singular),
        "properties": properties,
        "required": required,
    })
}

fn shown(known: &Attribute) -> Value {
    let mut schema = match known.kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Count => json!({ "type": "integer", "format": "int64", "minimum": 0 }),
    };
    if is_time(known) {
        schema["format"] = json!("date-time");
    }
    schema["description"] = json!(known.about);
    schema
}

/// A body. Unknown fields are refused; what the server sets may be sent and is ignored. `known` are further attributes that cannot be set.
pub(super) fn body(table: &Table, purpose: Purpose, known: &[&str]) -> Value {
    let fixed = |attribute: &Attribute| purpose != Purpose::Create && (attribute.fixed || known.contains(&attribute.name));
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for known in table.attributes.iter().filter(|known| known.is_visible()) {
        properties.insert(known.name.to_owned(), sent(known, fixed(known)));
        let settable = known.access == Access::Client && !fixed(known);
        if settable && purpose != Purpose::Patch && known.presence != Presence::Optional {
            required.push(known.name);
        }
    }
    let description = match purpose {
        Purpose::Create => format!("A {} as a client sends it whole.", table.singular),
        Purpose::Replace => format!("A {} as a client replaces it.", table.singular),
        Purpose::Patch => format!("Changes to a {}: what is absent stays, null removes.", table.singular),
    };
    let mut schema =
        json!({ "type": "object", "description": description, "additionalProperties": false, "properties": properties });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn sent(known: &Attribute, fixed: bool) -> Value {
    if known.access == Access::Server {
        let mut schema = match known.kind {
            Kind::Text => json!({ "type": "string" }),
            Kind::Count => json!({ "type": "integer" }),
        };
        if is_time(known) {
            schema["format"] = json!("date-time");
        }
        schema["readOnly"] = json!(true);
        schema["description"] = json!("Set by the server; ignored.");
        return schema;
    }
    if fixed {
        return json!({
            "type": "string", "readOnly": true, "description": format!("{} Left out, or as it is.", known.about),
        });
    }
    let mut schema = json!({ "type": "string", "description": known.about });
    if known.presence == Presence::Optional {
        schema["type"] = json!(["string", "null"]);
    }
    match known.max {
        Some(Max::Chars(max) | Max::Bytes(max)) => schema["maxLength"] = json!(max),
        None => {}
    }
    if known.references.is_some() {
        schema["pattern"] = json!(ID_PATTERN);
    }
    if let Some(shape) = known.shape {
        schema["pattern"] = json!(shape.pattern);
    }
    if known.visible {
        schema["minLength"] = json!(1);
        if known.form != Form::AsSent {
            schema["pattern"] = json!(r"\S");
        }
    }
    if known.time {
        schema["format"] = json!("date-time");
    }
    if known.email {
        schema["format"] = json!("email");
    }
    schema
}

fn is_time(known: &Attribute) -> bool {
    known.time || [CREATED_AT, UPDATED_AT].contains(&known.name)
}
