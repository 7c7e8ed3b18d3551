//! Lists that are spread over several partitions of an index, as one list.
//!
//! Its order is that of the sort keys; of items with the same one the lower partition comes first, and within a partition the backend
//! chooses. So the last item of a page and its partition tell where the next page starts in each of them.

use std::cmp::Ordering;
use std::collections::VecDeque;

use futures::future::{BoxFuture, join_all};

use crate::store::cursor::{self, Position};
use crate::store::error::Result;
use crate::store::item::Item;
use crate::store::limits::MAX_RANGE_BYTES;
use crate::store::page::{Order, Page, PageBuilder, Query};
use crate::store::schema::{Constant, Table};

/// A backend's page of a single partition.
pub(crate) type OnePartition<'a> = dyn Fn(Query) -> BoxFuture<'a, Result<Page>> + Send + Sync + 'a;

/// One page of the whole list that the query asks for by the constant's value.
///
/// # Errors
/// As [`crate::store::Store::query`].
pub(crate) async fn page(table: &'static Table, query: &Query, constant: &Constant, one: &OnePartition<'_>) -> Result<Page> {
    let start = cursor::merged_start(table, query, constant.partitions)?;
    // Partitions are about equally full.
    let limit = query.limit.div_ceil(constant.partitions as usize).saturating_add(1);
    let part = |number| Part::new(table, &Query { limit, ..query.clone() }, constant, number, start.as_ref());
    let mut parts: Vec<_> = (0..constant.partitions).map(part).collect();
    join_all(parts.iter_mut().map(|part| part.fill(one))).await.into_iter().collect::<Result<()>>()?;

    let mut page = PageBuilder::new(query.limit);
    let mut last = 0;
    while let Some(part) = first(&mut parts, query.order) {
        let Some(item) = part.items.pop_front() else { break };
        if page.offer(item).is_break() {
            break;
        }
        last = part.number;
        part.fill(one).await?;
    }
    page.finish(|item| {
        let position = Position::of(table, Some(query), &item.attributes()?)?;
        Ok(cursor::after_merged(table, query, &position, last))
    })
}

/// The part with the item that comes next.
fn first(parts: &mut [Part], order: Order) -> Option<&mut Part> {
    let heads = parts.iter_mut().filter(|part| !part.items.is_empty());
    // Of equal ones the first is the least.
    heads.min_by(|a, b| match order {
        Order::Ascending => a.head().cmp(&b.head()),
        Order::Descending => b.head().cmp(&a.head()),
    })
}

/// What is left of one partition's list.
struct Part {
    number: u32,
    sort: Option<&'static str>,
    query: Query,
    /// Items are left out unless their sort keys compare like this with that one.
    bound: Option<(Option<String>, &'static [Ordering])>,
    items: VecDeque<Item>,
    ended: bool,
}

impl Part {
    /// Behind the last item of the page before, which came from that partition.
    fn new(table: &Table, query: &Query, constant: &Constant, number: u32, start: Option<&(Position, u32)>) -> Self {
        let mut query = Query { partition: constant.partition(number), cursor: None, ..query.clone() };
        let mut bound = None;
        if let Some((position, last)) = start {
            let sort = position.sort.clone();
            match (number.cmp(last), query.order) {
                (Ordering::Equal, _) => query.cursor = Some(cursor::after_query(table, &query, position)),
                (Ordering::Less, Order::Ascending) => bound = Some((sort, [Ordering::Greater].as_slice())),
                (Ordering::Greater, Order::Ascending) => bound = Some((sort, [Ordering::Greater, Ordering::Equal].as_slice())),
                (Ordering::Less, Order::Descending) => bound = Some((sort, [Ordering::Less].as_slice())),
                (Ordering::Greater, Order::Descending) => bound = Some((sort, [Ordering::Less, Ordering::Equal].as_slice())),
            }
        }
        // So that the backend reads little of what is left out then.
        if let Some((Some(sort), orders)) = &bound {
            match query.order {
                Order::Ascending => query.from = Some(sort.clone()),
                Order::Descending if !orders.contains(&Ordering::Equal) => query.to = Some(sort.clone()),
                // The next text after the sort key, if a bound may be so long.
                Order::Descending if sort.len() < MAX_RANGE_BYTES => query.to = Some(format!("{sort}\0")),
                Order::Descending => {}
            }
        }
        Self { number, sort: query.index.range, query, bound, items: VecDeque::new(), ended: false }
    }

    /// Has its next item, unless there is none.
    async fn fill(&mut self, one: &OnePartition<'_>) -> Result<()> {
        while self.items.is_empty() && !self.ended {
            let page = one(self.query.clone()).await?;
            let is_behind = |item: &Item| match &self.bound {
                Some((last, orders)) => orders.contains(&sort_of(self.sort, item).cmp(last)),
                None => true,
            };
            self.items.extend(page.items.into_iter().filter(is_behind));
            self.ended = page.next.is_none();
            self.query.cursor = page.next;
        }
        Ok(())
    }

    fn head(&self) -> Option<String> {
        self.items.front().and_then(|item| sort_of(self.sort, item))
    }
}

fn sort_of(sort: Option<&str>, item: &Item) -> Option<String> {
    sort.and_then(|sort| item.text(sort))
}
