//! The least that loading a table can cost: BatchWriteItem with items that are at hand, so many batches at once.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, ReturnConsumedCapacity, WriteRequest};
use db_adapter::forum::post;
use futures::{TryStreamExt, stream};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::data::{Forum, post_number};
use crate::progress::Progress;

/// Requests in one BatchWriteItem at most.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html>
const BATCH: usize = 25;
/// Batches on their way at once of each part, as the forum does it.
const FLIGHTS: usize = 8;
/// The name of this step in its progress line.
pub(crate) const STEP: &str = "batch write";

/// Writes the posts of a backup, so many of its parts at once, or all in one stream. In its order: how long the endpoint takes for
/// an item depends on those that it has.
pub(crate) async fn run(
    client: Client,
    consumed: Option<ReturnConsumedCapacity>,
    backup: &Path,
    at_once: Option<usize>,
) -> Result<()> {
    let mut parts = numbers(&mut BufReader::new(File::open(backup)?))?;
    if at_once.is_none() {
        parts = vec![parts.concat()];
    }
    let posts = parts.iter().map(Vec::len).sum();
    let forum = Forum::of_posts(posts);
    let start = Instant::now();
    let (client, forum, consumed) = (&client, &forum, &consumed);
    let write = |batch: &[usize]| {
        let requests = batch.iter().map(|number| put(forum, *number)).collect::<Result<Vec<_>>>();
        async move {
            let call = client.batch_write_item().request_items(post::TABLE.default_name, requests?);
            let written = call.set_return_consumed_capacity(consumed.clone()).send().await?;
            ensure!(written.unprocessed_items.is_none_or(|left| left.is_empty()), "the endpoint left items unprocessed");
            Ok(())
        }
    };
    let written = stream::iter(parts.iter().map(Ok)).try_for_each_concurrent(at_once, |part| {
        stream::iter(part.chunks(BATCH).map(Ok)).try_for_each_concurrent(FLIGHTS, write)
    });
    written.await?;
    let items_per_second = posts as f64 / start.elapsed().as_secs_f64();
    eprintln!("{}", serde_json::to_string(&Progress { step: STEP.to_owned(), items_per_second, complete: true })?);
    Ok(())
}

/// The numbers of the posts in each part that has any.
fn numbers(backup: &mut impl BufRead) -> Result<Vec<Vec<usize>>> {
    #[derive(Deserialize)]
    struct Line<'a> {
        #[serde(rename = "$part")]
        part: Option<IgnoredAny>,
        #[serde(rename = "postId", borrow)]
        post_id: Option<&'a str>,
    }
    let (mut parts, mut text) = (vec![Vec::new()], String::new());
    while backup.read_line(&mut text)? > 0 {
        let line: Line<'_> = serde_json::from_str(&text)?;
        if line.part.is_some() {
            parts.push(Vec::new());
        }
        if let (Some(id), Some(part)) = (line.post_id, parts.last_mut()) {
            part.push(post_number(id).with_context(|| format!("{id:?} is no post of the benchmark"))?);
        }
        text.clear();
    }
    parts.retain(|part| !part.is_empty());
    Ok(parts)
}

fn put(forum: &Forum, number: usize) -> Result<WriteRequest> {
    let text = |(name, value): (&str, String)| (name.to_owned(), AttributeValue::S(value));
    let mut put = PutRequest::builder().set_item(Some(forum.post(number).into_iter().map(text).collect()));
    put = put.item("version", AttributeValue::N("1".to_owned()));
    Ok(WriteRequest::builder().put_request(put.build().context("a put")?).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_the_order_and_the_parts_of_the_backup() {
        let backup = r#"{"$backup":{"segments":4},"sha256":""}
{"$part":{"number":0,"table":"posts"},"sha256":""}
{"content":"{\"$part\":1}","postId":"p0000006","threadId":"t0000000"}
{"postId":"p0000002"}
{"$part":{"number":1,"table":"posts"},"sha256":""}
{"postId":"p0000009"}
{"$part":{"number":2,"table":"users"},"sha256":""}
{"userId":"u0000000"}
"#;
        assert_eq!(numbers(&mut backup.as_bytes()).unwrap(), [vec![6, 2], vec![9]]);
        assert!(numbers(&mut r#"{"postId":"x"}"#.as_bytes()).is_err());
    }
}
