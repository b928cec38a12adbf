//! A buffer between several workers and one consumer: fixed order, bounded length.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Hands out the numbers `0..total` and takes back one item for each, in any order; the consumer
/// gets the items in the order of their numbers.
///
/// At most `ahead` numbers are claimed and not yet delivered. That bounds the items held, and it
/// cannot lock up: the number the consumer waits for is always among those claimed or claimable.
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    /// Signalled when the state changes: a number may be claimed, an item is there, or the end
    /// came.
    changed: Condvar,
    total: usize,
    ahead: usize,
}

struct State<T> {
    claimed: usize,
    delivered: usize,
    ready: BTreeMap<usize, T>,
    closed: bool,
}

impl<T> Queue<T> {
    /// For the numbers `0..total`; `ahead` must not be 0.
    pub(crate) fn new(total: usize, ahead: usize) -> Self {
        let state = State { claimed: 0, delivered: 0, ready: BTreeMap::new(), closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), total, ahead }
    }

    /// The next number to work on, once the bound allows it; `None` when all are given out or it is
    /// closed.
    pub(crate) fn claim(&self) -> Option<usize> {
        let mut state = self.lock();
        loop {
            if state.closed || state.claimed == self.total {
                return None;
            }
            if state.claimed < state.delivered + self.ahead {
                state.claimed += 1;
                return Some(state.claimed - 1);
            }
            state = self.wait(state);
        }
    }

    /// Gives back the item of a claimed number. Never waits: there is room for every number
    /// claimed.
    pub(crate) fn put(&self, number: usize, item: T) {
        let mut state = self.lock();
        if !state.closed {
            state.ready.insert(number, item);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Waits for the next item in order; `None` after the last, or when it is closed.
    pub(crate) fn take(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            let next = state.delivered;
            if state.closed || next == self.total {
                return None;
            }
            if let Some(item) = state.ready.remove(&next) {
                state.delivered += 1;
                drop(state);
                self.changed.notify_all();
                return Some(item);
            }
            state = self.wait(state);
        }
    }

    /// Ends it for everybody and drops the items that were not taken.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let rest = std::mem::take(&mut state.ready);
        drop(state);
        self.changed.notify_all();
        drop(rest);
    }

    /// Whether [`close`](Queue::close) was called: unfinished work is no longer wanted.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    // No code that can panic runs under the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State<T>>) -> MutexGuard<'a, State<T>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn items_come_in_order_whoever_finishes_first() {
        let queue = Queue::new(3, 3);
        assert_eq!([queue.claim(), queue.claim()], [Some(0), Some(1)]);
        queue.put(1, "b");
        queue.put(0, "a");
        assert_eq!([queue.take(), queue.take()], [Some("a"), Some("b")]);
        assert_eq!((queue.claim(), queue.claim()), (Some(2), None));
        queue.put(2, "c");
        assert_eq!((queue.take(), queue.take()), (Some("c"), None));
    }

    #[test]
    fn a_claim_waits_for_a_delivery_and_ends_on_closing() {
        let queue = Queue::new(9, 1);
        assert_eq!(queue.claim(), Some(0));
        thread::scope(|scope| {
            let second = scope.spawn(|| queue.claim());
            queue.put(0, ());
            assert_eq!(queue.take(), Some(()));
            assert_eq!(second.join().unwrap(), Some(1));
            let third = scope.spawn(|| queue.claim());
            let consumer = scope.spawn(|| queue.take());
            queue.close();
            assert_eq!((third.join().unwrap(), consumer.join().unwrap()), (None, None));
        });
        queue.put(1, ());
        assert!(queue.is_closed() && queue.take().is_none());
    }
}
