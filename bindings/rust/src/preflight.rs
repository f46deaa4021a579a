// SPDX-License-Identifier: ISC
//! Would so many objects fit?  Asked before anything is allocated.

use std::io;

use crate::{ffi, result_of, Options};

/// An `sa_arena_preflight_report`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Preflight {
    size: usize,
    /// Bytes that would be locked.
    pub required_size: usize,
    /// Bytes that this process can still lock; [`usize::MAX`]: no limit.
    pub lockable_size: usize,
    /// Mappings needed.
    pub required_mappings: usize,
    /// Mappings still to be had.
    pub available_mappings: usize,
    /// Objects of that size that would fit; [`usize::MAX`]: no limit found.
    pub max_count: usize,
}

impl Options {
    /// Would `count` objects of `size` bytes fit into a new arena made with
    /// these options, within this process's limits as they are now?
    ///
    /// The error is the one that an allocation would give.  The report is
    /// filled either way, unless the options are bad (EINVAL).
    pub fn preflight(&self, count: usize, size: usize) -> (io::Result<()>, Preflight) {
        let mut report = Preflight {
            size: std::mem::size_of::<Preflight>(),
            ..Preflight::default()
        };
        // SAFETY: the report's size tells how much may be written.
        let result =
            result_of(unsafe { ffi::sa_arena_preflight(&self.raw(), count, size, &mut report) });

        (result, report)
    }
}
