//! Memory for feature maps, used again instead of being given back to the system and taken anew.

use std::alloc::{GlobalAlloc, Layout};
use std::fmt;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// Blocks below this go straight to the allocator underneath, which keeps such by itself.
const SMALLEST: usize = 256 << 10;
/// Sizes from `SMALLEST` on come in sixteen steps to each doubling.
const STEPS: usize = 16;
const CLASSES: usize = if usize::BITS >= 64 { 14 } else { 12 } * STEPS;
/// Blocks kept of each size, at most.
const KEPT: usize = 128;
/// How many classes a block may be larger than what was asked for: half as large again.
const LARGER: usize = 8;

/// A global allocator that keeps large blocks when they are freed, on top of another allocator.
///
/// A training step allocates the same feature maps again and again, hundreds of megabytes each.
/// Given back to the system, every page is taken and cleared anew: of SqueezeNet's training step
/// that was half the time. So blocks from 256 KiB to 4 GiB, rounded up to one of sixteen sizes for
/// each doubling, go to a list of their size when freed.
///
/// A process holds on to the most that it has needed at one time, and an eighth of it: where a new
/// block would make it more, since none of the free ones is of its size, a larger one serves, and
/// where there is none, free ones are given back first. (A network that only answers holds two or
/// three maps at a time, each of another size: a quarter of MobileNetV2's time was clearing pages.)
/// [`Recycler::release`] gives back all that are free.
///
/// The `taper` binary uses it. A program that uses the libraries alone does so with two lines:
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: taper_tensor::Recycler<std::alloc::System> = taper_tensor::Recycler::new(std::alloc::System);
/// # let _ = vec![0f32; 1 << 20];
/// ```
pub struct Recycler<A> {
    inner: A,
    free: [[AtomicPtr<u8>; KEPT]; CLASSES],
    /// Bytes of the blocks that are free.
    kept: AtomicUsize,
    /// Bytes of the blocks that are in use, and the most there have been.
    used: AtomicUsize,
    most: AtomicUsize,
}

impl<A> fmt::Debug for Recycler<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recycler").finish_non_exhaustive()
    }
}

impl<A> Recycler<A> {
    /// With nothing kept yet.
    pub const fn new(inner: A) -> Self {
        Self {
            inner,
            free: [const { [const { AtomicPtr::new(ptr::null_mut()) }; KEPT] }; CLASSES],
            kept: AtomicUsize::new(0),
            used: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        }
    }

    /// Bytes of the large blocks, those from 256 KiB, that are in use.
    pub fn in_use(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// A kept block of a class, if there is one.
    fn take(&self, class: usize) -> Option<*mut u8> {
        let slots = self.free[class].iter();
        let block = slots
            .filter(|slot| !slot.load(Ordering::Relaxed).is_null())
            .map(|slot| slot.swap(ptr::null_mut(), Ordering::Acquire))
            .find(|block| !block.is_null())?;
        self.kept.fetch_sub(size(class), Ordering::Relaxed);
        Some(block)
    }

    /// Keeps a block, if there is room.
    fn keep(&self, class: usize, block: *mut u8) -> bool {
        // Before it is there to be taken: the count must not fall below zero.
        self.kept.fetch_add(size(class), Ordering::Relaxed);
        let kept = self.free[class].iter().any(|slot| {
            slot.load(Ordering::Relaxed).is_null()
                && slot.compare_exchange(ptr::null_mut(), block, Ordering::Release, Ordering::Relaxed).is_ok()
        });
        if !kept {
            self.kept.fetch_sub(size(class), Ordering::Relaxed);
        }
        kept
    }

    /// Counts a block of a class that comes into use.
    fn count(&self, class: usize) {
        let used = self.used.fetch_add(size(class), Ordering::Relaxed) + size(class);
        self.most.fetch_max(used, Ordering::Relaxed);
    }
}

impl<A: GlobalAlloc> Recycler<A> {
    /// Gives all blocks that are free back to the allocator underneath.
    pub fn release(&self) {
        self.release_until(|| false);
    }

