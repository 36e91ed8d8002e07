//! The allocator of a program is an unsafe trait: its implementation is here.
#![allow(unsafe_code, reason = "a global allocator is implemented")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Per thread, so that the test harness's own threads do not count.
    static COUNT: Cell<u64> = const { Cell::new(0) };
    /// Bytes asked for less bytes given back.
    static KEPT: Cell<i64> = const { Cell::new(0) };
}

/// The system's allocator, counting what the program's own Rust code asks of it, thread by
/// thread. A simulated library brings its own allocator, which is not counted.
#[derive(Debug)]
pub struct Counting;

impl Counting {
    /// How often memory was asked for (or grown) on this thread while `body` ran.
    pub fn during(body: impl FnOnce()) -> u64 {
        let before = COUNT.get();
        body();
        COUNT.get() - before
    }

    /// How many bytes more this thread has asked for than given back while `body` ran.
    pub fn kept(body: impl FnOnce()) -> i64 {
        let before = KEPT.get();
        body();
        KEPT.get() - before
    }
}

fn count() {
    // A thread that ends may free and allocate after its counter is gone.
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
}

fn keep(more: usize, less: usize) {
    let change = more as i64 - less as i64;
    let _ = KEPT.try_with(|kept| kept.set(kept.get() + change));
}

// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        keep(layout.size(), 0);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        keep(layout.size(), 0);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        keep(0, layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        keep(size, layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
