// SPDX-License-Identifier: ISC
//! Collections over an arena, the six methods of `Allocator` one by one, and
//! guards.

#![feature(allocator_api)]

use sodium_arena::{Access, Fork, Mlock, Options, SodiumArena};
use std::alloc::{Allocator, Layout};
use std::collections::VecDeque;
use std::ptr::NonNull;
use std::rc::Rc;
use std::thread;

/// Locking is not what these are about.
fn arena() -> SodiumArena {
    Options::new().mlock(Mlock::BestEffort).create().unwrap()
}

fn mapping_count() -> usize {
    std::fs::read_to_string("/proc/self/maps")
        .unwrap()
        .lines()
        .count()
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

fn bytes(block: NonNull<[u8]>) -> &'static mut [u8] {
    unsafe { &mut *block.as_ptr() }
}

fn first(block: NonNull<[u8]>) -> NonNull<u8> {
    block.cast()
}

// ---------------------------------------------------------- collections

#[test]
fn vector_with_capacity() {
    let arena = arena();
    let mut numbers = Vec::with_capacity_in(4, &arena);

    assert!(arena.owns(numbers.as_ptr()));
    for i in 0..100_000u32 {
        numbers.push(i);
    }
    assert!(arena.owns(numbers.as_ptr()));
    assert_eq!(
        numbers.iter().map(|&i| u64::from(i)).sum::<u64>(),
        4_999_950_000
    );
    numbers.truncate(3);
    numbers.shrink_to_fit();
    assert_eq!(numbers, [0, 1, 2]);
    assert_eq!(arena.stats().live_size, 12);
    arena.check().unwrap();
    drop(numbers);
    assert_eq!(arena.stats().live_count, 0);
}

#[test]
fn boxed() {
    let arena = arena();
    let number = Box::new_in(42u64, &arena);

    assert_eq!(*number, 42);
    assert!(arena.owns(&*number as *const u64));
    assert_eq!(arena.stats().live_size, 8);
    drop(number);
    assert_eq!(arena.stats().live_count, 0);
}

/// At four mappings for each, as with `sodium_malloc()`, it could not have them
/// all: Linux allows 65,530 unless told otherwise.
#[test]
fn a_hundred_thousand_boxes() {
    let arena = arena();
    let before = mapping_count();
    let boxes: Vec<_> = (0..100_000u64)
        .map(|i| Box::new_in([i, !i, i, !i], &arena))
        .collect();

    assert_eq!(arena.stats().live_count, 100_000);
    assert!(mapping_count() < before + 1_000);
    for (i, boxed) in boxes.iter().enumerate() {
        assert_eq!(boxed[0], i as u64);
        assert_eq!(boxed[3], !(i as u64));
    }
    arena.check().unwrap();
    drop(boxes);
    assert_eq!(arena.stats().live_count, 0);
}

#[test]
fn deque_of_boxes() {
    let arena = arena();
    let mut queue = VecDeque::new_in(&arena);

    for i in 0..1000 {
        queue.push_back(Box::new_in(i * i, &arena));
        if i % 2 == 0 {
            queue.pop_front();
        }
    }
    assert_eq!(queue.len(), 500);
    assert_eq!(**queue.back().unwrap(), 999 * 999);
    drop(queue);
    assert_eq!(arena.stats().live_count, 0);
    arena.check().unwrap();
}

#[test]
fn owned_by_its_box() {
    let mut boxed = Box::new_in(5, arena());

    *boxed += 1;
    let moved = boxed;
    assert_eq!(*moved, 6);
}

#[test]
fn zero_sized() {
    let arena = arena();
    let mut units = Vec::new_in(&arena);

    for _ in 0..1000 {
        units.push(());
    }
    drop(Box::new_in((), &arena));
    assert_eq!(units.len(), 1000);
    assert_eq!(arena.stats().alloc_count, 0);
}

// ----------------------------------------------------------- six methods

#[test]
fn allocate_and_deallocate() {
    let arena = arena();

    for shift in 0..=12 {
        for size in [1, 7, 32, 5000, 20_000, 20_008] {
            let wanted = layout(size, 1 << shift);
            for block in [
                arena.allocate(wanted).unwrap(),
                arena.allocate_zeroed(wanted).unwrap(),
            ] {
                assert_eq!(block.len(), size);
                assert_eq!(first(block).as_ptr() as usize % wanted.align(), 0);
                assert!(bytes(block).iter().all(|&byte| byte == 0));
                bytes(block).fill(0xff);
                unsafe { arena.deallocate(first(block), wanted) };
            }
        }
    }
    assert_eq!(arena.stats().live_count, 0);
    assert!(arena.allocate(layout(1, 1 << 20)).is_err());
    arena.check().unwrap();
}

#[test]
fn grow_and_shrink() {
    let arena = arena();
    let sizes = [0, 1, 30, 31, 500, 9_000, 100_000];

    for old_align in [1, 16, 64, 4096] {
        for new_align in [1, 16, 64, 4096] {
            for (i, &small) in sizes.iter().enumerate() {
                for &large in &sizes[i..] {
                    let old = layout(small, old_align);
                    let new = layout(large, new_align);
                    unsafe { resize(&arena, old, new) };
                }
            }
        }
    }
    assert_eq!(arena.stats().live_count, 0);
    arena.check().unwrap();
}

