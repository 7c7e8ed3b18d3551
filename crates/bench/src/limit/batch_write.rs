//! The least that loading a table can cost: BatchWriteItem with items that are at hand, so many batches at once.

use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, ReturnConsumedCapacity, WriteRequest};
use db_adapter::entity::post;
use futures::{StreamExt, TryStreamExt, stream};
use std::time::Instant;

use crate::data::Forum;
use crate::progress::Progress;

/// Requests in one BatchWriteItem at most.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html>
const BATCH: usize = 25;
/// The name of this step in its progress line.
pub(crate) const STEP: &str = "batch write";

pub(crate) async fn run(client: Client, consumed: Option<ReturnConsumedCapacity>, posts: usize, flights: usize) -> Result<()> {
    let forum = Forum::of_posts(posts);
    let numbers: Vec<usize> = in_order_of_scan(posts).collect();
    let start = Instant::now();
    let batches = numbers.chunks(BATCH).map(|batch| {
        let (client, forum, consumed) = (&client, &forum, consumed.clone());
        async move {
            let requests = batch.iter().map(|number| put(forum, *number)).collect::<Result<Vec<_>>>()?;
            let call = client.batch_write_item().request_items(post::TABLE.default_name, requests);
            let written = call.set_return_consumed_capacity(consumed).send().await?;
            ensure!(written.unprocessed_items.is_none_or(|left| left.is_empty()), "the endpoint left items unprocessed");
            Ok(())
        }
    });
    stream::iter(batches).buffer_unordered(flights).try_collect::<Vec<()>>().await?;
    let items_per_second = posts as f64 / start.elapsed().as_secs_f64();
    eprintln!("{}", serde_json::to_string(&Progress { step: STEP.to_owned(), items_per_second, complete: true })?);
    Ok(())
}

/// As pages of a scan in four segments, which is what a backup holds and a migration reads. The endpoint takes a little longer for it
/// than for keys that only rise.
fn in_order_of_scan(posts: usize) -> impl Iterator<Item = usize> {
    const SEGMENTS: usize = 4;
    const PAGE: usize = 1000;
    (0..posts).step_by(SEGMENTS * PAGE).flat_map(move |start| {
        let segment = move |number: usize| (start + number..posts.min(start + SEGMENTS * PAGE)).step_by(SEGMENTS);
        (0..SEGMENTS).flat_map(segment)
    })
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
    fn a_scan_has_every_number_once() {
        for posts in [0, 1, 4000, 9001] {
            let mut numbers: Vec<_> = in_order_of_scan(posts).collect();
            assert_eq!(numbers.get(..3), (posts > 9).then_some(&[0, 4, 8][..]));
            numbers.sort_unstable();
            assert_eq!(numbers, (0..posts).collect::<Vec<_>>());
        }
    }
}
