// SPDX-License-Identifier: ISC
//! Misuse reports, and a handler that is told of them.

use std::ffi::CStr;
use std::fmt;
use std::os::raw::{c_uint, c_void};
use std::panic;
use std::ptr;

use crate::ffi;

/// What was found.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
#[repr(u32)]
pub enum MisuseKind {
    /// A write behind an object.
    Overflow = 0,
    /// A write before an object.
    Underflow = 1,
    /// A free of what was freed.
    DoubleFree = 2,
    /// A pointer that is no object's.
    InvalidPointer = 3,
    /// A write to freed memory.
    WriteAfterFree = 4,
    /// What a later library finds.
    Unknown = 0xffff,
}

impl MisuseKind {
    fn from_raw(kind: c_uint) -> Self {
        match kind {
            0 => Self::Overflow,
            1 => Self::Underflow,
            2 => Self::DoubleFree,
            3 => Self::InvalidPointer,
            4 => Self::WriteAfterFree,
            _ => Self::Unknown,
        }
    }

    /// "overflow", "double free" and so on.
    pub fn name(self) -> &'static str {
        // SAFETY: a constant string, for every value.
        let name = unsafe { CStr::from_ptr(ffi::sa_arena_misuse_name(self as c_uint)) };

        name.to_str().unwrap_or("unknown")
    }
}

impl fmt::Display for MisuseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A report.
#[derive(Clone, Copy, Debug)]
pub struct Misuse<'a> {
    /// What was found.
    pub kind: MisuseKind,
    /// The arena's name.
    pub arena: &'a CStr,
    /// The object's first byte; or the pointer that was passed in.
    pub object: *const u8,
    /// As asked for; 0 where no live object is meant.
    pub size: usize,
    /// The first wrong byte, relative to the object.
    pub offset: isize,
}

extern "C" fn tell(misuse: *const ffi::Misuse, context: *mut c_void) {
    // SAFETY: the context is what was given with this function, below.
    let handler: fn(&Misuse<'_>) = unsafe { std::mem::transmute(context) };
    // SAFETY: the library's report and the name in it live during the call.
    let report = unsafe {
        Misuse {
            kind: MisuseKind::from_raw((*misuse).kind),
            arena: CStr::from_ptr((*misuse).arena),
            object: (*misuse).object.cast(),
            size: (*misuse).size,
            offset: (*misuse).offset,
        }
    };

    // No panic may leave; the process ends in any case.
    let _ = panic::catch_unwind(|| handler(&report));
}

/// Have `handler` told of misuse in any arena of the process; `None` restores
/// the default, one line on standard error.  Whatever it does, the process ends
/// in `abort()` when it returns.
pub fn set_misuse_handler(handler: Option<fn(&Misuse<'_>)>) {
    // SAFETY: handler and context change together.
    unsafe {
        match handler {
            Some(handler) => ffi::sa_arena_set_misuse_handler(Some(tell), handler as *mut c_void),
            None => ffi::sa_arena_set_misuse_handler(None, ptr::null_mut()),
        }
    }
}
