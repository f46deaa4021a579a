// SPDX-License-Identifier: ISC
//! What of sodium_arena.h is used here, as it stands there.

use std::os::raw::{c_char, c_int, c_uint, c_void};

/// An `sa_arena`, whose inside is the library's.
#[repr(C)]
pub struct Arena {
    _opaque: [u8; 0],
}

/// An `sa_pool`, likewise.
#[repr(C)]
pub struct Pool {
    _opaque: [u8; 0],
}

#[repr(C)]
pub struct Options {
    pub size: usize,
    pub name: *const c_char,
    pub reserve: usize,
    pub capacity: usize,
    pub mlock: c_uint,
    pub fork: c_uint,
    pub flags: c_uint,
}

#[repr(C)]
pub struct Misuse {
    pub kind: c_uint,
    pub arena: *const c_char,
    pub object: *const c_void,
    pub size: usize,
    pub offset: isize,
}

pub type MisuseHandler = extern "C" fn(*const Misuse, *mut c_void);

extern "C" {
    pub fn sa_arena_version_string() -> *const c_char;
    pub fn sa_arena_create(options: *const Options) -> *mut Arena;
    pub fn sa_arena_destroy(arena: *mut Arena);
    pub fn sa_arena_alloc(arena: *mut Arena, size: usize) -> *mut c_void;
    pub fn sa_arena_aligned_alloc(arena: *mut Arena, alignment: usize, size: usize) -> *mut c_void;
    pub fn sa_arena_realloc(arena: *mut Arena, ptr: *mut c_void, size: usize) -> *mut c_void;
    pub fn sa_arena_dup(arena: *mut Arena, src: *const c_void, size: usize) -> *mut c_void;
    pub fn sa_arena_take(arena: *mut Arena, src: *mut c_void, size: usize) -> *mut c_void;
    pub fn sa_arena_free(arena: *mut Arena, ptr: *mut c_void);
    pub fn sa_arena_owns(arena: *const Arena, ptr: *const c_void) -> c_int;
    pub fn sa_arena_contains(arena: *const Arena, ptr: *const c_void) -> c_int;
    pub fn sa_arena_size(arena: *const Arena, ptr: *const c_void) -> usize;
    pub fn sa_arena_protect(arena: *mut Arena, access: c_uint) -> c_int;
    pub fn sa_arena_open(arena: *mut Arena, access: c_uint) -> c_int;
    pub fn sa_arena_close(arena: *mut Arena, access: c_uint) -> c_int;
    pub fn sa_arena_open_object(arena: *mut Arena, ptr: *const c_void, access: c_uint) -> c_int;
    pub fn sa_arena_close_object(arena: *mut Arena, ptr: *const c_void, access: c_uint) -> c_int;
    pub fn sa_arena_current_access(arena: *const Arena) -> c_uint;
    pub fn sa_arena_reset(arena: *mut Arena) -> c_int;
    pub fn sa_arena_trim(arena: *mut Arena) -> usize;
    pub fn sa_arena_check(arena: *mut Arena) -> c_int;
    pub fn sa_arena_stats_get(arena: *const Arena, stats: *mut crate::Stats) -> c_int;
    pub fn sa_arena_stats_print(arena: *const Arena, fd: c_int) -> c_int;
    pub fn sa_arena_stats_print_all(fd: c_int) -> c_int;
    pub fn sa_arena_preflight(
        options: *const Options,
        count: usize,
        size: usize,
        report: *mut crate::Preflight,
    ) -> c_int;
    pub fn sa_pool_create(arena: *mut Arena, object_size: usize, alignment: usize) -> *mut Pool;
    pub fn sa_pool_alloc(pool: *mut Pool) -> *mut c_void;
    pub fn sa_pool_free(pool: *mut Pool, ptr: *mut c_void);
    pub fn sa_pool_destroy(pool: *mut Pool);
    pub fn sa_default_arena() -> *mut Arena;
    pub fn sa_default_arena_init(options: *const Options) -> c_int;
    pub fn sa_arena_set_misuse_handler(handler: Option<MisuseHandler>, context: *mut c_void);
    pub fn sa_arena_misuse_name(kind: c_uint) -> *const c_char;
    pub fn sa_arena_install_fault_reporter() -> c_int;
}
