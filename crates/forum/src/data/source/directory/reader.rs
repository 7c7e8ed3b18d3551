//! The readers: what a file is, and its records one by one. Arrays and lines are streamed; one record at a time is in memory.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use flate2::bufread::MultiGzDecoder;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::decode;

/// Size in bytes of the read buffer.
const BUFFER: usize = 256 * 1024;
/// Names of an object around a list that say nothing about the list: `{"data": …}`, and what `aws dynamodb scan` prints.
const WRAPPERS: [&str; 4] = ["data", "items", "Items", "results"];
/// Members by which an object is a record and not one with lists in it.
const OF_RECORDS: [&str; 8] = ["_id", "id", "Item", "title", "userId", "threadId", "postId", "username"];

/// How the records lie in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// An array of records.
    List,
    /// An object with a record under each id.
    Keyed,
    /// One record after the other: JSON lines.
    Lines,
}

/// Records in a file.
#[derive(Debug, Clone)]
pub(super) struct List {
    /// The names that lead to them.
    pub(super) path: Vec<String>,
    /// How they lie there.
    pub(super) form: Form,
    /// The attributes of the first record.
    pub(super) names: Vec<String>,
    /// Is there none?
    pub(super) is_empty: bool,
}

impl List {
    /// The last name on the way that says what the records are.
    pub(super) fn name(&self) -> Option<&str> {
        self.path.iter().map(String::as_str).rfind(|name| !WRAPPERS.contains(name))
    }
}

/// Opens a file, whether compressed with gzip or not, and skips a byte order mark.
fn open(path: &Path) -> Result<Box<dyn BufRead>> {
    let cannot = || format!("cannot open {}", path.display());
    let mut plain = BufReader::with_capacity(BUFFER, File::open(path).with_context(cannot)?);
    let start = plain.fill_buf().with_context(|| format!("cannot read {}", path.display()))?;
    let mut reader: Box<dyn BufRead> = match start {
        [0x1f, 0x8b, ..] => Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(plain))),
        [b'P', b'K', 3, 4, ..] => bail!("{} is a zip archive: unpack it first", path.display()),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => bail!("{} is compressed with zstd: unzstd it first", path.display()),
        _ => Box::new(plain),
    };
    match reader.fill_buf().with_context(|| format!("cannot read {}", path.display()))? {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..] => {
            bail!("{} is UTF-16 (or UTF-32); save it as UTF-8", path.display())
        }
        [0xef, 0xbb, 0xbf, ..] => reader.consume(3),
        _ => {}
    }
    Ok(reader)
}

/// Passes every record of the list to `take`, with its id where it stands under one, until it returns false.
///
/// # Errors
/// When the file cannot be read, with line and column.
pub(super) fn each(file: &Path, list: &List, take: &mut dyn FnMut(&str, Option<&str>) -> bool) -> Result<()> {
    let mut reader = serde_json::Deserializer::from_reader(open(file)?);
    let mut stopped = false;
    let mut take = |text: &str, id: Option<&str>| {
        stopped = !take(text, id);
        !stopped
    };
    let read = if list.form == Form::Lines {
        lines(&mut reader, &mut take)
    } else {
        Walk { path: &list.path, form: list.form, take: &mut take }.deserialize(&mut reader).and_then(|()| reader.end())
    };
    if stopped { Ok(()) } else { read.map_err(|error| anyhow!("{}: {error}", file.display())) }
}

fn lines<'de, R: serde_json::de::Read<'de>>(
    reader: &mut serde_json::Deserializer<R>,
    take: &mut dyn FnMut(&str, Option<&str>) -> bool,
) -> serde_json::Result<()> {
    // A failure to read is the same failure again when the next record is read.
    while reader.end().is_err() {
        let record: Box<RawValue> = serde::Deserialize::deserialize(&mut *reader)?;
        if !take(record.get(), None) {
            break;
        }
    }
    Ok(())
}

