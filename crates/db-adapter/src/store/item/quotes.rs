//! Where the strings of an item's text begin and end, for all of them at once: to look for each end by itself takes several times as long.
//!
//! The text is gone through in blocks, of which each is compared with a character at once (Langdale and Lemire, Parsing Gigabytes of JSON
//! per Second, section 3.1).

use std::slice;

use wide::u8x16;

/// Bytes of a block: as many as a mask has bits.
const BLOCK: usize = 64;

/// The places of the quotes that are not within a string, in order: of JSON text every other one begins a string.
#[derive(Debug)]
pub(super) struct Quotes<'a> {
    blocks: slice::Iter<'a, [u8; BLOCK]>,
    /// What is behind the blocks, with zeros.
    last: Option<[u8; BLOCK]>,
    /// A bit for each quote of the block that is gone through.
    quotes: u64,
    /// Where the next block begins.
    end: usize,
    /// Does the block end with a backslash that the first byte of the next one belongs to?
    is_escaped: bool,
}

impl<'a> Quotes<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let (blocks, rest) = text.as_bytes().as_chunks();
        let mut last = [0; BLOCK];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        Self { blocks: blocks.iter(), last: Some(last), quotes: 0, end: 0, is_escaped: false }
    }

    #[inline(never)]
    fn enter(&mut self, block: &[u8; BLOCK]) {
        let escaped = escaped(mask(block, b'\\'), &mut self.is_escaped);
        self.quotes = mask(block, b'"') & !escaped;
        self.end += BLOCK;
    }
}

impl Iterator for Quotes<'_> {
    type Item = usize;

    // A call for each quote took 7 % of the time of a page.
    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        while self.quotes == 0 {
            match self.blocks.next() {
                Some(block) => self.enter(block),
                None => {
                    let last = self.last.take()?;
                    self.enter(&last);
                }
            }
        }
        let place = self.end - BLOCK + self.quotes.trailing_zeros() as usize;
        self.quotes &= self.quotes - 1;
        Some(place)
    }
}

/// A bit for each byte of the block that is this one, the lowest for the first.
fn mask(block: &[u8; BLOCK], byte: u8) -> u64 {
    let (parts, _) = block.as_chunks::<16>();
    let is_byte = |part: &[u8; 16]| u64::from(u8x16::new(*part).simd_eq(u8x16::splat(byte)).to_bitmask());
    parts.iter().rev().fold(0, |mask, part| mask << 16 | is_byte(part))
}

/// A bit for each byte that belongs to the backslash before it.
fn escaped(mut backslashes: u64, is_first: &mut bool) -> u64 {
    let mut escaped = u64::from(std::mem::take(is_first));
    backslashes &= !escaped;
    while backslashes != 0 {
        let backslash = 1 << backslashes.trailing_zeros();
        let next = backslash << 1;
        *is_first = next == 0;
        escaped |= next;
        backslashes &= !(backslash | next);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    /// By going through the text byte by byte.
    fn expected(text: &str) -> Vec<usize> {
        let (mut places, mut is_escaped) = (Vec::new(), false);
        for (place, byte) in text.bytes().enumerate() {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => places.push(place),
                _ => {}
            }
        }
        places
    }

    proptest! {
        #[test]
        fn it_finds_what_is_found_byte_by_byte(text in prop_oneof!["[a\"\\\\ä]{0,300}", "[a\"ä]{0,70}\\\\{0,70}[a\"ä]{0,70}"]) {
            prop_assert_eq!(super::Quotes::of(&text).collect::<Vec<_>>(), expected(&text));
        }
    }
}