    /// Gives free blocks back, the largest first, until it is enough.
    fn release_until(&self, enough: impl Fn() -> bool) {
        for class in (0..CLASSES).rev() {
            while !enough() {
                let Some(block) = self.take(class) else { break };
                // SAFETY: every kept block was allocated with the layout of its class.
                unsafe { self.inner.dealloc(block, layout(class)) }
            }
        }
    }

    /// Whether there is room for a fresh block: what is used and kept stays below the most that was
    /// ever used and an eighth.
    fn has_room(&self, class: usize) -> bool {
        let wanted = self.used.load(Ordering::Relaxed) + size(class);
        let bound = wanted.max(self.most.load(Ordering::Relaxed));
        wanted + self.kept.load(Ordering::Relaxed) <= bound + bound / 8
    }

    /// A kept block of one of some classes, the smallest that there is.
    fn take_from(&self, classes: impl Iterator<Item = usize>) -> Option<(usize, *mut u8)> {
        classes.into_iter().find_map(|class| Some((class, self.take(class)?)))
    }

    /// A block of at least this class, and whether it has been used before. Each block begins with
    /// the class it was allocated for, in front of what the caller sees.
    unsafe fn large(&self, class: usize, zeroed: bool) -> (*mut u8, bool) {
        let near = CLASSES.min(class + LARGER + 1);
        let kept = self.take_from(class..near);
        let kept = kept.or_else(|| if self.has_room(class) { None } else { self.take_from(near..CLASSES) });
        if let Some((larger, block)) = kept {
            self.count(larger);
            return (block.wrapping_add(HEADER), true);
        }
        self.release_until(|| self.has_room(class));
        let fresh = || {
            // SAFETY: the layout's size is not zero.
            unsafe { if zeroed { self.inner.alloc_zeroed(layout(class)) } else { self.inner.alloc(layout(class)) } }
        };
        let mut block = fresh();
        if block.is_null() {
            self.release();
            block = fresh();
        }
        if block.is_null() {
            return (block, false);
        }
        self.count(class);
        // SAFETY: the header is the block's first bytes, aligned for any number.
        unsafe { block.cast::<usize>().write(class) };
        (block.wrapping_add(HEADER), false)
    }
}

/// Bytes in front of each block, and the alignment of what follows: a cache line.
const HEADER: usize = 64;

/// Bytes of the blocks of a class.
const fn size(class: usize) -> usize {
    (SMALLEST << (class / STEPS)) / STEPS * (STEPS + class % STEPS)
}

fn layout(class: usize) -> Layout {
    // SAFETY: the alignment is a power of two and the largest class far from the end of the address
    // space.
    unsafe { Layout::from_size_align_unchecked(size(class) + HEADER, HEADER) }
}

/// The smallest class with room for a layout; None for what is not kept.
fn class(wanted: Layout) -> Option<usize> {
    if wanted.size() < SMALLEST || wanted.align() > HEADER {
        return None;
    }
    let doublings = (wanted.size() / SMALLEST).ilog2() as usize;
    let step = (SMALLEST << doublings) / STEPS;
    let class = doublings * STEPS + wanted.size().div_ceil(step) - STEPS;
    (class < CLASSES).then_some(class)
}

// SAFETY: a block is either with one caller or in one slot: `take` swaps it out, `keep` puts it
// into an empty one. Its class, in front of it, tells the layout it was allocated with; whether a
// layout is large depends on nothing else.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Recycler<A> {
    unsafe fn alloc(&self, wanted: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe {
            match class(wanted) {
                Some(class) => self.large(class, false).0,
                None => self.inner.alloc(wanted),
            }
        }
    }

    unsafe fn alloc_zeroed(&self, wanted: Layout) -> *mut u8 {
        // SAFETY: the caller's promise; a used block has room for what is wanted.
        unsafe {
            let Some(class) = class(wanted) else {
                return self.inner.alloc_zeroed(wanted);
            };
            let (block, used) = self.large(class, true);
            if used {
                block.write_bytes(0, wanted.size());
            }
            block
        }
    }