/// Grow both ways and shrink back; what was there stays.
unsafe fn resize(arena: &SodiumArena, old: Layout, new: Layout) {
    for zeroed in [false, true] {
        let block = arena.allocate(old).unwrap();
        bytes(block).fill(0xa5);
        let grown = if zeroed {
            arena.grow_zeroed(first(block), old, new).unwrap()
        } else {
            arena.grow(first(block), old, new).unwrap()
        };
        assert_eq!(grown.len(), new.size());
        assert_eq!(first(grown).as_ptr() as usize % new.align(), 0);
        let (kept, gained) = bytes(grown).split_at(old.size());
        assert!(kept.iter().all(|&byte| byte == 0xa5));
        assert!(gained.iter().all(|&byte| byte == 0));
        bytes(grown).fill(0x5a);
        let back = arena.shrink(first(grown), new, old).unwrap();
        assert_eq!(back.len(), old.size());
        assert_eq!(first(back).as_ptr() as usize % old.align(), 0);
        assert!(bytes(back).iter().all(|&byte| byte == 0x5a));
        arena.deallocate(first(back), old);
    }
}

#[test]
fn limits() {
    let arena = Options::new()
        .mlock(Mlock::BestEffort)
        .name("small\0and more")
        .reserve(16 * 1024)
        .capacity(64 * 1024)
        .fork(Fork::Exclude)
        .create()
        .unwrap();
    let block = arena.allocate(layout(100, 1)).unwrap();

    assert!(arena.allocate(layout(100_000, 1)).is_err());
    unsafe {
        bytes(block).fill(1);
        assert!(arena
            .grow(first(block), layout(100, 1), layout(100_000, 1))
            .is_err());
        assert!(bytes(block).iter().all(|&byte| byte == 1));
        arena.deallocate(first(block), layout(100, 1));
    }
    assert!(arena.stats().failure_count >= 2);
    let error = Options::new().reserve(2).capacity(1).create().unwrap_err();
    assert_eq!(error.raw_os_error(), Some(22));
}

// ---------------------------------------------------------------- access

#[test]
fn guards() {
    let arena = arena();
    let mut number = Box::new_in(1u32, &arena);
    let large = vec_of(&arena, 100_000);

    unsafe { arena.protect(Access::NoAccess).unwrap() };
    assert_eq!(arena.current_access(), Access::NoAccess);
    {
        let _reading = arena.open(Access::ReadOnly).unwrap();
        assert_eq!(arena.current_access(), Access::ReadOnly);
        assert_eq!(*number, 1);
        let writing = arena.open(Access::ReadWrite).unwrap();
        *number = 2;
        writing.close().unwrap();
        assert_eq!(arena.current_access(), Access::ReadOnly);
    }
    assert_eq!(arena.current_access(), Access::NoAccess);
    {
        let _writing = arena
            .open_object(&*number as *const u32, Access::ReadWrite)
            .unwrap();
        assert_eq!(arena.current_access(), Access::NoAccess);
        *number += 1;
        assert_eq!(*number, 3);
    }
    /* An object that is gone takes no harm from its guard, nor does the guard. */
    let guard = arena.open_object(large.as_ptr(), Access::ReadOnly).unwrap();
    drop(large);
    drop(guard);
    assert_eq!(arena.stats().holder_count, 0);
    assert!(arena.allocate(layout(1, 1)).is_err());
    assert_eq!(
        arena.open(Access::NoAccess).unwrap_err().raw_os_error(),
        Some(22)
    );
    drop(number);
    assert_eq!(arena.stats().live_count, 0);
}

fn vec_of(arena: &SodiumArena, size: usize) -> Vec<u8, &SodiumArena> {
    let mut bytes = Vec::with_capacity_in(size, arena);

    bytes.resize(size, b'x');
    bytes
}

#[test]
fn whole() {
    let mut arena = arena();

    std::mem::forget(vec_of(&arena, 100));
    assert_eq!(arena.stats().live_size, 100);
    arena.reset().unwrap();
    assert_eq!(arena.stats().live_size, 0);
    assert!(arena.trim() > 0);
    assert!(format!("{arena:?}").contains("ReadWrite"));
}

// --------------------------------------------------------------- threads

fn is_send<T: Send>() {}
fn is_sync<T: Sync>() {}

#[test]
fn threads() {
    let arena = arena();

    is_send::<SodiumArena>();
    is_sync::<SodiumArena>();
    is_send::<Box<[u8; 32], &SodiumArena>>();
    thread::scope(|scope| {
        let handles: Vec<_> = (0..4u8)
            .map(|i| {
                scope.spawn({
                    let arena = &arena;
                    move || {
                        (0..1000)
                            .map(|_| Box::new_in([i; 32], arena))
                            .collect::<Vec<_>>()
                    }
                })
            })
            .collect();
        for (i, handle) in handles.into_iter().enumerate() {
            for boxed in handle.join().unwrap() {
                assert_eq!(*boxed, [i as u8; 32]);
            }
        }
    });
    assert_eq!(arena.stats().live_count, 0);
    arena.check().unwrap();
    drop(Rc::new(arena));
}
