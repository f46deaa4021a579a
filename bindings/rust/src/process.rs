// SPDX-License-Identifier: ISC
//! What concerns the whole process: the default arena, the statistics of all
//! arenas, who reports faults, and the version.

use std::ffi::CStr;
use std::io;
use std::os::unix::io::{AsFd, AsRawFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::{ffi, result_of, Options, SodiumArena};

/// The version of the C library that runs.
pub fn version() -> &'static str {
    // SAFETY: a constant string.
    let version = unsafe { CStr::from_ptr(ffi::sa_arena_version_string()) };

    version.to_str().unwrap_or("")
}

/// The arena of `sa_malloc()` and its kin, which C libraries with allocation
/// hooks share.  Made at first use, and never destroyed.
///
/// Fails with the errno of `sa_default_arena()`; the next call tries again.
pub fn default_arena() -> io::Result<&'static SodiumArena> {
    static DEFAULT: AtomicPtr<SodiumArena> = AtomicPtr::new(ptr::null_mut());
    let known = DEFAULT.load(Ordering::Acquire);

    // SAFETY: once it is there, it stays for good.
    if let Some(arena) = unsafe { known.as_ref() } {
        return Ok(arena);
    }
    // SAFETY: may be called at any time.
    let raw =
        NonNull::new(unsafe { ffi::sa_default_arena() }).ok_or_else(io::Error::last_os_error)?;
    // Two threads may both come here: then one of these handles is in vain.
    let arena: &'static SodiumArena = Box::leak(Box::new(SodiumArena { raw }));

    DEFAULT.store(arena as *const _ as *mut _, Ordering::Release);
    Ok(arena)
}

impl Options {
    /// Make the default arena with these options; comes before its first use.
    ///
    /// Fails with EBUSY if the arena exists already, else as
    /// [`create`](Self::create).
    pub fn create_default(&self) -> io::Result<()> {
        // SAFETY: the options are whole, and the name lives beyond the call.
        result_of(unsafe { ffi::sa_default_arena_init(&self.raw()) })
    }
}

/// Write the statistics of every arena of the process to the file, oldest
/// first, each a line of JSON.
pub fn print_all_stats(file: &impl AsFd) -> io::Result<()> {
    // SAFETY: the file is open, and no arena of this crate is single-threaded.
    result_of(unsafe { ffi::sa_arena_stats_print_all(file.as_fd().as_raw_fd()) })
}

/// From here on a SIGSEGV that touches an arena's memory is named in one line on
/// standard error, before it means what it meant before.
pub fn install_fault_reporter() -> io::Result<()> {
    // SAFETY: any thread may call it.
    result_of(unsafe { ffi::sa_arena_install_fault_reporter() })
}
