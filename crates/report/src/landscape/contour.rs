//! Contour lines by marching squares.

use std::collections::BTreeMap;

use super::Function;
use crate::draw::{Point, Window};

/// Cells along the longer side of the window.
const CELLS: f64 = 140.0;
/// How many heights get a line.
const LEVELS: u32 = 12;

/// A function on the corners of a grid of squares.
pub(super) struct Grid {
    window: Window,
    /// Cells along *x* and *y*.
    cells: [usize; 2],
    /// Row by row, from the bottom.
    values: Vec<f64>,
}

/// The edge of a cell: its left or lower corner, and whether it lies along *x*.
type Edge = (usize, usize, bool);

impl Grid {
    /// Evaluates a function all over its window.
    pub(super) fn new(function: &Function) -> Self {
        let window = function.window();
        let extent = [0, 1].map(|i| window.high[i] - window.low[i]);
        let side = extent[0].max(extent[1]) / CELLS;
        let cells = extent.map(|extent| (extent / side).round().max(1.0) as usize);
        let grid = Self { window, cells, values: Vec::new() };
        let corners = (0..=cells[1]).flat_map(|row| (0..=cells[0]).map(move |column| (column, row)));
        let values = corners.map(|(column, row)| function.value(grid.place(column, row))).collect();
        Self { values, ..grid }
    }

    fn place(&self, column: usize, row: usize) -> Point {
        let Window { low, high } = self.window;
        let along = |i: usize, k: usize| low[i] + (high[i] - low[i]) * k as f64 / self.cells[i] as f64;
        [along(0, column), along(1, row)]
    }

    fn value(&self, column: usize, row: usize) -> f64 {
        self.values[row * (self.cells[0] + 1) + column]
    }

    /// Heights in equal ratios, from one that a hundredth of the window lies below to one that a
    /// thirtieth lies above.
    pub(super) fn levels(&self) -> Vec<f64> {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        let quantile = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize].max(f64::MIN_POSITIVE);
        let (low, high) = (quantile(0.01), quantile(0.97));
        let ratio = high / low;
        (0..LEVELS).map(|k| low * ratio.powf(f64::from(k) / f64::from(LEVELS - 1))).collect()
    }

    /// The lines at one height, each closed or from edge to edge of the window.
    ///
    /// On an edge whose ends lie on different sides of the level the line passes where a straight
    /// course of the function would meet it. Through a cell with two high and two low corners
    /// across from each other go two lines; the mean of the corners says which corners they cut
    /// off.
    pub(super) fn lines(&self, level: f64) -> Vec<Vec<Point>> {
        let mut next: BTreeMap<Edge, Vec<Edge>> = BTreeMap::new();
        for row in 0..self.cells[1] {
            for column in 0..self.cells[0] {
                for [from, to] in self.segments(column, row, level) {
                    next.entry(from).or_default().push(to);
                    next.entry(to).or_default().push(from);
                }
            }
        }
        // Open lines first, so that none is begun in its middle.
        let ends: Vec<Edge> = next.iter().filter(|(_, others)| others.len() == 1).map(|(&edge, _)| edge).collect();
        let starts: Vec<Edge> = ends.into_iter().chain(next.keys().copied()).collect();
        let mut lines = Vec::new();
        for start in starts {
            let (mut at, mut line) = (start, vec![self.crossing(start, level)]);
            while let Some(to) = next.get_mut(&at).and_then(Vec::pop) {
                if let Some(back) = next.get_mut(&to)
                    && let Some(i) = back.iter().position(|&edge| edge == at)
                {
                    back.swap_remove(i);
                }
                line.push(self.crossing(to, level));
                at = to;
            }
            if line.len() > 1 {
                lines.push(line);
            }
        }
        lines
    }

    /// The pairs of edges that the line through a cell connects.
    fn segments(&self, column: usize, row: usize, level: f64) -> Vec<[Edge; 2]> {
        let corners = [(0, 0), (1, 0), (1, 1), (0, 1)].map(|(i, j)| self.value(column + i, row + j));
        let above = corners.map(|value| value >= level);
        let edges = [(column, row, true), (column + 1, row, false), (column, row + 1, true), (column, row, false)];
        let crossed: Vec<Edge> = (0..4).filter(|&k| above[k] != above[(k + 1) % 4]).map(|k| edges[k]).collect();
        match crossed[..] {
            [a, b] => vec![[a, b]],
            [a, b, c, d] => {
                let middle = 0.25 * corners.iter().sum::<f64>() >= level;
                // Lines cut off the corners that differ from the middle: the first and third, or
                // the others.
                if above[0] == middle { vec![[a, b], [c, d]] } else { vec![[d, a], [b, c]] }
            }
            _ => Vec::new(),
        }
    }

    /// Where the level lies on an edge.
    fn crossing(&self, (column, row, along_x): Edge, level: f64) -> Point {
        let other = if along_x { (column + 1, row) } else { (column, row + 1) };
        let (a, b) = (self.value(column, row), self.value(other.0, other.1));
        let share = (level - a) / (b - a);
        let (from, to) = (self.place(column, row), self.place(other.0, other.1));
        [0, 1].map(|i| from[i] + share * (to[i] - from[i]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lie_at_their_height() {
        for name in Function::NAMES {
            let function = Function::named(name, 50.0).unwrap();
            let grid = Grid::new(&function);
            let levels = grid.levels();
            assert!(levels.is_sorted() && levels[0] > 0.0, "{name}: {levels:?}");
            for level in &levels[4..] {
                let lines = grid.lines(*level);
                assert!(!lines.is_empty(), "{name} at {level}");
                for &place in lines.iter().flatten() {
                    let value = function.value(place);
                    assert!((value / level - 1.0).abs() < 0.1, "{name}: {value} on the line of {level}");
                }
            }
        }
    }

    #[test]
    fn a_bowl_has_one_closed_line_and_a_slope_open_ones() {
        let grid = Grid::new(&Function::Quadratic { condition: 4.0 });
        let [line] = &grid.lines(0.2)[..] else { panic!("{} lines", grid.lines(0.2).len()) };
        assert_eq!(line[0], line[line.len() - 1]);
        // Of the ellipse of the level 1 the window cuts off the right.
        let [line] = &grid.lines(1.0)[..] else { panic!("{} lines", grid.lines(1.0).len()) };
        assert!((line[0][0] - 0.9).abs() < 1e-12 && (line[line.len() - 1][0] - 0.9).abs() < 1e-12);
    }

    #[test]
    fn the_valleys_of_the_saddle_are_apart_below_the_pass_and_one_above() {
        let grid = Grid::new(&Function::Saddle);
        let rows = |level: f64| -> Vec<bool> {
            grid.lines(level)
                .iter()
                .map(|line| line.iter().any(|p| p[1] > 0.1) && line.iter().any(|p| p[1] < -0.1))
                .collect()
        };
        assert!(rows(0.97).iter().all(|both| !both) && rows(1.05).iter().any(|&both| both));
    }
}
