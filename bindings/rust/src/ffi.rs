// SPDX-License-Identifier: ISC
//! What of sodium_arena.h is used here, as it stands there.

use std::os::raw::{c_char, c_int, c_uint, c_void};

/// An `sa_arena`, whose inside is the library's.
#[repr(C)]
pub struct Arena {
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

extern "C" {
    pub fn sa_arena_create(options: *const Options) -> *mut Arena;
    pub fn sa_arena_destroy(arena: *mut Arena);
    pub fn sa_arena_alloc(arena: *mut Arena, size: usize) -> *mut c_void;
    pub fn sa_arena_aligned_alloc(arena: *mut Arena, alignment: usize, size: usize) -> *mut c_void;
    pub fn sa_arena_realloc(arena: *mut Arena, ptr: *mut c_void, size: usize) -> *mut c_void;
    pub fn sa_arena_free(arena: *mut Arena, ptr: *mut c_void);
    pub fn sa_arena_owns(arena: *const Arena, ptr: *const c_void) -> c_int;
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
}