/// Follows the path, and takes the records at its end.
struct Walk<'a> {
    path: &'a [String],
    form: Form,
    take: &'a mut dyn FnMut(&str, Option<&str>) -> bool,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut records: A) -> Result<(), A::Error> {
        while let Some(record) = records.next_element::<Box<RawValue>>()? {
            if !(self.take)(record.get(), None) {
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<(), M::Error> {
        while let Some(name) = members.next_key::<String>()? {
            match self.path.split_first() {
                Some((wanted, path)) if *wanted == name => {
                    members.next_value_seed(Walk { path, form: self.form, take: &mut *self.take })?;
                }
                Some(_) => drop(members.next_value::<IgnoredAny>()?),
                None => {
                    let record: Box<RawValue> = members.next_value()?;
                    if !(self.take)(record.get(), Some(&name)) {
                        return Err(M::Error::custom("stopped"));
                    }
                }
            }
        }
        Ok(())
    }
}

/// The lists in a file. `is_wanted` holds for the names of lists; only under these are objects looked into. A file that starts with an
/// array or a record is not read further.
///
/// # Errors
/// When the file cannot be read, with line and column; when a list appears twice.
pub(super) fn lists(file: &Path, is_wanted: &dyn Fn(&str) -> bool) -> Result<Vec<List>> {
    let mut reader = serde_json::Deserializer::from_reader(open(file)?);
    let mut outline = Outline { is_wanted, path: Vec::new(), lists: Vec::new(), done: false };
    let read = Node { outline: &mut outline, look_inside: true }.deserialize(&mut reader);
    if outline.done {
        return Ok(outline.lists);
    }
    let named = |error| anyhow!("{}: {error}", file.display());
    match read.map_err(named)? {
        Shape::Other => bail!("{}: expected a list of records, or an object with such lists", file.display()),
        Shape::Object { .. } => outline.add(Form::Lines, Vec::new(), false),
        Shape::Lists => reader.end().map_err(named)?,
    }
    if outline.lists.iter().all(|list| list.path.is_empty() && list.form == Form::Keyed && list.is_empty) {
        bail!("{}: expected a list of records, or an object with such lists; it is an empty object", file.display());
    }
    Ok(outline.lists)
}

struct Outline<'a> {
    is_wanted: &'a dyn Fn(&str) -> bool,
    path: Vec<String>,
    lists: Vec<List>,
    /// Is the rest of the file not needed?
    done: bool,
}

impl Outline<'_> {
    fn add(&mut self, form: Form, names: Vec<String>, is_empty: bool) {
        self.lists.push(List { path: self.path.clone(), form, names, is_empty });
    }

    /// The file needs no more reading.
    fn done<E: serde::de::Error>(&mut self) -> E {
        self.done = true;
        E::custom("done")
    }
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    /// A list, an object with lists in it, or one with a record under each id.
    Lists,
    /// Another object, with the names in it.
    Object {
        names: Vec<String>,
    },
    Other,
}

/// A value of a file: the whole of it, or one inside.
struct Node<'a, 'b> {
    outline: &'a mut Outline<'b>,
    /// Are lists in an object wanted?
    look_inside: bool,
}

