//! Every picture is looked at once before a training, and those that cannot be read are left out.

use std::fmt;
use std::sync::Arc;

use taper_data::{Checked, Dataset, Known, Look, Seen, Stamp, Subset, Unreadable as Damaged, check_again};

use crate::error::Result;
use crate::listener::{Listener, Work};
use crate::notice::Notice;
use crate::store::error::StoreError;

/// The share of unreadable pictures that a run goes on without, fraction.
const TOLERATED: f64 = 0.05;

/// What a run does about pictures that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Goes on without them, up to one in twenty.
    LeaveOut,
    /// Fails with the first of them.
    Refuse,
}

/// Pictures that can be read.
pub struct Readable {
    /// They alone.
    pub dataset: Arc<dyn Dataset>,
    /// How many others there were.
    pub unreadable: usize,
    /// The names of these.
    pub names: Vec<String>,
    /// Size and content of each, in their order.
    pub seen: Vec<Seen>,
}

impl fmt::Debug for Readable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (read, unreadable) = (self.seen.len(), self.unreadable);
        f.debug_struct("Readable").field("read", &read).field("unreadable", &unreadable).finish_non_exhaustive()
    }
}

impl Readable {
    /// Pictures that nobody looks at, but the `suspects`: those that cannot be decoded are left
    /// out.
    ///
    /// # Errors
    /// As those of [`readable`].
    pub(crate) fn unseen(
        dataset: Arc<dyn Dataset>,
        suspects: Vec<usize>,
        policy: Unreadable,
        listener: &dyn Listener,
    ) -> Result<Self> {
        let mut bad = Vec::new();
        for index in suspects {
            if let Err(reason) = dataset.get(index) {
                bad.push(Damaged { index, name: dataset.name(index), reason });
            }
        }
        without(dataset, (Vec::new(), bad), policy, listener)
    }
}

/// Reads every picture once. Returns the set without the unreadable ones, of which `listener`
/// hears.
///
/// # Errors
/// When too many cannot be read, or any with [`Unreadable::Refuse`].
pub fn readable(dataset: Arc<dyn Dataset>, policy: Unreadable, listener: &dyn Listener) -> Result<Readable> {
    look_once(dataset, policy, listener, (|_, _| None, |_| Look::Decode))
}

/// [`readable`], without those that `known` has something to say of, by number and stamp; `look`
/// says how well the others are looked at.
pub(crate) fn look_once(
    dataset: Arc<dyn Dataset>,
    policy: Unreadable,
    listener: &dyn Listener,
    (known, look): (impl Fn(usize, Stamp) -> Option<Known> + Sync, impl Fn(usize) -> Look + Sync),
) -> Result<Readable> {
    let progress = listener.work(Work::Reading);
    progress.begin(dataset.len() as u64);
    let Checked { seen, unreadable } = check_again(&*dataset, known, look, |_| progress.advance(1));
    drop(progress);
    without(dataset, (seen, unreadable), policy, listener)
}

/// The set without the bad ones, where there are not too many.
fn without(
    dataset: Arc<dyn Dataset>,
    (seen, mut bad): (Vec<Seen>, Vec<Damaged>),
    policy: Unreadable,
    listener: &dyn Listener,
) -> Result<Readable> {
    if bad.is_empty() {
        return Ok(Readable { dataset, unreadable: 0, names: Vec::new(), seen });
    }
    if policy == Unreadable::Refuse {
        return Err(StoreError::Unreadable(bad.swap_remove(0).reason).into());
    }
    for picture in bad.iter().take(20) {
        listener.notice(&Notice::Unreadable { reason: picture.to_string() });
    }
    if bad.len() > 20 {
        listener.notice(&Notice::MoreUnreadable { more: bad.len() - 20 });
    }
    let (count, all) = (bad.len(), dataset.len());
    if count as f64 > TOLERATED * all as f64 {
        return Err(StoreError::TooManyUnreadable { count, all, most: 100.0 * TOLERATED }.into());
    }
    listener.notice(&Notice::WithoutUnreadable { count, all });
    let indices: Vec<usize> = bad.iter().map(|picture| picture.index).collect();
    let names = bad.into_iter().map(|picture| picture.name).collect();
    Ok(Readable { dataset: Arc::new(Subset::without(dataset, &indices)?), unreadable: count, names, seen })
}

#[cfg(test)]
mod tests {
    use taper_data::{DataError, RgbImage};

    use super::*;
    use crate::listener::Silent;

    /// Pictures of which those of odd numbers below 5 are damaged.
    struct Some40(Vec<String>);

    impl Dataset for Some40 {
        fn len(&self) -> usize {
            40
        }

        fn get(&self, index: usize) -> Result<RgbImage, DataError> {
            if index % 2 == 1 && index < 5 {
                return Err(DataError::CutOff { path: self.name(index).into() });
            }
            Ok(RgbImage::new(1, 1))
        }

        fn label(&self, _: usize) -> usize {
            0
        }

        fn classes(&self) -> &[String] {
            &self.0
        }

        fn name(&self, index: usize) -> String {
            format!("{index}.png")
        }
    }

    #[test]
    fn of_what_nobody_looks_at_suspects_are_left_out() {
        let open = |suspects: &[usize], policy| {
            Readable::unseen(Arc::new(Some40(vec!["a".into()])), suspects.to_vec(), policy, &Silent)
        };
        let found = open(&[], Unreadable::Refuse).unwrap();
        assert_eq!((found.dataset.len(), found.unreadable), (40, 0));
        let found = open(&[2, 3], Unreadable::LeaveOut).unwrap();
        assert_eq!((found.dataset.len(), found.names), (39, vec!["3.png".to_owned()]));
        assert_eq!((found.dataset.name(2), found.dataset.name(3)), ("2.png".to_owned(), "4.png".to_owned()));
        assert!(open(&[2, 3], Unreadable::Refuse).unwrap_err().to_string().contains("3.png"));
    }
}
