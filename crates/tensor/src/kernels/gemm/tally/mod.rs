//! What a product does with a vector of its output while it is in registers, beside writing it: sums by column, which
//! spare a pass over the output, and the gate of a gradient.
//!
//! The **gate** finishes the gradient of `y = relu(batch norm of x)`, of which the product is the last term: the other
//! terms, which lie where the output goes, are added, what the rectifier held back becomes zero, and batch norm's backward
//! pass gets its sums. For ResNet-50, 8 pictures: 180 MB less to write and to read again, 10 of 900 ms; with bits in the place
//! of the rectified map another 170 MB and 12 ms.

use super::micro::Run;
use super::normalise::SIGNS;
use super::parallel::Shared;
use super::simd::Lanes;

/// For the output of a product; [`Tally::block`] for a block of its rows.
#[derive(Clone, Copy)]
pub(super) enum Tally<T> {
    Nothing,
    /// Of each column a centre, and the sums of `d` and `d²` for `d = value - centre`.
    Moments(Slot<T>),
    /// Of each column the sums of `g` and `g · (x - mean)`.
    Gate(Slot<T>, Gate<T>),
}

/// Who keeps the sums of blocks of so many rows each.
pub(super) trait Tallies<T> {
    fn reserve(&mut self, rows: Vec<usize>) -> Tally<T>;

    /// Whether what lies where the output goes is read, which is then better read line after line.
    fn adds(&self) -> bool;
}

impl<T: Copy> Tally<T> {
    /// None where nobody wants one.
    pub(super) fn reserve(wanted: Option<&mut dyn Tallies<T>>, rows: impl FnOnce() -> Vec<usize>) -> Self {
        wanted.map_or(Tally::Nothing, |tallies| tallies.reserve(rows()))
    }

    /// Whether what lies where the output goes is read.
    pub(super) fn adds(&self) -> bool {
        matches!(self, Tally::Gate(_, gate) if gate.add)
    }

    /// What is read with a part of the output, of so many numbers from a place on.
    pub(super) fn reads(&self, at: *const T, count: usize) -> [Run<T>; 2] {
        match self {
            Tally::Gate(_, gate) => [(at, if gate.add { count } else { 0 }), (gate.x.at(gate.number(at)), count)],
            _ => [(at, 0); 2],
        }
    }

    /// The same after what lies there has been added.
    pub(super) fn added(self) -> Self {
        match self {
            Tally::Gate(slot, gate) => Tally::Gate(slot, Gate { add: false, ..gate }),
            other => other,
        }
    }

    /// That of a block.
    pub(super) fn block(self, number: usize) -> Self {
        match self {
            Tally::Nothing => Tally::Nothing,
            Tally::Moments(slot) => Tally::Moments(slot.block(number)),
            Tally::Gate(slot, gate) => Tally::Gate(slot.block(number), gate),
        }
    }

    /// That of the columns from `column` on.
    #[inline(always)]
    pub(super) fn from(self, column: usize) -> Self {
        match self {
            Tally::Nothing => Tally::Nothing,
            Tally::Moments(slot) => Tally::Moments(slot.from(column)),
            Tally::Gate(slot, gate) => Tally::Gate(slot.from(column), gate.from(column)),
        }
    }
}

/// Where sums go: [block][number][column].
#[derive(Clone, Copy)]
pub(super) struct Slot<T> {
    at: Shared<T>,
    /// Columns of all sums, and numbers of each column.
    columns: usize,
    numbers: usize,
}

impl<T: super::Real> Slot<T> {
    /// Makes room for some blocks.
    pub(super) fn reserve(sums: &mut Vec<T>, blocks: usize, numbers: usize, columns: usize) -> Self {
        *sums = vec![T::ZERO; blocks * numbers * columns];
        Self { at: Shared::new(sums.as_mut_ptr()), columns, numbers }
    }
}

impl<T: Copy> Slot<T> {
    fn block(self, number: usize) -> Self {
        self.from(number * self.numbers * self.columns)
    }

    #[inline(always)]
    pub(super) fn from(self, column: usize) -> Self {
        Self { at: Shared::new(self.at.at(column)), ..self }
    }

    /// A vector of a number.
    #[inline(always)]
    fn number(self, number: usize) -> *mut T {
        self.at.at(number * self.columns)
    }
}

