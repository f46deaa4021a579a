// SPDX-License-Identifier: ISC
//! Pools: values and their destructors, where they lie, and what is left when
//! a pool ends.

#![feature(allocator_api)]

use sodium_arena::{Access, Mlock, Options, Pool, PoolBox, SodiumArena};
use std::cell::Cell;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::thread;

fn arena() -> SodiumArena {
    Options::new().mlock(Mlock::BestEffort).create().unwrap()
}

/// Counts its drops.
struct Counted<'a>(&'a Cell<usize>);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn values() {
    let arena = arena();
    let pool = Pool::<[u8; 32]>::new(&arena).unwrap();
    let mut key = pool.alloc([1; 32]).unwrap();
    let other = pool.alloc_zeroed().unwrap();

    key[31] = 2;
    assert_eq!((key[0], key[31]), (1, 2));
    assert!(arena.owns(key.as_ptr()));
    assert_eq!(arena.object_size(key.as_ptr()), 32);
    // SAFETY: zeros are bytes.
    let other = unsafe { other.assume_init() };
    assert_eq!(*other, [0; 32]);
    /* Eight bytes of canary, and no more. */
    let distance = (other.as_ptr() as usize).abs_diff(key.as_ptr() as usize);
    assert_eq!(distance % 40, 0);
    assert_eq!(arena.stats().live_count, 2);
    assert!(!format!("{key:?}").contains("1, 1"));
    drop(key);
    drop(other);
    assert_eq!(arena.stats().live_count, 0);
    arena.check().unwrap();
}

#[test]
fn ten_thousand() {
    let arena = arena();
    let pool = Pool::new(&arena).unwrap();
    let all: Vec<_> = (0..10_000u64)
        .map(|i| pool.alloc([i, !i]).unwrap())
        .collect();

    for (i, pair) in all.iter().enumerate() {
        assert_eq!(pair[0], !pair[1]);
        assert_eq!(pair[0], i as u64);
    }
    arena.check().unwrap();
    drop(all);
    assert_eq!(arena.stats().live_count, 0);
}

#[test]
fn destructors() {
    let arena = arena();
    let drops = Cell::new(0);
    let pool = Pool::new(&arena).unwrap();
    let counted = pool.alloc(Counted(&drops)).unwrap();

    mem::forget(pool.alloc(Counted(&drops)).unwrap());
    drop(pool.alloc_zeroed().unwrap());
    assert_eq!(drops.get(), 0);
    drop(counted);
    assert_eq!(drops.get(), 1);
    assert_eq!(arena.stats().live_count, 1);
    drop(pool);
    assert_eq!(drops.get(), 1);
    assert_eq!(arena.stats().live_count, 0);
}

/// Its destructor panics.
struct Panics([u8; 32]);

impl Drop for Panics {
    fn drop(&mut self) {
        panic!("{}", self.0[0]);
    }
}

#[test]
fn a_destructor_that_panics() {
    let arena = arena();
    let pool = Pool::new(&arena).unwrap();
    let panics = pool.alloc(Panics([1; 32])).unwrap();
    let result = panic::catch_unwind(AssertUnwindSafe(|| drop(panics)));

    assert!(result.is_err());
    assert_eq!(arena.stats().live_count, 0);
}

#[repr(align(256))]
struct Aligned(u8);

#[test]
fn layouts() {
    let arena = arena();
    let aligned = Pool::new(&arena).unwrap();
    let units = Pool::new(&arena).unwrap();

    for i in 0..10 {
        let one = aligned.alloc(Aligned(i)).unwrap();
        assert_eq!(one.as_ptr() as usize % 256, 0);
        assert_eq!(one.0, i);
    }
    let (one, other) = (units.alloc(()).unwrap(), units.alloc(()).unwrap());
    assert_ne!(one.as_ptr(), other.as_ptr());
    let error = Pool::<[u8; 100_000]>::new(&arena).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(22));
}

#[test]
fn at_rest() {
    let arena = arena();
    let pool = Pool::new(&arena).unwrap();
    let number = pool.alloc(5u32).unwrap();

    // SAFETY: nothing is touched meanwhile but under a guard.
    unsafe { arena.protect(Access::NoAccess).unwrap() };
    assert_eq!(pool.alloc(6).unwrap_err().raw_os_error(), Some(13));
    {
        let _opened = arena
            .open_object(number.as_ptr(), Access::ReadOnly)
            .unwrap();
        assert_eq!(*number, 5);
    }
    drop(number);
    drop(pool);
    assert_eq!(arena.stats().live_count, 0);
}

fn is_send<T: Send>() {}
fn is_sync<T: Sync>() {}

#[test]
fn threads() {
    let arena = arena();
    let pool = Pool::new(&arena).unwrap();

    is_send::<Pool<Cell<u8>>>();
    is_sync::<Pool<Cell<u8>>>();
    is_send::<PoolBox<[u8; 32]>>();
    is_sync::<PoolBox<[u8; 32]>>();
    thread::scope(|scope| {
        let handles: Vec<_> = (0..4u8)
            .map(|i| {
                let pool = &pool;
                scope.spawn(move || {
                    (0..1000)
                        .map(|_| pool.alloc([i; 32]).unwrap())
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        for (i, handle) in handles.into_iter().enumerate() {
            for key in handle.join().unwrap() {
                assert_eq!(*key, [i as u8; 32]);
            }
        }
    });
    assert_eq!(arena.stats().live_count, 0);
    arena.check().unwrap();
}
