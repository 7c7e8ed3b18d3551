//! The parts that the descriptions of operations are made of.

use db_adapter::Table;
use serde_json::{Map, Value, json};
use utoipa::IntoParams;
use utoipa::openapi::path::ParameterIn;

use super::body::Purpose;
use crate::paging::ID_PATTERN;

/// What the documents call the bodies of a table's items.
#[derive(Debug)]
pub(super) struct Bodies {
    pub(super) create: String,
    pub(super) replace: String,
    pub(super) patch: String,
}

impl Bodies {
    /// Those of that table.
    pub(super) fn of(table: &Table) -> Self {
        let name = capitalised(table.singular);
        let create = format!("New{name}");
        let replace = if fixed(table).is_empty() { create.clone() } else { format!("{name}Replacement") };
        Self { create, replace, patch: format!("{name}Patch") }
    }
}

/// The names of the attributes that cannot change, for people: `threadId and userId`.
pub(super) fn fixed(table: &Table) -> String {
    let names: Vec<_> = table.attributes.iter().filter(|known| known.fixed).map(|known| format!("`{}`", known.name)).collect();
    names.join(" and ")
}

/// The parameters that a type declares.
pub(super) fn parameters<P: IntoParams>() -> Vec<Value> {
    let declared = P::into_params(|| Some(ParameterIn::Query));
    declared.iter().filter_map(|parameter| serde_json::to_value(parameter).ok()).collect()
}

/// The parameters of a path, each an id: `{threadId}` is a thread's.
pub(super) fn path_parameters(path: &str) -> Vec<Value> {
    let names = path.split('/').filter_map(|step| step.strip_prefix('{')?.strip_suffix('}'));
    let parameter = |name: &str| {
        json!({
            "name": name, "in": "path", "required": true,
            "description": format!("The {}'s id.", name.strip_suffix("Id").unwrap_or(name)),
            "schema": { "type": "string", "pattern": ID_PATTERN },
        })
    };
    names.map(parameter).collect()
}

/// A body of the schema of that name.
pub(super) fn request_body(schema: &str, purpose: Purpose) -> Value {
    request_body_of(&reference(schema), purpose)
}

/// A body of that schema.
pub(super) fn request_body_of(schema: &Value, purpose: Purpose) -> Value {
    let media = json!({ "schema": schema });
    let content: Map<_, _> = purpose.media_types().iter().map(|name| ((*name).to_owned(), media.clone())).collect();
    json!({ "required": true, "content": content })
}

/// A response with one item.
pub(super) fn item(table: &Table, description: &str) -> Value {
    json!({
        "description": description,
        "headers": etag_header(table),
        "content": { "application/json": { "schema": reference(table.component) } },
    })
}

/// A response with a page of items.
pub(super) fn page(table: &Table) -> Value {
    json!({
        "description": format!("The {}.", table.name),
        "headers": { "Link": text_header("The next page (RFC 8288, `rel=\"next\"`), exactly when there is one.") },
        "content": { "application/json": { "schema": { "type": "array", "items": reference(table.component) } } },
    })
}

/// 404.
pub(super) fn not_found(table: &Table) -> Value {
    json!({ "description": format!("There is no such {}.", table.singular) })
}

/// 409 of a table with unique attributes.
pub(super) fn taken(table: &Table) -> Option<Value> {
    let names: Vec<_> = table.unique.iter().map(|unique| format!("`{}`", unique.attribute)).collect();
    let description = format!("Another {} has the same {}.", table.singular, names.join(" or "));
    (!names.is_empty()).then(|| json!({ "description": description }))
}

/// The `ETag` of an item.
pub(super) fn etag_header(table: &Table) -> Value {
    json!({ "ETag": text_header(&format!("The {}'s version.", table.singular)) })
}

/// A header that is text.
pub(super) fn text_header(description: &str) -> Value {
    json!({ "description": description, "schema": { "type": "string" } })
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
