//! Expressions: every name and value goes through a placeholder, so that reserved words and odd names need no care.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::attribute_value::Raw;
use crate::store::item::{Tag, Value};
use crate::store::schema::{CREATED_AT, Key, Table, UPDATED_AT, VERSION, WRITE_ID};
use crate::store::update::{Advance, Update};

/// The placeholders of one request.
#[derive(Debug, Default)]
pub(super) struct Expression {
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Expression {
    /// The placeholders for names, as the SDK wants them.
    pub(super) fn names(&self) -> Option<HashMap<String, String>> {
        Some(self.names.clone()).filter(|names| !names.is_empty())
    }

    /// The placeholders for values, as the SDK wants them.
    pub(super) fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        Some(self.values.clone()).filter(|values| !values.is_empty())
    }

    /// The placeholder for an attribute's name.
    pub(super) fn name(&mut self, attribute: &str) -> String {
        if let Some((placeholder, _)) = self.names.iter().find(|(_, name)| *name == attribute) {
            return placeholder.clone();
        }
        let placeholder = format!("#n{}", self.names.len());
        self.names.insert(placeholder.clone(), attribute.to_owned());
        placeholder
    }

    /// A placeholder for a value.
    pub(super) fn value(&mut self, value: impl Into<AttributeValue>) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), value.into());
        placeholder
    }

    /// A placeholder for a string.
    pub(super) fn text(&mut self, text: &str) -> String {
        self.value(AttributeValue::S(text.to_owned()))
    }

    /// A projection to these attributes.
    pub(super) fn projection<'a>(&mut self, attributes: impl IntoIterator<Item = &'a str>) -> String {
        attributes.into_iter().map(|attribute| self.name(attribute)).collect::<Vec<_>>().join(", ")
    }

    /// There is such an item, and it is not past its time.
    pub(super) fn exists(&mut self, table: &Table, now: f64) -> String {
        let exists = format!("attribute_exists({})", self.name(table.hash));
        match table.ttl {
            // What is not a number is no time, and no comparison with it holds.
            Some(ttl) => format!("{exists} AND (attribute_not_exists({0}) OR NOT {0} <= {1})", self.name(ttl), self.number(now)),
            None => exists,
        }
    }

    /// There is no such item, or it is past its time.
    pub(super) fn absent(&mut self, table: &Table, now: f64) -> String {
        let absent = format!("attribute_not_exists({})", self.name(table.hash));
        match table.ttl {
            Some(ttl) => format!("({absent} OR {} <= {})", self.name(ttl), self.number(now)),
            None => absent,
        }
    }

    fn number(&mut self, number: f64) -> String {
        self.value(AttributeValue::N(number.to_string()))
    }

    /// The item has this tag.
    pub(super) fn has_tag(&mut self, tag: &Tag) -> String {
        let version = self.equals_or_lacks(VERSION, AttributeValue::N(tag.version.to_string()), tag.version == 0);
        let lacks = tag.write_id == Tag::NO_WRITE_ID;
        let write_id = self.equals_or_lacks(WRITE_ID, AttributeValue::S(tag.write_id.clone()), lacks);
        format!("{version} AND {write_id}")
    }

    /// The item does not come from this write.
    pub(super) fn is_not_from(&mut self, update: &Update, write_id: &str) -> String {
        let (name, value) = (self.name(update.stamp()), self.text(write_id));
        format!("(attribute_not_exists({name}) OR {name} <> {value})")
    }

    /// The item has no later time.
    pub(super) fn not_before(&mut self, time: &str) -> String {
        let time = self.text(time);
        let earlier = [CREATED_AT, UPDATED_AT].map(|name| {
            let name = self.name(name);
            format!("(attribute_not_exists({name}) OR {name} <= {time})")
        });
        earlier.join(" AND ")
    }

    /// The item is as the update's `only_if` says.
    pub(super) fn meets(&mut self, update: &Update) -> Vec<String> {
        let condition = |(name, value): (&String, &Option<Value>)| {
            let name = self.name(name);
            match value {
                Some(value) => format!("{name} = {}", self.value(value.clone())),
                None => format!("(attribute_not_exists({name}) OR attribute_type({name}, {}))", self.text("NULL")),
            }
        };
        update.only_if.iter().map(condition).collect()
    }

    /// The update can be made without knowing the item: its counts can be added to, and it goes forward.
    pub(super) fn can_be_made(&mut self, update: &Update) -> Vec<String> {
        let mut conditions = Vec::new();
        for (name, number) in &update.add {
            let name = self.name(name);
            let mut number_of = |number: i64| self.value(AttributeValue::N(number.to_string()));
            conditions.push(match *number {
                0.. => {
                    let (least, most) = (number_of(0), number_of(i64::MAX - number));
                    format!("(attribute_not_exists({name}) OR {name} BETWEEN {least} AND {most})")
                }
                _ => format!("{name} BETWEEN {} AND {}", number_of(number.saturating_neg()), number_of(i64::MAX)),
            });
        }
        if let Some(Advance { by, set }) = &update.advance {
            let (mut ahead, mut equal) = (Vec::new(), String::new());
            for name in *by {
                let (placeholder, value) = (self.name(name), self.value(set.get(*name).cloned().unwrap_or(Value::Null)));
                if equal.is_empty() {
                    ahead.push(format!("attribute_not_exists({placeholder})"));
                }
                ahead.push(format!("({equal}{placeholder} < {value})"));
                equal += &format!("{placeholder} = {value} AND ");
            }
            conditions.push(format!("({})", ahead.join(" OR ")));
        }
        conditions
    }

    /// The attribute is as it is in this item.
    pub(super) fn unchanged(&mut self, attribute: &str, item: &Raw) -> String {
        let name = self.name(attribute);
        match item.get(attribute) {
            Some(value) => format!("{name} = {}", self.value(value.clone())),
            None => format!("attribute_not_exists({name})"),
        }
    }

    /// The version is one that can grow, or absent: another program may have stored it as a text.
    pub(super) fn has_count(&mut self) -> String {
        let name = self.name(VERSION);
        let number = |number: i64| AttributeValue::N(number.to_string());
        let (least, most) = (self.value(number(0)), self.value(number(i64::MAX - 1)));
        format!("(attribute_not_exists({name}) OR {name} BETWEEN {least} AND {most})")
    }

    /// What the update changes, with this version, or else one that has grown by one. The table's constant is set too, as another
    /// program may have left it out.
    pub(super) fn changes(&mut self, table: &Table, key: &Key, update: &Update, write_id: &str, version: Option<u64>) -> String {
        let number = |number: u64| AttributeValue::N(number.to_string());
        let mut sets = vec![format!("{} = {}", self.name(update.stamp()), self.text(write_id))];
        if !update.touch {
            let name = self.name(VERSION);
            sets.push(match version {
                Some(version) => format!("{name} = {}", self.value(number(version))),
                None => format!("{name} = if_not_exists({name}, {}) + {}", self.value(number(0)), self.value(number(1))),
            });
        }
        for (name, grown) in &update.add {
            let (name, none) = (self.name(name), self.value(number(0)));
            let grown = self.value(AttributeValue::N(grown.to_string()));
            sets.push(format!("{name} = if_not_exists({name}, {none}) + {grown}"));
        }
        let constant = table.constant.as_ref().map(|known| (known.attribute, known.partition_of(&key.hash)));
        sets.extend(constant.map(|(name, partition)| format!("{} = {}", self.name(name), self.text(&partition))));
        let advanced = update.advance.iter().flat_map(|advance| &advance.set);
        sets.extend(
            update.set.iter().chain(advanced).map(|(name, value)| format!("{} = {}", self.name(name), self.value(value.clone()))),
        );
        let removes: Vec<_> = update.remove.iter().map(|name| self.name(name)).collect();
        let remove = if removes.is_empty() { String::new() } else { format!(" REMOVE {}", removes.join(", ")) };
        format!("SET {}{remove}", sets.join(", "))
    }

    fn equals_or_lacks(&mut self, attribute: &str, value: AttributeValue, lacks: bool) -> String {
        let (name, value) = (self.name(attribute), self.value(value));
        if lacks { format!("(attribute_not_exists({name}) OR {name} = {value})") } else { format!("{name} = {value}") }
    }
}
