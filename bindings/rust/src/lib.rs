// SPDX-License-Identifier: ISC
//! An [`Allocator`] for very many small secrets in locked, guarded, watched
//! memory, over the C library sodium-arena.
//!
//! **The `Allocator` trait is not stable yet**: this needs a nightly compiler,
//! or `RUSTC_BOOTSTRAP=1`, and `#![feature(allocator_api)]`.
//!
//! ```
//! #![feature(allocator_api)]
//! use sodium_arena::SodiumArena;
//!
//! let arena = SodiumArena::new()?;
//! let mut secrets = Vec::with_capacity_in(4, &arena);
//! secrets.push(1);
//! let key = Box::new_in([7u8; 32], &arena);
//! assert_eq!(key[0] + secrets[0], 8);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! For objects of one type there is [`Pool`]; [`SodiumArena::take`] brings
//! bytes in and wipes where they came from; [`Options::preflight`] tells whether
//! what is planned would fit.
//!
//! What moves through the stack on its way into a box, and what a growing
//! vector's elements point to elsewhere, is not the arena's: only its own
//! memory is wiped.

#![feature(allocator_api)]
#![warn(missing_docs)]

mod ffi;
mod misuse;
mod pool;
mod preflight;
mod process;

pub use ffi::Arena as RawArena;
pub use misuse::{set_misuse_handler, Misuse, MisuseKind};
pub use pool::{Pool, PoolBox};
pub use preflight::Preflight;
pub use process::{default_arena, install_fault_reporter, print_all_stats, version};

use std::alloc::{AllocError, Allocator, Layout};
use std::ffi::CString;
use std::fmt;
use std::io;
use std::os::raw::{c_int, c_uint, c_void};
use std::os::unix::io::{AsFd, AsRawFd};
use std::ptr::{self, NonNull};

/// What `sa_arena_alloc()` aligns to at least: `max_align_t`, which s390x aligns
/// to a word.
const ALIGNMENT: usize = if cfg!(target_arch = "s390x") {
    std::mem::size_of::<usize>()
} else {
    2 * std::mem::size_of::<usize>()
};

/// The code of EINVAL, on all that the C library runs on.
const EINVAL: i32 = 22;

/// What may be done with an arena's memory, from least to most.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[repr(u32)]
pub enum Access {
    /// Nothing.
    NoAccess = 0,
    /// Reading.
    ReadOnly = 1,
    /// Reading and writing.
    ReadWrite = 2,
}

/// What to do when memory cannot be locked in RAM.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u32)]
pub enum Mlock {
    /// Refuse it.
    Required = 0,
    /// Use it, and say so in [`Stats::locked_size`].
    BestEffort = 1,
}

/// What the child of a `fork()` finds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u32)]
pub enum Fork {
    /// A copy of everything, locked again.
    Inherit = 0,
    /// Nothing: objects may not be touched there.
    Exclude = 1,
    /// An empty arena: objects may not be touched nor dropped there.
    Wipe = 2,
}

/// How an arena is to be.
#[derive(Clone, Debug)]
pub struct Options {
    name: CString,
    reserve: usize,
    capacity: usize,
    mlock: Mlock,
    fork: Fork,
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// All defaults.
    pub fn new() -> Self {
        Options {
            name: CString::new("arena").expect("no NUL"),
            reserve: 0,
            capacity: 0,
            mlock: Mlock::Required,
            fork: Fork::Inherit,
        }
    }

    /// Shown in statistics and misuse reports; up to its first NUL.
    pub fn name(mut self, name: &str) -> Self {
        let bytes: Vec<u8> = name.bytes().take_while(|&byte| byte != 0).collect();

        self.name = CString::new(bytes).expect("no NUL");
        self
    }

    /// Bytes of secret memory mapped and locked at creation.
    pub fn reserve(mut self, size: usize) -> Self {
        self.reserve = size;
        self
    }

    /// Most bytes of secret memory ever mapped; 0: no limit but the system's.
    pub fn capacity(mut self, size: usize) -> Self {
        self.capacity = size;
        self
    }

    /// The policy for locking.
    pub fn mlock(mut self, mlock: Mlock) -> Self {
        self.mlock = mlock;
        self
    }

    /// The policy for forking.
    pub fn fork(mut self, fork: Fork) -> Self {
        self.fork = fork;
        self
    }

