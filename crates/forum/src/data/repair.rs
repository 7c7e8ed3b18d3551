//! Repairing what `Store::check` finds, after saving what is removed.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use db_adapter::schema::CREATED_AT;
use db_adapter::{Error, Finding, Item, Key, Read, Store, Table};
use serde::Serialize;

use super::compare::{NamedKey, key_attributes};
use crate::data::source::Scanner;

/// A finding as it is printed and saved.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FindingReport {
    pub(crate) table: &'static str,
    pub(crate) finding: &'static str,
    /// The item that is invalid or has no claim, or the owner that a dangling claim names.
    #[serde(serialize_with = "key_attributes")]
    pub(crate) key: NamedKey,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attribute: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
    /// The partition key of the item that holds the claim instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<String>,
    /// When the item without the claim was created, where it and another one have the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_at: Option<String>,
    /// When the item that holds the claim was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) owner_created_at: Option<String>,
    /// The two items that have one value.
    #[serde(skip)]
    rivals: Option<(&'static Table, [Key; 2])>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The item as it was stored, if the repair changes or removes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) item: Option<Item>,
    /// The item as the repair stores it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mended: Option<Item>,
    /// Does it make the store wrong?
    #[serde(skip)]
    pub(crate) is_fault: bool,
}

impl FindingReport {
    pub(crate) fn new(table: &'static Table, finding: &Finding) -> Self {
        let finding_is_fault = finding.is_fault();
        let of = |finding, key: &Key| Self {
            table: table.name,
            finding,
            key: NamedKey::new(table, key.clone()),
            attribute: None,
            value: None,
            owner: None,
            created_at: None,
            owner_created_at: None,
            rivals: None,
            reason: None,
            item: None,
            mended: None,
            is_fault: finding_is_fault,
        };
        let claim = |finding, key, attribute, value: &String| Self {
            attribute: Some(attribute),
            value: Some(value.clone()),
            ..of(finding, key)
        };
        match finding {
            Finding::MissingClaim { key, attribute, value } => claim("missingClaim", key, attribute, value),
            Finding::DanglingClaim { owner, attribute, value } => claim("danglingClaim", owner, attribute, value),
            Finding::StolenClaim { key, attribute, value, owner } => Self {
                owner: Some(owner.hash.clone()),
                rivals: Some((table, [key.clone(), owner.clone()])),
                ..claim("stolenClaim", key, attribute, value)
            },
            Finding::MendableItem { key, reason, item, mended, .. } => Self {
                reason: Some(reason.clone()),
                item: Some(item.clone()),
                mended: Some(mended.clone()),
                ..of("mendableItem", key)
            },
            Finding::BrokenItem { key, reason, item } => {
                Self { reason: Some(reason.clone()), item: Some(item.clone()), ..of("brokenItem", key) }
            }
        }
    }
}

impl FindingReport {
    /// Looks up when two items that have one value were created, so that a person can say whose it is. What cannot be read has no
    /// time.
    pub(crate) async fn look_up_times(&mut self, store: &dyn Store) {
        let Some((table, [key, owner])) = &self.rivals else { return };
        let created = async |key: &Key| store.get(table, key, &Read::STRONG).await.ok().flatten()?.text(CREATED_AT);
        (self.created_at, self.owner_created_at) = (created(key).await, created(owner).await);
    }
}

impl std::fmt::Display for FindingReport {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (key, attribute) = (&self.key, self.attribute.unwrap_or_default());
        let value = self.value.as_deref().unwrap_or_default();
        match (self.finding, &self.owner, &self.reason) {
            ("missingClaim", ..) => write!(formatter, "{key}: there is no claim on its {attribute} {value:?}; a repair adds it"),
            ("danglingClaim", ..) => {
                write!(
                    formatter,
                    "claim on {attribute} {value:?}: its owner {key} does not have this value; a repair removes the claim"
                )
            }
            (_, Some(owner), _) => {
                let of = |time: &Option<String>| time.as_ref().map_or_else(String::new, |time| format!(", created {time}"));
                let (own, other) = (of(&self.created_at), of(&self.owner_created_at));
                write!(
                    formatter,
                    "{key}{own}: its {attribute} {value:?} is also that of {owner:?}{other}, which holds the claim; change one of the two \
                     by hand"
                )
            }
            ("mendableItem", _, Some(reason)) => write!(formatter, "{key}: {reason}; a repair mends the item"),
            (_, _, reason) => {
                write!(formatter, "{key}: broken: {}; a repair removes the item", reason.as_deref().unwrap_or_default())
            }
        }
    }
}

/// A file with every item as it was before its repair.
#[derive(Debug)]
pub(crate) struct SaveFile {
    file: File,
    pub(crate) path: PathBuf,
}

impl SaveFile {
    /// A new file.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(crate) fn create(path: PathBuf) -> Result<Self> {
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => Ok(Self { file, path }),
            Err(error) => Err(error)
                .with_context(|| format!("cannot save what would be removed to {}; nothing was repaired", path.display())),
        }
    }

    fn save(&mut self, findings: &[(&'static Table, Finding)]) -> Result<()> {
        for (table, finding) in findings {
            let line = serde_json::to_string(&FindingReport::new(table, finding))? + "\n";
            self.file.write_all(line.as_bytes())?;
        }
        self.file.sync_all()?;
        Ok(())
    }
}

/// Saves all findings, then repairs them. Returns how many cannot be repaired automatically.
///
/// # Errors
/// When the file cannot be written, before any of them is repaired; when the store fails.
pub(crate) async fn apply(scanner: &Scanner, findings: &[(&'static Table, Finding)], file: &mut SaveFile) -> Result<usize> {
    file.save(findings).with_context(|| format!("cannot save what would be removed to {}", file.path.display()))?;
    let mut left = 0;
    for (table, finding) in findings {
        match scanner.store.repair(table, finding).await {
            Ok(()) => {}
            Err(Error::Conflict { .. }) => left += 1,
            Err(error) => {
                return Err(error).with_context(|| {
                    format!(
                        "cannot repair {}; what was removed so far is in {}",
                        FindingReport::new(table, finding),
                        file.path.display()
                    )
                });
            }
        }
    }
    Ok(left)
}
