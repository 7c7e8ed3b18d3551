//! A schema for tests: nothing in the contract is particular to the forum's tables.

use super::schema::{Attribute, CREATED_AT, Index, Kind, Table, UPDATED_AT, Unique, VERSION, WRITE_ID};

/// Notes in books: a key of two halves, two indexes and a unique attribute.
pub(crate) static NOTES: Table = Table {
    name: "notes",
    singular: "note",
    component: "Note",
    env: "DYNAMODB_NOTES_TABLE",
    default_name: "toy-notes",
    hash: "noteId",
    range: Some("bookId"),
    indexes: &[
        Index { name: "BookIndex", hash: "bookId", range: Some(CREATED_AT) },
        Index { name: "WriterIndex", hash: "writer", range: Some(CREATED_AT) },
    ],
    unique: &[Unique { attribute: "slug" }],
    constant: None,
    ttl: None,
    attributes: &[
        Attribute::server("noteId", Kind::Text, "The note's id."),
        Attribute::text("bookId", "The book it is in.").required().fixed(),
        Attribute::text("writer", "Who wrote it."),
        Attribute::text("slug", "Its short name; no other note has it."),
        Attribute::server(CREATED_AT, Kind::Text, "When it was created."),
        Attribute::server(UPDATED_AT, Kind::Text, "When it last changed."),
        Attribute::server(VERSION, Kind::Count, "How often it was written."),
        Attribute::hidden(WRITE_ID),
    ],
    samples: "[]",
};