    /// As the C library has it; its name is borrowed.
    fn raw(&self) -> ffi::Options {
        ffi::Options {
            size: std::mem::size_of::<ffi::Options>(),
            name: self.name.as_ptr(),
            reserve: self.reserve,
            capacity: self.capacity,
            mlock: self.mlock as c_uint,
            fork: self.fork as c_uint,
            flags: 0,
        }
    }

    /// Make the arena.  Fails with the errno of `sa_arena_create()`.
    pub fn create(&self) -> io::Result<SodiumArena> {
        // SAFETY: the options are whole, and the name lives beyond the call.
        let raw = unsafe { ffi::sa_arena_create(&self.raw()) };

        NonNull::new(raw)
            .map(|raw| SodiumArena { raw })
            .ok_or_else(io::Error::last_os_error)
    }
}

/// An `sa_arena_stats`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Stats {
    size: usize,
    /// Objects alive.
    pub live_count: usize,
    /// Bytes asked for by them.
    pub live_size: usize,
    /// The high-water mark of `live_count`.
    pub peak_count: usize,
    /// The high-water mark of `live_size`.
    pub peak_size: usize,
    /// Bytes of secret memory mapped.
    pub mapped_size: usize,
    /// Of those, verified to be locked.
    pub locked_size: usize,
    /// Bytes of out-of-line metadata mapped.
    pub metadata_size: usize,
    /// `sodium_malloc()` blocks cut in slabs.
    pub region_count: usize,
    /// Runs of slots of one size class.
    pub slab_count: usize,
    /// Objects in blocks of their own.
    pub large_count: usize,
    /// Objects ever allocated.
    pub alloc_count: u64,
    /// Objects ever freed.
    pub free_count: u64,
    /// Calls that returned a resource error.
    pub failure_count: u64,
    /// Transitions of access made.
    pub access_change_count: u64,
    /// Holders of the arena and of single objects.
    pub holder_count: usize,
}