impl<'de> DeserializeSeed<'de> for Node<'_, '_> {
    type Value = Shape;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Shape, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_, '_> {
    type Value = Shape;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut records: A) -> Result<Shape, A::Error> {
        let Self { outline, .. } = self;
        let first: Option<Box<RawValue>> = records.next_element()?;
        if first.as_ref().is_none_or(|first| first.get().starts_with('{')) || outline.path.is_empty() {
            let names = first.as_ref().map(|first| decode::names(first.get())).unwrap_or_default();
            outline.add(Form::List, names, first.is_none());
        }
        if outline.path.is_empty() {
            return Err(outline.done());
        }
        while records.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Shape::Lists)
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<Shape, M::Error> {
        let Self { outline, look_inside } = self;
        let mut names = Vec::new();
        if !look_inside {
            while let Some((name, _)) = members.next_entry::<String, IgnoredAny>()? {
                names.push(name);
            }
            return Ok(Shape::Object { names });
        }
        let before = outline.lists.len();
        let (mut first, mut only_records) = (None, true);
        while let Some(name) = members.next_key::<String>()? {
            if outline.path.is_empty() && OF_RECORDS.contains(&name.as_str()) {
                outline.lists.clear();
                outline.add(Form::Lines, Vec::new(), false);
                return Err(outline.done());
            }
            let look_inside = WRAPPERS.contains(&name.as_str()) || (outline.is_wanted)(&name);
            if look_inside && names.contains(&name) {
                return Err(M::Error::custom(format!("{name:?} appears twice")));
            }
            outline.path.push(name);
            let shape = members.next_value_seed(Node { outline: &mut *outline, look_inside })?;
            let name = outline.path.pop();
            if look_inside {
                names.extend(name);
            }
            match shape {
                Shape::Object { names } => {
                    first.get_or_insert(names);
                }
                Shape::Lists | Shape::Other => only_records = false,
            }
        }
        if outline.lists.len() > before {
            return Ok(Shape::Lists);
        }
        let is_value = |names: &Vec<String>| matches!(names.as_slice(), [name] if decode::is_type(name) || name.starts_with('$'));
        if only_records && !first.as_ref().is_some_and(is_value) {
            outline.add(Form::Keyed, first.clone().unwrap_or_default(), first.is_none());
            return Ok(Shape::Lists);
        }
        Ok(Shape::Object { names })
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn found(bytes: &[u8]) -> Result<Vec<(String, Form)>> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let lists = lists(file.path(), &|name| ["users", "threads", "posts"].contains(&name))?;
        let mut found = Vec::new();
        for list in lists {
            let mut records = Vec::new();
            each(file.path(), &list, &mut |text, id| {
                records.push(format!("{}{text}", id.map(|id| format!("{id}=")).unwrap_or_default()));
                true
            })?;
            found.push((format!("{}: {}", list.path.join("."), records.join(" ")), list.form));
        }
        Ok(found)
    }

    #[test]
    fn lists_are_found_wherever_they_lie() {
        for (text, expected) in [
            (r#"[{"a":1},{"a":2}]"#, vec![(r#": {"a":1} {"a":2}"#, Form::List)]),
            (r#"{"users":[{"a":1}],"posts":[],"n":1}"#, vec![(r#"users: {"a":1}"#, Form::List), ("posts: ", Form::List)]),
            (r#"{"x":{"a":1},"y":{"a":2}}"#, vec![(r#": x={"a":1} y={"a":2}"#, Form::Keyed)]),
            (r#"{"data":{"x":{"a":1}}}"#, vec![(r#"data: x={"a":1}"#, Form::Keyed)]),
            (r#"{"data":[{"a":1}],"total":1}"#, vec![(r#"data: {"a":1}"#, Form::List)]),
            (r#"{"data":{"users":[{"a":1}]}}"#, vec![(r#"data.users: {"a":1}"#, Form::List)]),
            (r#"{"users":{"x":{"a":1}},"posts":{}}"#, vec![(r#"users: x={"a":1}"#, Form::Keyed), ("posts: ", Form::Keyed)]),
            (r#"{"Items":[{"a":{"S":"1"}}],"Count":1}"#, vec![(r#"Items: {"a":{"S":"1"}}"#, Form::List)]),
            ("{\"a\":1}\n{\"a\":2}\n", vec![(r#": {"a":1} {"a":2}"#, Form::Lines)]),
            ("{\"_id\":1,\"posts\":[{}]}\n", vec![(r#": {"_id":1,"posts":[{}]}"#, Form::Lines)]),
            ("{\"Item\":{\"a\":{\"S\":\"1\"}}}\n", vec![(r#": {"Item":{"a":{"S":"1"}}}"#, Form::Lines)]),
            (r#"{"a":{"S":"1"},"b":{"N":"1"}}"#, vec![(r#": {"a":{"S":"1"},"b":{"N":"1"}}"#, Form::Lines)]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(list, form)| (list.to_owned(), form)).collect();
            assert_eq!(found(text.as_bytes()).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn gzip_and_byte_order_marks_are_read() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"\xef\xbb\xbf[{}]").unwrap();
        for bytes in [b"\xef\xbb\xbf[{}]".to_vec(), gzip.finish().unwrap()] {
            assert_eq!(found(&bytes).unwrap(), [(": {}".to_owned(), Form::List)]);
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (bytes, named) in [
            (b"\xff\xfe[\0]\0".as_slice(), "is UTF-16 (or UTF-32); save it as UTF-8"),
            (b"[\0]\0", "is UTF-16"),
            (b"PK\x03\x04", "is a zip archive: unpack it first"),
            (b"\x28\xb5\x2f\xfd\0", "is compressed with zstd"),
            (b"", "EOF while parsing"),
            (b"7", "expected a list of records, or an object with such lists"),
            (b"{}", "it is an empty object"),
            (b"[] []", "trailing characters at line 1 column 4"),
            (b"{\"users\":[]} x", "trailing characters"),
            (b"{\"users\":[],\"users\":[]}", "\"users\" appears twice"),
            (b"[\n{},\n{\"id\":", "EOF while parsing a value at line 3 column 6"),
            (b"{\"id\":1}\n{\"id\":", "EOF while parsing a value at line 2"),
        ] {
            let error = format!("{:#}", found(bytes).unwrap_err());
            assert!(error.contains(named), "{bytes:?}: {error}");
        }
    }
}
