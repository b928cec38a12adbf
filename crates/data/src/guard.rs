//! Panics of what others wrote, as errors.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::thread;

thread_local! {
    /// Whether this thread is inside [`hushed`].
    static HUSHED: Cell<bool> = const { Cell::new(false) };
}

/// What a function returns, or the message it panicked with.
pub(crate) fn guarded<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload: Box<dyn Any + Send>| {
        let text = payload.downcast_ref::<&str>().map(ToString::to_string);
        text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
    })
}

/// How the threads are called that `jpeg-decoder` starts for the components of a large picture.
const JPEG_THREAD: &str = "worker thread for component ";

/// Whether a panic of this thread is an answer to bad input.
fn is_hushed() -> bool {
    HUSHED.get() || thread::current().name().is_some_and(|name| name.starts_with(JPEG_THREAD))
}

/// [`guarded`], and nothing is written to stderr about the panic: it is an answer to bad input, and
/// the error says all of it.
///
/// The threads that `jpeg-decoder` starts write nothing either. The first call puts a hook before
/// the one that the process has for panics, which it leaves all others to.
pub(crate) fn hushed<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !is_hushed() {
                others(info);
            }
        }));
    });
    let before = HUSHED.replace(true);
    let result = guarded(f);
    HUSHED.set(before);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_its_message() {
        assert_eq!(guarded(|| 7), Ok(7));
        assert_eq!(hushed(|| 7), Ok(7));
        assert_eq!(hushed(|| -> u8 { panic!("at {}", 3) }), Err("at 3".into()));
        assert_eq!(hushed(|| -> u8 { panic::panic_any(3) }), Err("no message".into()));
        assert!(!is_hushed());
    }

    #[test]
    fn the_threads_of_a_decoder_are_hushed_too() {
        let named = |name: &str| thread::Builder::new().name(name.into()).spawn(is_hushed).unwrap().join().unwrap();
        assert!(named("worker thread for component 0") && !named("loader"));
    }
}