fn result_of(code: c_int) -> io::Result<()> {
    if code == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// An arena and its owner: dropping it wipes and returns all of its memory.
///
/// Use `&SodiumArena` as the allocator of collections: then the compiler sees
/// to it that they end before the arena.  Zero-sized values take no memory.
/// Alignments go up to a page.  Errors of allocation are [`AllocError`];
/// [`io::Error::last_os_error`] tells why.
///
/// Misuse, such as an overflow by unsafe code, ends the process.
pub struct SodiumArena {
    raw: NonNull<ffi::Arena>,
}

// SAFETY: any thread may call any function on an arena that was made without
// SA_ARENA_SINGLE_THREADED, also at once, and free what another has allocated.
unsafe impl Send for SodiumArena {}
unsafe impl Sync for SodiumArena {}

impl SodiumArena {
    /// An arena with all defaults.
    pub fn new() -> io::Result<Self> {
        Options::new().create()
    }

    /// Set the resting access.
    ///
    /// # Safety
    ///
    /// While less than [`Access::ReadWrite`] is in force, no object of the
    /// arena may be written, and at [`Access::NoAccess`] none may be read; that
    /// includes what safe code does with references and collections, and
    /// destructors that look at their values.  Guards of [`open`](Self::open)
    /// and [`open_object`](Self::open_object) give access for a time.
    /// Deallocating is possible in every state, so a box of plain bytes may be
    /// dropped.
    pub unsafe fn protect(&self, access: Access) -> io::Result<()> {
        result_of(ffi::sa_arena_protect(self.raw.as_ptr(), access as c_uint))
    }

    /// Hold the arena open, for reading at least, while the guard lives.
    pub fn open(&self, access: Access) -> io::Result<Guard<'_>> {
        // SAFETY: the arena is alive, and access only grows.
        result_of(unsafe { ffi::sa_arena_open(self.raw.as_ptr(), access as c_uint) })?;
        Ok(Guard {
            arena: self,
            object: ptr::null(),
            access,
        })
    }

    /// Hold open what the object needs, and no more, while the guard lives.
    ///
    /// The pointer is to an object of this arena, as a box's or vector's
    /// `as_ptr()`; any other ends the process.
    pub fn open_object<T: ?Sized>(
        &self,
        object: *const T,
        access: Access,
    ) -> io::Result<Guard<'_>> {
        let object = object as *const c_void;

        // SAFETY: as above; the library looks the pointer up before it uses it.
        result_of(unsafe {
            ffi::sa_arena_open_object(self.raw.as_ptr(), object, access as c_uint)
        })?;
        Ok(Guard {
            arena: self,
            object,
            access,
        })
    }

    /// The access in force now, single objects apart.
    pub fn current_access(&self) -> Access {
        // SAFETY: the arena is alive.
        match unsafe { ffi::sa_arena_current_access(self.raw.as_ptr()) } {
            0 => Access::NoAccess,
            1 => Access::ReadOnly,
            _ => Access::ReadWrite,
        }
    }

    /// Is this the first byte of a live object of the arena?
    pub fn owns<T: ?Sized>(&self, object: *const T) -> bool {
        // SAFETY: any pointer may be asked about.
        unsafe { ffi::sa_arena_owns(self.raw.as_ptr(), object as *const c_void) == 1 }
    }

    /// Does this byte belong to a live object of the arena, be it the first or
    /// another?
    pub fn contains<T: ?Sized>(&self, byte: *const T) -> bool {
        // SAFETY: any pointer may be asked about.
        unsafe { ffi::sa_arena_contains(self.raw.as_ptr(), byte as *const c_void) == 1 }
    }

    /// Exactly the bytes that were asked for.  Any pointer but an object's
    /// first byte ends the process.
    pub fn object_size<T: ?Sized>(&self, object: *const T) -> usize {
        // SAFETY: the library looks the pointer up before it uses it.
        unsafe { ffi::sa_arena_size(self.raw.as_ptr(), object as *const c_void) }
    }

    /// A copy of the bytes in the arena.  Fails with the errno of
    /// `sa_arena_dup()`.
    pub fn dup(&self, source: &[u8]) -> io::Result<Box<[u8], &Self>> {
        self.boxed(source.len(), || {
            // SAFETY: the source has that many bytes.
            unsafe { ffi::sa_arena_dup(self.raw.as_ptr(), source.as_ptr().cast(), source.len()) }
        })
    }

    /// As [`dup`](Self::dup), and then wipe the source; on failure it is
    /// untouched.
    pub fn take(&self, source: &mut [u8]) -> io::Result<Box<[u8], &Self>> {
        self.boxed(source.len(), || {
            // SAFETY: as above, and nobody else has the source.
            unsafe {
                ffi::sa_arena_take(self.raw.as_ptr(), source.as_mut_ptr().cast(), source.len())
            }
        })
    }

    /// Own the bytes that `make` returns.  No bytes are no object, as with every
    /// box.
    fn boxed(
        &self,
        size: usize,
        make: impl FnOnce() -> *mut c_void,
    ) -> io::Result<Box<[u8], &Self>> {
        let first = if size == 0 {
            NonNull::dangling()
        } else {
            NonNull::new(make().cast()).ok_or_else(io::Error::last_os_error)?
        };

        // SAFETY: an object of this arena of that many bytes, all initialized,
        // which nobody else has.
        Ok(unsafe { Box::from_raw_in(ptr::slice_from_raw_parts_mut(first.as_ptr(), size), self) })
    }

    /// For C functions that this crate does not have.  The arena stays its
    /// owner's.
    pub fn as_raw(&self) -> *mut RawArena {
        self.raw.as_ptr()
    }

    /// Free what was forgotten or leaked: every object at once.
    pub fn reset(&mut self) -> io::Result<()> {
        // SAFETY: nothing borrows the arena, so nothing of it is used any more.
        result_of(unsafe { ffi::sa_arena_reset(self.raw.as_ptr()) })
    }

    /// Give wholly free regions back to the system; the bytes returned.
    pub fn trim(&self) -> usize {
        // SAFETY: the arena is alive.
        unsafe { ffi::sa_arena_trim(self.raw.as_ptr()) }
    }

    /// Verify every canary and that free memory is zero.
    pub fn check(&self) -> io::Result<()> {
        // SAFETY: the arena is alive.
        result_of(unsafe { ffi::sa_arena_check(self.raw.as_ptr()) })
    }

    /// The statistics.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats {
            size: std::mem::size_of::<Stats>(),
            ..Stats::default()
        };

        // SAFETY: the size tells how much may be written.
        let code = unsafe { ffi::sa_arena_stats_get(self.raw.as_ptr(), &mut stats) };
        assert_eq!(code, 0, "the C library has other statistics");
        stats
    }

    /// Write the statistics to the file as one JSON object, a line.
    ///
    /// A number is no file: whose it is, safe code cannot know.
    ///
    /// ```compile_fail,E0277
    /// # let arena = sodium_arena::SodiumArena::new().unwrap();
    /// arena.print_stats(&3);
    /// ```
    pub fn print_stats(&self, file: &impl AsFd) -> io::Result<()> {
        let fd = file.as_fd().as_raw_fd();

        // SAFETY: the arena is alive, and the file is open.
        result_of(unsafe { ffi::sa_arena_stats_print(self.raw.as_ptr(), fd) })
    }

    /// A new object, zeroed.  The layout has a size.
    fn new_object(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the arena is alive.
        let object = unsafe {
            if layout.align() <= ALIGNMENT {
                ffi::sa_arena_alloc(self.raw.as_ptr(), layout.size())
            } else {
                ffi::sa_arena_aligned_alloc(self.raw.as_ptr(), layout.align(), layout.size())
            }
        };

        slice(object.cast(), layout.size())
    }

    /// Change a block's size: by the C library where its alignment will do,
    /// which keeps it in place if it can; else by a copy.
    ///
    /// # Safety
    ///
    /// As that of `Allocator::grow()` or `shrink()`.
    unsafe fn resize(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        if old.size() == 0 {
            return self.allocate(new);
        }
        if new.size() == 0 {
            self.deallocate(block, old);
            return Ok(nothing(new));
        }
        if new.align() <= ALIGNMENT {
            let object =
                ffi::sa_arena_realloc(self.raw.as_ptr(), block.as_ptr().cast(), new.size());
            return slice(object.cast(), new.size());
        }
        let moved = self.new_object(new)?;
        ptr::copy_nonoverlapping(
            block.as_ptr(),
            moved.as_ptr().cast(),
            old.size().min(new.size()),
        );
        self.deallocate(block, old);
        Ok(moved)
    }
}

