//! A sorted list in blocks: as little memory as a plain list, and fast to change as a tree is.

use std::cmp::Ordering;
use std::iter::{Chain, Flatten};
use std::slice;

/// Values in a block at most. One is moved for every two that stand in the block of a value that is put in.
const BLOCK: usize = 512;
/// A block with fewer is put together with its neighbour.
const SMALL: usize = 128;

/// Values that are sorted at once when a list is made.
const HEAP: usize = 16 << 10;
/// So many values are looked at for each heap, so that the heaps are about equal.
const SAMPLES: usize = 16;

/// Distinct values in order.
#[derive(Debug)]
pub(super) struct Sorted<T> {
    /// None is empty.
    blocks: Vec<Vec<T>>,
    length: usize,
}

/// Some of the values of a list, in order.
pub(super) type Range<'a, T> = Chain<Chain<slice::Iter<'a, T>, Flatten<slice::Iter<'a, Vec<T>>>>, slice::Iter<'a, T>>;

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self { blocks: Vec::new(), length: 0 }
    }
}

impl<T> Sorted<T> {
    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn last(&self) -> Option<&T> {
        self.blocks.last()?.last()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.blocks.iter().flatten()
    }

    /// The value that is equal to what this compares values with.
    pub(super) fn get(&self, compare: impl Fn(&T) -> Ordering) -> Option<&T> {
        let (block, at) = self.place(|value| compare(value).is_lt());
        self.blocks.get(block)?.get(at).filter(|value| compare(value).is_eq())
    }

    /// The values from the first that is not before the range to the last that is before its end.
    pub(super) fn range(&self, is_before: impl Fn(&T) -> bool, is_before_end: impl Fn(&T) -> bool) -> Range<'_, T> {
        let ((first, start), (last, end)) = (self.place(is_before), self.place(is_before_end));
        let block = |number: usize| self.blocks.get(number).map(Vec::as_slice).unwrap_or_default();
        let (head, between, tail) = if first == last {
            (block(first).get(start..end), None, None)
        } else {
            let is_range = first < last;
            (
                block(first).get(start..).filter(|_| is_range),
                self.blocks.get(first + 1..last),
                block(last).get(..end).filter(|_| is_range),
            )
        };
        let [head, tail] = [head, tail].map(Option::unwrap_or_default);
        head.iter().chain(between.unwrap_or_default().iter().flatten()).chain(tail)
    }

    /// Appends a value, which must be greater than every other one.
    pub(super) fn push(&mut self, value: T) {
        self.length += 1;
        match self.blocks.last_mut() {
            Some(block) if block.len() < BLOCK => block.push(value),
            _ => self.blocks.push(vec![value]),
        }
    }

    /// Takes out the value that is equal to what this compares values with.
    pub(super) fn remove(&mut self, compare: impl Fn(&T) -> Ordering) -> Option<T> {
        let (number, at) = self.place(|value| compare(value).is_lt());
        let block = self.blocks.get_mut(number)?;
        block.get(at).filter(|value| compare(value).is_eq())?;
        let removed = block.remove(at);
        self.length -= 1;
        self.shrink(number);
        Some(removed)
    }

    fn shrink(&mut self, number: usize) {
        let length = |number: usize| self.blocks.get(number).map_or(0, Vec::len);
        if length(number) == 0 {
            self.blocks.remove(number);
        } else if length(number) < SMALL && length(number + 1) > 0 && length(number) + length(number + 1) <= BLOCK {
            let mut next = self.blocks.remove(number + 1);
            if let Some(block) = self.blocks.get_mut(number) {
                block.append(&mut next);
            }
        }
    }

    /// The block and the place in it of the first value that is not before something.
    fn place(&self, is_before: impl Fn(&T) -> bool) -> (usize, usize) {
        let number = self.blocks.partition_point(|block| block.last().is_some_and(&is_before));
        (number, self.blocks.get(number).map_or(0, |block| block.partition_point(is_before)))
    }
}

