//! A store of tables of one's own, in JSON files: `cargo run -p db-adapter --example own_tables`.

use db_adapter::json::{JsonOptions, JsonStore};
use db_adapter::schema::{Attribute, Index, Kind, Unique};
use db_adapter::{Attributes, Query, Result, Store, Table, Value};

/// Books by their shelf. No two have the same ISBN.
static BOOKS: Table = Table {
    name: "books",
    singular: "book",
    component: "Book",
    env: "BOOKS_TABLE",
    default_name: "books",
    hash: "bookId",
    range: None,
    indexes: &[Index { name: "ShelfIndex", hash: "shelf", range: Some("title") }],
    unique: &[Unique { attribute: "isbn" }],
    constant: None,
    ttl: None,
    attributes: &[
        Attribute::server("bookId", Kind::Text, "The book's id."),
        Attribute::text("isbn", "Its number."),
        Attribute::text("shelf", "Where it stands."),
        Attribute::text("title", "Its title."),
    ],
    samples: "[]",
};

static SCHEMA: [&Table; 1] = [&BOOKS];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let dir = std::env::temp_dir().join(format!("own-tables-{}", std::process::id()));
    let store = JsonStore::open(&SCHEMA, JsonOptions::new(&dir)).await?;
    for (id, isbn, title) in [("1", "9780141439518", "Pride and Prejudice"), ("2", "9780141439662", "Sense and Sensibility")] {
        let book = [("bookId", id), ("isbn", isbn), ("shelf", "novels"), ("title", title)];
        store.create(&BOOKS, book.map(|(name, value)| (name.to_owned(), Value::from(value))).into()).await?;
    }
    let again =
        Attributes::from([("bookId", "3"), ("isbn", "9780141439518")].map(|(name, value)| (name.to_owned(), value.into())));
    if let Err(error) = store.create(&BOOKS, again).await {
        println!("a third book, of the first one's number: {error}");
    }
    for index in BOOKS.indexes {
        for book in store.query(&BOOKS, &Query::new(index, "novels")).await?.items {
            println!("{}", book.as_json());
        }
    }
    store.close().await?;
    std::fs::remove_dir_all(&dir).map_err(db_adapter::Error::backend)
}
