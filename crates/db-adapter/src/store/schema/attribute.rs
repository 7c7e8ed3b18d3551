//! One attribute of a table: what it holds, who sets it, and the rules on what clients send.

// A circle: a table lists its attributes, and an attribute names the table that it refers to.
use super::Table;

/// One attribute that this version knows. It is declared once: the store checks its kind, request bodies and OpenAPI documents
/// follow its rules, `forum verify` its reference, `forum migrate` its older names.
#[derive(Debug)]
pub struct Attribute {
    /// The attribute's name.
    pub name: &'static str,
    /// The type its value must have.
    pub kind: Kind,
    /// Who sets it and who sees it.
    pub access: Access,
    /// What it is, for people: a sentence.
    pub about: &'static str,
    /// Which items have it.
    pub presence: Presence,
    /// What becomes of a text that a client sends, before it is checked.
    pub form: Form,
    /// Must something of the text be visible?
    pub visible: bool,
    /// Is the text an e-mail address?
    pub email: bool,
    /// How long the text may be.
    pub max: Option<Max>,
    /// What the text is built like.
    pub shape: Option<&'static Shape>,
    /// Is it a time, as [`timestamp`](crate::store::time::timestamp) writes it?
    pub time: bool,
    /// May it not change after the item's creation?
    pub fixed: bool,
    /// Which texts are allowed, of an attribute that holds its own item's id.
    pub ids: Option<fn(&str) -> bool>,
    /// The table of the item whose id it holds. That item must exist when the attribute is set.
    pub references: Option<&'static Table>,
    /// What the server sets it to on a new item; nothing where `None`.
    pub initially: Option<Initial>,
    /// What older data and other programs call it, the most trusted name first. Case, `_` and `-` do not matter.
    pub formerly: &'static [&'static str],
}

/// The type of an attribute's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A whole number from 0 to 2^63 - 1.
    Count,
}

/// Who sets an attribute and who sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Set by clients, shown to them.
    Client,
    /// Set by the server, shown to clients.
    Server,
    /// Set by the server, never shown.
    Hidden,
}

/// What the server sets an attribute to on a new item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Initial {
    /// The number 0.
    Zero,
    /// The item's `createdAt`.
    Created,
}

/// Which items have an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Some.
    Optional,
    /// All that were written through the HTTP interface; migrated ones may lack it.
    RequiredOfNew,
    /// All.
    Required,
}

/// What becomes of a text before it is checked and stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// It stays as it is.
    AsSent,
    /// White space around it is removed.
    Trimmed,
    /// White space around it is removed, and it is lower-cased: as unique values are compared.
    Normalised,
}

impl Form {
    /// The text in this form.
    pub fn apply(self, text: String) -> String {
        match self {
            Self::AsSent => text,
            Self::Trimmed => text.trim().to_owned(),
            Self::Normalised => normalised(&text),
        }
    }
}

/// The text trimmed and lower-cased: as unique values are compared.
pub(super) fn normalised(text: &str) -> String {
    text.trim().to_lowercase()
}

/// The greatest length of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Max {
    /// In Unicode characters.
    Chars(usize),
    /// In bytes of UTF-8.
    Bytes(usize),
}

/// What a text is built like.
#[derive(Debug)]
pub struct Shape {
    /// The regular expression that a whole text matches, for documents.
    pub pattern: &'static str,
    /// What is allowed, as the end of a sentence that starts with the attribute.
    pub allowed: &'static str,
    /// Is the text built like that?
    pub fits: fn(&str) -> bool,
}

impl Attribute {
    const fn new(name: &'static str, kind: Kind, access: Access, about: &'static str) -> Self {
        Self {
            name,
            kind,
            access,
            about,
            presence: Presence::Optional,
            form: Form::AsSent,
            visible: false,
            email: false,
            max: None,
            shape: None,
            time: false,
            fixed: false,
            ids: None,
            references: None,
            initially: None,
            formerly: &[],
        }
    }

    /// An optional text that clients set, without further rules.
    pub const fn text(name: &'static str, about: &'static str) -> Self {
        Self::new(name, Kind::Text, Access::Client, about)
    }

    /// An attribute that the server sets on every item and clients see.
    pub const fn server(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { presence: Presence::Required, ..Self::new(name, kind, Access::Server, about) }
    }

    /// A text that moderators set on some items, and clients see.
    pub const fn moderation(name: &'static str, about: &'static str) -> Self {
        Self::new(name, Kind::Text, Access::Server, about)
    }

    /// A text that the server sets and clients do not see.
    pub const fn hidden(name: &'static str) -> Self {
        Self::new(name, Kind::Text, Access::Hidden, "")
    }

    /// A number that the server sets and clients do not see.
    pub const fn hidden_count(name: &'static str) -> Self {
        Self::new(name, Kind::Count, Access::Hidden, "")
    }

    /// Every item has it.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { presence: Presence::Required, ..self }
    }

    /// Some items lack it.
    #[must_use]
    pub const fn optional(self) -> Self {
        Self { presence: Presence::Optional, ..self }
    }

    /// The server sets it on a new item.
    #[must_use]
    pub const fn initially(self, initial: Initial) -> Self {
        Self { initially: Some(initial), ..self }
    }

    /// New items have it; migrated ones may lack it.
    #[must_use]
    pub const fn required_of_new(self) -> Self {
        Self { presence: Presence::RequiredOfNew, ..self }
    }

    /// White space around the text is removed.
    #[must_use]
    pub const fn trimmed(self) -> Self {
        Self { form: Form::Trimmed, ..self }
    }

    /// Something of the text must be visible.
    #[must_use]
    pub const fn visible(self) -> Self {
        Self { visible: true, ..self }
    }

    /// The text is an e-mail address; it is trimmed and lower-cased.
    #[must_use]
    pub const fn email(self) -> Self {
        Self { email: true, form: Form::Normalised, ..self }
    }

    /// The text has no more than that many Unicode characters.
    #[must_use]
    pub const fn max_chars(self, max: usize) -> Self {
        Self { max: Some(Max::Chars(max)), ..self }
    }

    /// The text has no more than that many bytes of UTF-8.
    #[must_use]
    pub const fn max_bytes(self, max: usize) -> Self {
        Self { max: Some(Max::Bytes(max)), ..self }
    }

    /// What clients send is built like that.
    #[must_use]
    pub const fn shaped(self, shape: &'static Shape) -> Self {
        Self { shape: Some(shape), ..self }
    }

    /// It is a time.
    #[must_use]
    pub const fn time(self) -> Self {
        Self { time: true, ..self }
    }

    /// It does not change after the item's creation.
    #[must_use]
    pub const fn fixed(self) -> Self {
        Self { fixed: true, ..self }
    }

    /// It is the item's id, and this function tells which ones are allowed: [`crate::forum::is_id`] for the forum's tables.
    #[must_use]
    pub const fn id(self, is_allowed: fn(&str) -> bool) -> Self {
        Self { ids: Some(is_allowed), ..self }
    }

    /// It is the id of an item of that table.
    #[must_use]
    pub const fn references(self, table: &'static Table) -> Self {
        Self { references: Some(table), ..self }
    }

    /// Older data and other programs call it by these names, the most trusted first. Case, `_` and `-` do not matter.
    #[must_use]
    pub const fn formerly(self, names: &'static [&'static str]) -> Self {
        Self { formerly: names, ..self }
    }

    /// Is it what a client said, and not what the server keeps of the item?
    pub fn is_of_client(&self) -> bool {
        self.access == Access::Client
    }

    /// May clients see it?
    pub fn is_visible(&self) -> bool {
        self.access != Access::Hidden
    }
}