impl<T: Ord> Sorted<T> {
    /// Puts a value in, in place of the one that is equal to it. Most are greater than every other one: ids and times grow.
    pub(super) fn insert(&mut self, value: T) {
        if self.last().is_none_or(|last| *last < value) {
            return self.push(value);
        }
        let (mut number, mut at) = self.place(|other| *other < value);
        let Some(block) = self.blocks.get_mut(number) else { return self.push(value) };
        if let Some(equal) = block.get_mut(at).filter(|other| **other == value) {
            *equal = value;
            return;
        }
        if block.len() >= BLOCK {
            let half = block.split_off(BLOCK / 2);
            self.blocks.insert(number + 1, half);
            if at > BLOCK / 2 {
                (number, at) = (number + 1, at - BLOCK / 2);
            }
        }
        self.length += 1;
        if let Some(block) = self.blocks.get_mut(number) {
            block.insert(at, value);
        }
    }
}

impl<T: Ord> Sorted<T> {
    /// The list of what is made of other values, which must be distinct.
    ///
    /// The prefix of what is made is less than another one only where that is: it stands beside it when it is sorted, as to compare may be
    /// slow. The values are dealt into heaps first, each of which leads to less than all that the next one leads to: a heap is small
    /// enough for the processor's cache, and takes little memory beside the list.
    pub(super) fn of<V, P: Ord>(values: &Sorted<V>, mut made: impl FnMut(&V) -> Option<T>, prefix: impl Fn(&T) -> P) -> Self {
        let samples = (values.length / HEAP + 1) * SAMPLES;
        let sample = values.iter().step_by(values.length / samples + 1).filter_map(|value| Some(prefix(&made(value)?)));
        let mut sample: Vec<_> = sample.collect();
        sample.sort_unstable();
        let limits: Vec<_> = sample.iter().step_by(SAMPLES).skip(1).collect();
        let mut heaps: Vec<_> = (0..=limits.len()).map(|_| Vec::new()).collect();
        for value in values.iter() {
            let Some(prefix) = made(value).as_ref().map(&prefix) else { continue };
            if let Some(heap) = heaps.get_mut(limits.partition_point(|limit| **limit <= prefix)) {
                heap.push(value);
            }
        }
        let mut sorted = Self::default();
        for heap in heaps {
            let mut made_here = Vec::with_capacity(heap.len());
            made_here.extend(heap.into_iter().filter_map(|value| made(value).map(|made| (prefix(&made), made))));
            made_here.sort_unstable();
            made_here.into_iter().for_each(|(_, made)| sorted.push(made));
        }
        sorted
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn is_in_order(sorted: &Sorted<u32>) -> bool {
        sorted.blocks.iter().all(|block| !block.is_empty() && block.len() <= BLOCK) && sorted.iter().is_sorted()
    }

    proptest! {
        /// Runs of values, so that blocks are split and put together.
        #[test]
        fn it_is_what_a_tree_is(
            start in prop::collection::btree_set(0_u32..6000, 0..2000),
            runs in prop::collection::vec((0_u32..6000, 0_u32..900, any::<bool>()), 0..12),
            (lower, upper) in (0_u32..6000, 0_u32..6000),
        ) {
            let mut sorted = Sorted::default();
            start.iter().rev().for_each(|value| sorted.insert(*value));
            let mut tree: BTreeSet<u32> = start;
            for (first, length, put) in runs {
                for value in first..first + length {
                    if put {
                        sorted.insert(value);
                        tree.insert(value);
                    } else {
                        prop_assert_eq!(sorted.remove(|other| other.cmp(&value)), tree.take(&value));
                    }
                }
                prop_assert!(is_in_order(&sorted));
            }
            prop_assert!(sorted.iter().eq(&tree));
            prop_assert_eq!((sorted.len(), sorted.last()), (tree.len(), tree.last()));
            prop_assert_eq!(sorted.get(|other| other.cmp(&lower)), tree.get(&lower));
            let expected = || tree.iter().filter(|value| (lower..upper).contains(*value));
            let range = || sorted.range(|value| *value < lower, |value| *value < upper);
            prop_assert!(range().eq(expected()));
            prop_assert!(range().rev().eq(expected().rev()));
        }
    }

    #[test]
    fn what_is_made_of_values_is_sorted() {
        for count in [0, 1, 100, 100_000_u32] {
            let mut values = Sorted::default();
            (0..count).for_each(|value| values.push(value));
            // An order that is far from that of the values, without one of them.
            let made =
                Sorted::of(&values, |value| (*value != 7).then_some(value.wrapping_mul(2_654_435_761)), |value| value >> 16);
            assert!(is_in_order(&made));
            assert_eq!(made.len(), values.iter().filter(|value| **value != 7).count());
        }
    }
}
