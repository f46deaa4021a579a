// SPDX-License-Identifier: ISC
//! Pools: objects of one type, close together, whose memory no other type ever
//! gets.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::mem::{self, MaybeUninit};
use std::ops::{Deref, DerefMut};
use std::os::raw::c_void;
use std::ptr::{self, NonNull};

use crate::{ffi, SodiumArena};

/// A pool of objects of type `T` in an arena.
///
/// ```
/// use sodium_arena::{Pool, SodiumArena};
///
/// let arena = SodiumArena::new()?;
/// let keys = Pool::<[u8; 32]>::new(&arena)?;
/// let mut key = keys.alloc_zeroed()?;
/// key.write([7; 32]);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// Objects that were forgotten ([`std::mem::forget`]) are wiped when the pool
/// is dropped, and not dropped themselves.
pub struct Pool<'a, T> {
    raw: NonNull<ffi::Pool>,
    arena: PhantomData<&'a SodiumArena>,
    of: PhantomData<fn() -> T>,
}

// SAFETY: any thread may allocate from a pool and free what another has
// allocated; whether an object may go to another thread, its box says.
unsafe impl<T> Send for Pool<'_, T> {}
unsafe impl<T> Sync for Pool<'_, T> {}

impl<'a, T> Pool<'a, T> {
    /// An empty pool.  Fails with the errno of `sa_pool_create()`: EINVAL where
    /// `T` is too large for a slot.
    pub fn new(arena: &'a SodiumArena) -> io::Result<Self> {
        let size = mem::size_of::<T>().max(1);
        // SAFETY: the arena is alive.
        let raw = unsafe { ffi::sa_pool_create(arena.as_raw(), size, mem::align_of::<T>()) };

        Ok(Pool {
            raw: NonNull::new(raw).ok_or_else(io::Error::last_os_error)?,
            arena: PhantomData,
            of: PhantomData,
        })
    }

    /// Memory for an object, zeroed, to be filled in place.  Fails with the
    /// errno of `sa_pool_alloc()`.
    pub fn alloc_zeroed(&self) -> io::Result<PoolBox<'_, MaybeUninit<T>>> {
        // SAFETY: the pool is alive.
        let object = unsafe { ffi::sa_pool_alloc(self.raw.as_ptr()) };

        Ok(PoolBox {
            object: NonNull::new(object.cast()).ok_or_else(io::Error::last_os_error)?,
            pool: self.raw,
            of: PhantomData,
        })
    }

    /// An object with this value, which comes through the stack.  As
    /// [`alloc_zeroed`](Self::alloc_zeroed).
    pub fn alloc(&self, value: T) -> io::Result<PoolBox<'_, T>> {
        let mut object = self.alloc_zeroed()?;

        object.write(value);
        // SAFETY: it was just written.
        Ok(unsafe { object.assume_init() })
    }
}

impl<T> Drop for Pool<'_, T> {
    fn drop(&mut self) {
        // SAFETY: no box borrows the pool any more.
        unsafe { ffi::sa_pool_destroy(self.raw.as_ptr()) }
    }
}

impl<T> fmt::Debug for Pool<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

/// An object of a [`Pool`], and its owner.  Dropping it drops the value, and
/// wipes and frees its memory; the arena has to be accessible for that if the
/// value has a destructor that looks at it.
///
/// Printing it does not print the value.
pub struct PoolBox<'p, T> {
    object: NonNull<T>,
    pool: NonNull<ffi::Pool>,
    of: PhantomData<(&'p ffi::Pool, T)>,
}

// SAFETY: it is its value's only owner, and any thread may free it.
unsafe impl<T: Send> Send for PoolBox<'_, T> {}
unsafe impl<T: Sync> Sync for PoolBox<'_, T> {}

impl<'p, T> PoolBox<'p, T> {
    /// The object's first byte, as [`SodiumArena::open_object`] wants it.
    pub fn as_ptr(&self) -> *const T {
        self.object.as_ptr()
    }
}

impl<'p, T> PoolBox<'p, MaybeUninit<T>> {
    /// The object, now that it has a value.
    ///
    /// # Safety
    ///
    /// It has one: it was written, or zeros are a value of `T`.
    pub unsafe fn assume_init(self) -> PoolBox<'p, T> {
        let whole = PoolBox {
            object: self.object.cast(),
            pool: self.pool,
            of: PhantomData,
        };

        mem::forget(self);
        whole
    }
}

impl<T> Deref for PoolBox<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: it is its value's only owner.
        unsafe { self.object.as_ref() }
    }
}

impl<T> DerefMut for PoolBox<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { self.object.as_mut() }
    }
}

impl<T> Drop for PoolBox<'_, T> {
    fn drop(&mut self) {
        let _memory = Memory {
            object: self.object.as_ptr().cast(),
            pool: self.pool,
        };

        // SAFETY: the value is alive, and nobody sees it again.
        unsafe { ptr::drop_in_place(self.object.as_ptr()) }
    }
}

/// What is left of a [`PoolBox`] without its value: freed even if the value's
/// destructor panics.
struct Memory {
    object: *mut c_void,
    pool: NonNull<ffi::Pool>,
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the object is one of that pool, which outlives its box.
        unsafe { ffi::sa_pool_free(self.pool.as_ptr(), self.object) }
    }
}

impl<T> fmt::Debug for PoolBox<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PoolBox").field(&self.object).finish()
    }
}
