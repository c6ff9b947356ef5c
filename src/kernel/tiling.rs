//! How a kernel cuts C into blocks and patches.

use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// One workgroup computes a `block_m`×`block_n` block of C in steps of `block_k` along k; one
/// invocation sums a `thread_m`×`thread_n` patch of it.
///
/// Written `64x64x16/4x4`; a family without steps along k leaves `block_k` out, one without patches
/// the part behind the slash. Cooperative matrices have a third part, `64x64x32/32x32/16x16`: the fragments
/// that a patch consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tiling {
    /// Rows of C per workgroup.
    pub block_m: u32,
    /// Columns of C per workgroup.
    pub block_n: u32,
    /// Step along k; 0 where the family has none.
    pub block_k: u32,
    /// Rows of C per invocation.
    pub thread_m: u32,
    /// Columns of C per invocation.
    pub thread_n: u32,
    /// Rows and columns of a cooperative matrix; 0 where the family has none.
    pub fragment: u32,
}

impl Tiling {
    /// Patches per block.
    pub fn patches(self) -> u32 {
        (self.block_m / self.thread_m) * (self.block_n / self.thread_n)
    }

    /// Invocations along a row of patches: a subgroup, where a family shares patches within one.
    pub fn lanes(self) -> u32 {
        self.block_n / self.thread_n
    }

    /// Whether patches fill the block exactly and every extent is sensible.
    pub fn is_whole(self) -> bool {
        let extents = [self.block_m, self.block_n, self.thread_m, self.thread_n];
        extents.iter().all(|&e| (1..=1024).contains(&e))
            && self.block_k <= 1024
            && self.fragment <= 1024
            && self.block_m.is_multiple_of(self.thread_m)
            && self.block_n.is_multiple_of(self.thread_n)
    }
}

impl fmt::Display for Tiling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.block_m, self.block_n)?;
        if self.block_k > 0 {
            write!(f, "x{}", self.block_k)?;
        }
        if self.thread_m * self.thread_n > 1 {
            write!(f, "/{}x{}", self.thread_m, self.thread_n)?;
        }
        if self.fragment > 0 {
            write!(f, "/{0}x{0}", self.fragment)?;
        }
        Ok(())
    }
}

impl FromStr for Tiling {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = || Error::usage(format!("unknown tiling `{text}`")).hint("a tiling is like 64x64x16/4x4");
        let numbers =
            |part: &str| -> Result<Vec<u32>> { part.split('x').map(|p| p.parse().map_err(|_| bad())).collect() };
        let (block, patch) = text.split_once('/').unwrap_or((text, "1x1"));
        let (patch, fragment) = match patch.split_once('/') {
            None => (patch, 0),
            Some((patch, fragment)) => match numbers(fragment)?[..] {
                [rows, columns] if rows == columns && rows > 0 => (patch, rows),
                _ => return Err(bad()),
            },
        };
        let (block_m, block_n, block_k) = match numbers(block)?[..] {
            [m, n] => (m, n, 0),
            [m, n, k] if k > 0 => (m, n, k),
            _ => return Err(bad()),
        };
        let [thread_m, thread_n] = numbers(patch)?[..] else {
            return Err(bad());
        };
        let tiling = Tiling { block_m, block_n, block_k, thread_m, thread_n, fragment };
        if tiling.is_whole() { Ok(tiling) } else { Err(bad()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tiling_reads_as_it_prints() {
        for text in ["16x16", "16x16x16", "64x64x16/4x4", "128x64x8/8x4", "64x64x32/32x32/16x16"] {
            assert_eq!(text.parse::<Tiling>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_tiling_whose_patches_do_not_fill_the_block_is_refused() {
        for text in [
            "",
            "16",
            "0x16",
            "64x64x16/5x4",
            "64x64x0",
            "64x64x16/4",
            "4096x4096",
            "64x64x8/8x8/8",
            "64x64x8/8x8/8x16",
        ] {
            assert!(text.parse::<Tiling>().is_err(), "{text}");
        }
    }
}