/// What the gate reads beside the output, from its first element on.
#[derive(Clone, Copy)]
pub(super) struct Gate<T> {
    pub(super) out: Shared<T>,
    /// Of the output's shape: a map, and a bit for each number that the rectifier lets pass.
    pub(super) x: Shared<T>,
    pub(super) signs: Shared<u16>,
    /// By column.
    pub(super) mean: Shared<T>,
    /// Whether the output is added to what lies there.
    pub(super) add: bool,
}

impl<T: Copy> Gate<T> {
    #[inline(always)]
    pub(super) fn from(self, column: usize) -> Self {
        Self { mean: Shared::new(self.mean.at(column)), ..self }
    }

    /// The number in its map of a place in the output.
    #[inline(always)]
    fn number(self, c: *const T) -> usize {
        c.addr().wrapping_sub(self.out.at(0).addr()) / size_of::<T>()
    }

    /// Asks for what [`GateSums::pass`] will read: the lines of a tile fall into the same few places of the first-level cache,
    /// of which they would drive each other out.
    #[inline(always)]
    pub(super) unsafe fn ask<V: Lanes<Real = T>>(self, c: *const T) {
        // SAFETY: called inside a job.
        unsafe { V::prefetch_l2(self.x.at(self.number(c))) }
    }
}

/// The moments of one vector of columns.
#[derive(Clone, Copy)]
pub(super) struct MomentSums<V> {
    centre: V,
    off: V,
    squares: V,
}

impl<T: super::Real, V: Lanes<Real = T>> MomentSums<V> {
    /// They begin with the row `first` where there is one.
    #[inline(always)]
    pub(super) unsafe fn open(slot: Slot<T>, first: Option<V>) -> Self {
        // SAFETY: the caller vouches for a vector of columns.
        unsafe {
            match first {
                Some(centre) => {
                    centre.store(slot.number(0));
                    Self { centre, off: V::splat(T::ZERO), squares: V::splat(T::ZERO) }
                }
                None => {
                    let [centre, off, squares] =
                        [V::load(slot.number(0)), V::load(slot.number(1)), V::load(slot.number(2))];
                    Self { centre, off, squares }
                }
            }
        }
    }

    /// Adds a row.
    #[inline(always)]
    pub(super) unsafe fn add(&mut self, value: V) {
        // SAFETY: called inside a job.
        unsafe {
            let d = value.sub(self.centre);
            self.off = self.off.add(d);
            self.squares = d.mul_add(d, self.squares);
        }
    }

    /// Keeps them.
    #[inline(always)]
    pub(super) unsafe fn close(self, slot: Slot<T>) {
        // SAFETY: as above.
        unsafe {
            self.off.store(slot.number(1));
            self.squares.store(slot.number(2));
        }
    }
}

/// The sums of a gated gradient, of one vector of columns.
#[derive(Clone, Copy)]
pub(super) struct GateSums<V> {
    mean: V,
    gradient: V,
    product: V,
}

impl<T: super::Real, V: Lanes<Real = T>> GateSums<V> {
    /// They begin where `first`.
    #[inline(always)]
    pub(super) unsafe fn open(slot: Slot<T>, gate: Gate<T>, first: bool) -> Self {
        // SAFETY: the caller vouches for a vector of columns.
        unsafe {
            let mean = V::load(gate.mean.at(0));
            let zero = V::splat(T::ZERO);
            if first {
                return Self { mean, gradient: zero, product: zero };
            }
            Self { mean, gradient: V::load(slot.number(0)), product: V::load(slot.number(1)) }
        }
    }

    /// What passes of a vector that goes to `c`.
    #[inline(always)]
    pub(super) unsafe fn pass(&mut self, gate: Gate<T>, c: *const T, value: V) -> V {
        let number = gate.number(c);
        // SAFETY: the caller vouches for a vector of the output, and so of what has its shape. Vectors do not reach over the
        // end of a word, as the channels are whole words.
        unsafe {
            let g = value.only(*gate.signs.at(number / SIGNS) >> (number % SIGNS));
            self.gradient = self.gradient.add(g);
            self.product = g.mul_add(V::load(gate.x.at(number)).sub(self.mean), self.product);
            g
        }
    }

    /// Keeps them.
    #[inline(always)]
    pub(super) unsafe fn close(self, slot: Slot<T>) {
        // SAFETY: as above.
        unsafe {
            self.gradient.store(slot.number(0));
            self.product.store(slot.number(1));
        }
    }
}
