//! The records of a folder in the order of its files, also those inside others, each with its place.

use std::fmt;
use std::path::Path;

use anyhow::{Result, anyhow};
use db_adapter::forum::{post, thread, user};
use db_adapter::{Item, Table};

use super::Directory;
use super::authors::Authors;
use super::nested::Child;
use super::record::{Mapped, Mapper};

/// The position of a record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    file: &'a Path,
    record: u64,
    inside: Option<u64>,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: record {}", self.file.display(), self.record)?;
        self.inside.map_or(Ok(()), |inside| write!(formatter, ", {inside} inside it"))
    }
}

type Visit<'a> = &'a mut dyn FnMut(Place<'_>, Result<Mapped>) -> Result<bool>;

impl Directory {
    /// Passes every item of the table to `visit`, up to `count` at a time, until it returns false.
    ///
    /// # Errors
    /// As [`Directory::records`]; also the first record that cannot be stored.
    pub(crate) fn each(
        &self,
        table: &'static Table,
        count: usize,
        visit: &mut dyn FnMut(Vec<Item>) -> Result<bool>,
    ) -> Result<()> {
        let mut items = Vec::with_capacity(count);
        let mut wanted = true;
        self.records(table, &mut |_, mapped| {
            if let Mapped::Record(record) = mapped? {
                items.push(record.item);
            }
            if items.len() == count {
                wanted = visit(std::mem::take(&mut items))?;
            }
            Ok(wanted)
        })?;
        if wanted && !items.is_empty() {
            visit(items)?;
        }
        Ok(())
    }

    /// Passes every record of the table to `visit`, in the order of the files, until it returns false. A record that cannot be stored is
    /// passed as an error that names its place, and reading continues. A table without a list has no records.
    ///
    /// # Errors
    /// Those of `visit`; when a file cannot be read, with line and column.
    pub(crate) fn records(&self, table: &'static Table, visit: Visit<'_>) -> Result<()> {
        let mut mapper = self.mapper(table);
        if table.name == user::TABLE.name && matches!(self.authors, Authors::Made) {
            for author in self.made.iter() {
                let mapped = mapper.child(Child { id: None, attributes: author.clone() }, "");
                if !send(Place { file: Path::new("authors"), record: mapper.position(), inside: None }, mapped, visit)? {
                    break;
                }
            }
            return Ok(());
        }
        let mut wanted = true;
        for part in self.parts(table) {
            let mut outer = if part.inside { Some(self.mapper(&thread::TABLE)) } else { None };
            let mut record = 0;
            part.collection.each(&mut |file, text, id| {
                record += 1;
                let place = Place { file, record, inside: None };
                wanted = match &mut outer {
                    None => {
                        let mapped = mapper.next(text, id);
                        with_children(&mut mapper, place, mapped, &mut 0, visit)?
                    }
                    Some(outer) => inside(&mut mapper, place, outer.next(text, id), visit)?,
                };
                Ok(wanted)
            })?;
            if !wanted {
                break;
            }
        }
        Ok(())
    }
}

/// Passes the records inside a thread.
fn inside(mapper: &mut Mapper, place: Place<'_>, thread: db_adapter::Result<Mapped>, visit: Visit<'_>) -> Result<bool> {
    let mut wanted = true;
    match thread {
        Ok(Mapped::Record(thread)) => {
            let mut inside = 0;
            for child in thread.children {
                inside += 1;
                let mapped = mapper.child(child, &thread.key.hash);
                wanted = wanted && with_children(mapper, place, mapped, &mut inside, visit)?;
            }
        }
        Ok(Mapped::LeftOut { inside, .. }) => wanted = left_out(place, inside, visit)?,
        // The thread itself is refused with its reason.
        Err(_) => {}
    }
    Ok(wanted)
}

/// Passes on that the records inside one that is left out are left out too.
fn left_out(place: Place<'_>, inside: u64, visit: Visit<'_>) -> Result<bool> {
    (0..inside).try_fold(true, |wanted, _| {
        let reason = "inside one that is left out".to_owned();
        Ok(wanted && visit(place, Ok(Mapped::LeftOut { reason, inside: 0 }))?)
    })
}

/// Passes a record and those inside it. `inside` counts the records inside the one of the file.
fn with_children(
    mapper: &mut Mapper,
    place: Place<'_>,
    mut mapped: db_adapter::Result<Mapped>,
    inside: &mut u64,
    visit: Visit<'_>,
) -> Result<bool> {
    let place = Place { inside: (*inside > 0).then_some(*inside), ..place };
    // The records inside a thread are of another table, which reads them itself.
    let is_own = mapper.is_of(&post::TABLE);
    let (mut children, mut thread, mut skipped) = (Vec::new(), String::new(), 0);
    match &mut mapped {
        Ok(Mapped::Record(record)) if is_own => {
            children = std::mem::take(&mut record.children);
            thread = record.key.range.clone().unwrap_or_default();
        }
        Ok(Mapped::LeftOut { inside, .. }) if is_own => skipped = *inside,
        _ => {}
    }
    let mut wanted = send(place, mapped, visit)? && left_out(place, skipped, visit)?;
    for child in children {
        *inside += 1;
        let mapped = mapper.child(child, &thread);
        wanted = wanted && with_children(mapper, place, mapped, inside, visit)?;
    }
    Ok(wanted)
}

fn send(place: Place<'_>, mapped: db_adapter::Result<Mapped>, visit: Visit<'_>) -> Result<bool> {
    visit(place, mapped.map_err(|reason| anyhow!("{place}: {reason}")))
}