impl Drop for SodiumArena {
    fn drop(&mut self) {
        // SAFETY: nothing borrows the arena.
        unsafe { ffi::sa_arena_destroy(self.raw.as_ptr()) }
    }
}

impl fmt::Debug for SodiumArena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SodiumArena")
            .field("access", &self.current_access())
            .field("stats", &self.stats())
            .finish()
    }
}

fn slice(first: *mut u8, size: usize) -> Result<NonNull<[u8]>, AllocError> {
    NonNull::new(ptr::slice_from_raw_parts_mut(first, size)).ok_or(AllocError)
}

/// Where values without size are: at no address in particular, but aligned.
fn nothing(layout: Layout) -> NonNull<[u8]> {
    slice(layout.align() as *mut u8, 0).expect("an alignment is not 0")
}

// SAFETY: objects stay where they are until they are freed, however the arena
// is moved, and it ends after all that borrows it.
unsafe impl Allocator for SodiumArena {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if layout.size() == 0 {
            return Ok(nothing(layout));
        }
        self.new_object(layout)
    }

    // All objects are born zeroed.
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            ffi::sa_arena_free(self.raw.as_ptr(), block.as_ptr().cast());
        }
    }

    unsafe fn grow(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        self.resize(block, old, new)
    }

    // So are the bytes that an object gains.
    unsafe fn grow_zeroed(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        self.resize(block, old, new)
    }

    unsafe fn shrink(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        self.resize(block, old, new)
    }
}

/// A holder of an arena, or of one object of it, for as long as it lives.
///
/// Dropping it panics if the system refuses to close: the memory would stay
/// open unnoticed.
#[must_use]
#[derive(Debug)]
pub struct Guard<'a> {
    arena: &'a SodiumArena,
    object: *const c_void, // null: all of the arena
    access: Access,
}

// SAFETY: any thread may close; the pointer is never followed.
unsafe impl Send for Guard<'_> {}
unsafe impl Sync for Guard<'_> {}

impl Guard<'_> {
    /// Stop holding.  Fails with the errno of the C function, and then the
    /// memory is as open as it was, for good.
    pub fn close(self) -> io::Result<()> {
        let result = self.end();

        std::mem::forget(self);
        result
    }

    fn end(&self) -> io::Result<()> {
        let arena = self.arena.raw.as_ptr();
        let access = self.access as c_uint;

        // SAFETY: the guard borrows the arena.
        let result = result_of(unsafe {
            if self.object.is_null() {
                ffi::sa_arena_close(arena, access)
            } else {
                ffi::sa_arena_close_object(arena, self.object, access)
            }
        });
        match result {
            // A large object that was freed has taken its holders with it.
            Err(error) if !self.object.is_null() && error.raw_os_error() == Some(EINVAL) => Ok(()),
            result => result,
        }
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            panic!("sodium-arena: cannot be closed: {error}");
        }
    }
}