    unsafe fn realloc(&self, block: *mut u8, old: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: the caller's promise: bytes is not zero and does not overflow with this
        // alignment.
        unsafe {
            let wanted = Layout::from_size_align_unchecked(bytes, old.align());
            if class(old).is_none() && class(wanted).is_none() {
                return self.inner.realloc(block, old, bytes);
            }
            let moved = self.alloc(wanted);
            if !moved.is_null() {
                ptr::copy_nonoverlapping(block, moved, old.size().min(bytes));
                self.dealloc(block, old);
            }
            moved
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, wanted: Layout) {
        // SAFETY: a large block has its class in front of it.
        unsafe {
            if class(wanted).is_none() {
                return self.inner.dealloc(block, wanted);
            }
            let block = block.wrapping_sub(HEADER);
            let class = block.cast::<usize>().read();
            self.used.fetch_sub(size(class), Ordering::Relaxed);
            if !self.keep(class, block) {
                self.inner.dealloc(block, layout(class));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::alloc::System;

    use super::*;

    #[test]
    fn every_size_has_the_smallest_class_with_room_for_it() {
        for bytes in (SMALLEST..SMALLEST * 40).step_by(12_345) {
            let class = class(Layout::from_size_align(bytes, 4).unwrap()).unwrap();
            assert!(size(class) >= bytes && (class == 0 || size(class - 1) < bytes), "{bytes} bytes in class {class}");
        }
        assert_eq!(class(Layout::from_size_align(SMALLEST - 1, 4).unwrap()), None);
        assert_eq!(class(Layout::from_size_align(usize::MAX / 4, 4).unwrap()), None);
    }

    #[test]
    fn a_freed_block_is_used_again_and_zeroed_when_that_is_asked() {
        let recycler = Recycler::new(System);
        let wanted = Layout::from_size_align(1_000_000, 4).unwrap();
        // SAFETY: blocks are written inside their size and freed once, with the layout they were
        // allocated with.
        unsafe {
            let first = recycler.alloc(wanted);
            first.write_bytes(7, wanted.size());
            recycler.dealloc(first, wanted);
            // A little smaller: the same block serves.
            let smaller = Layout::from_size_align(900_000, 4).unwrap();
            let second = recycler.alloc_zeroed(smaller);
            assert_eq!(second, first);
            assert!(std::slice::from_raw_parts(second, smaller.size()).iter().all(|&byte| byte == 0));
            let third = recycler.alloc(wanted);
            assert_ne!(third, second);
            recycler.dealloc(second, smaller);
            recycler.dealloc(third, wanted);
            recycler.release();
            assert!(recycler.free.iter().flatten().all(|slot| slot.load(Ordering::Relaxed).is_null()));
            assert_eq!((recycler.kept.load(Ordering::Relaxed), recycler.used.load(Ordering::Relaxed)), (0, 0));
        }
    }

    #[test]
    fn free_blocks_of_other_sizes_do_not_pile_up() {
        let recycler = Recycler::new(System);
        let held = || recycler.kept.load(Ordering::Relaxed) + recycler.used.load(Ordering::Relaxed);
        // SAFETY: as above.
        unsafe {
            // Ever larger blocks, of which none fits into one before.
            for step in (0..8).rev() {
                let wanted = Layout::from_size_align((64 << 20) >> step, 64).unwrap();
                let blocks = [0; 4].map(|_| recycler.alloc(wanted));
                blocks.iter().for_each(|&block| recycler.dealloc(block, wanted));
                assert!(held() <= ((4 * 64) << 20) / 8 * 9 + (1 << 20), "{} bytes in step {step}", held());
            }
            recycler.release();
        }
        assert_eq!(held(), 0);
    }

    #[test]
    fn a_larger_block_serves_where_there_is_no_room() {
        let recycler = Recycler::new(System);
        let layout = |bytes: usize| Layout::from_size_align(bytes, 64).unwrap();
        // SAFETY: as above.
        unsafe {
            let large = recycler.alloc(layout(64 << 20));
            recycler.dealloc(large, layout(64 << 20));
            // An eighth more may be held: a block of that size is a fresh one, the next is not.
            let first = recycler.alloc(layout(4 << 20));
            let second = recycler.alloc(layout(16 << 20));
            assert!(first != large && second == large);
            recycler.dealloc(first, layout(4 << 20));
            recycler.dealloc(second, layout(16 << 20));
            // In the place of the large one it is still the large one.
            assert_eq!(recycler.alloc(layout(64 << 20)), large);
            recycler.dealloc(large, layout(64 << 20));
            recycler.release();
        }
    }
}
