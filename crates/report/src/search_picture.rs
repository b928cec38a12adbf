//! Pictures of a search.

use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{RGBColor, WHITE};

use taper_trainer::study::search::{Range, Scores, Space, Trial, alike, importance};

use crate::draw::{Canvas, DrawError, Letters, Panel, Point, TEXT, Window, picture};

/// The best trial, good ones, and poor ones.
const BEST: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
const GOOD: RGBColor = RGBColor(0x00, 0x72, 0xB2);
const POOR: RGBColor = RGBColor(0xDD, 0xD9, 0xD0);

/// Lengths in the picture, pixels.
const LEFT: f64 = 64.0;
const TOP: f64 = 98.0;
const BETWEEN: f64 = 150.0;
const TALL: f64 = 260.0;
const PANEL: [f64; 2] = [230.0, 170.0];
const GAP: [f64; 2] = [66.0, 74.0];
const ACROSS: usize = 3;

/// An SVG of parallel coordinates - a line for each trial through its settings to its accuracy -
/// and below it the accuracy over each setting, with the share of its variance that the setting
/// explains alone.
///
/// # Errors
/// When the library fails.
pub fn draw(title: &str, space: &Space, scores: &Scores) -> Result<String, DrawError> {
    let trials = alike(space, scores);
    let mut ordered = space.ranked(trials.iter().map(|trial| (trial, &scores[trial])));
    ordered.reverse();
    let places: Vec<(&String, &Range)> = space.space.iter().collect();
    let settings: Vec<_> = ordered.iter().map(|trial| space.settings_of(*trial, scores)).collect();
    let shares = |i: usize| places.iter().map(|(place, range)| range.share(&settings[i][*place])).collect::<Vec<_>>();
    let heights = Heights::of(&ordered, scores);
    let rows = places.len().div_ceil(ACROSS);
    let width = (LEFT + BETWEEN * places.len() as f64 + 110.0)
        .max(LEFT + ACROSS.min(places.len()) as f64 * (PANEL[0] + GAP[0]));
    let below = TOP + TALL + 84.0;
    picture([width.max(420.0), below + rows as f64 * (PANEL[1] + GAP[1])], |canvas| {
        canvas.text(title, [14.0, 26.0], Letters::TITLE)?;
        let said = format!("{} trials that were trained alike; the best is orange, darker is better", ordered.len());
        canvas.text(&said, [14.0, 44.0], Letters::SMALL)?;
        let axis = |i: usize| LEFT + BETWEEN * i as f64;
        let at = |i: usize, share: f64| [axis(i), TOP + TALL * (1.0 - share)];
        for (rank, trial) in ordered.iter().enumerate() {
            let mut line: Vec<Point> = shares(rank).into_iter().enumerate().map(|(i, share)| at(i, share)).collect();
            line.push(at(places.len(), heights.share(scores[trial].accuracy)));
            let (color, thick) = look(rank, ordered.len());
            canvas.stroke(&line, color, thick)?;
        }
        for (i, (place, range)) in places.iter().enumerate() {
            canvas.stroke(&[at(i, 0.0), at(i, 1.0)], TEXT, 1.0)?;
            heading(canvas, place, axis(i))?;
            for (share, label) in ends(range) {
                label_on_white(canvas, &label, at(i, share))?;
            }
        }
        canvas.stroke(&[at(places.len(), 0.0), at(places.len(), 1.0)], TEXT, 1.0)?;
        heading(canvas, "accuracy", axis(places.len()))?;
        for share in [0.0, 0.5, 1.0] {
            label_on_white(canvas, &format!("{:.1} %", 100.0 * heights.at(share)), at(places.len(), share))?;
        }
        for (i, (found, (_, range))) in importance(space, scores).iter().zip(&places).enumerate() {
            let corner =
                [LEFT + (i % ACROSS) as f64 * (PANEL[0] + GAP[0]), below + (i / ACROSS) as f64 * (PANEL[1] + GAP[1])];
            let window = Window { low: [-0.03, heights.low], high: [1.03, heights.high] };
            let panel = Panel { window, corner, size: PANEL };
            let percent = panel.ticks(1, 4.0).into_iter().map(|(y, _)| (y, format!("{:.0} %", 100.0 * y)));
            panel.axes(canvas, [&ends(range), &percent.collect::<Vec<_>>()], true)?;
            canvas.text(
                &found.place,
                [corner[0], corner[1] - 22.0],
                Letters { edge: VPos::Bottom, ..Letters::TITLE },
            )?;
            let said = format!("explains {:.0} % alone", 100.0 * found.explains);
            canvas.text(&said, [corner[0], corner[1] - 12.0], Letters::SMALL)?;
            for (rank, trial) in ordered.iter().enumerate() {
                let place = panel.at([shares(rank)[i], scores[trial].accuracy.clamp(heights.low, heights.high)]);
                let color = if rank + 1 == ordered.len() { BEST } else { GOOD };
                canvas.disc(place, if color == BEST { 4.5 } else { 3.0 }, color)?;
            }
        }
        Ok(())
    })
}

/// What stands to the right of a place of an axis, readable over lines.
fn label_on_white(canvas: &mut Canvas<'_>, label: &str, [x, y]: Point) -> Result<(), DrawError> {
    let (left, right) = (x + 3.0, x + 8.0 + 7.0 * label.chars().count() as f64);
    canvas.fill(&[[left, y - 8.0], [right, y - 8.0], [right, y + 8.0], [left, y + 8.0]], WHITE)?;
    canvas.text(label, [x + 6.0, y], Letters::SMALL)
}

fn heading(canvas: &mut Canvas<'_>, place: &str, x: f64) -> Result<(), DrawError> {
    let (section, name) = place.rsplit_once('.').unwrap_or(("", place));
    canvas.text(section, [x, TOP - 30.0], Letters { side: HPos::Left, ..Letters::SMALL })?;
    canvas.text(name, [x, TOP - 10.0], Letters { edge: VPos::Bottom, size: 12.0, ..Letters::TITLE })
}

/// Shares of a range and what is written there: the ends of a number and what is between, or every
/// choice.
fn ends(range: &Range) -> Vec<(f64, String)> {
    match range {
        Range::Choice(values) => values.iter().map(|value| (range.share(value), text(value))).collect(),
        _ => [0.0, 0.5, 1.0].map(|share| (share, text(&range.at(share)))).to_vec(),
    }
}

fn text(value: &toml::Value) -> String {
    match value {
        toml::Value::Float(number) if *number != 0.0 && !(1e-2..1e4).contains(&number.abs()) => {
            format!("{number:.1e}").replace(".0e", "e")
        }
        toml::Value::Float(number) => format!("{number:.3}").trim_end_matches('0').trim_end_matches('.').to_owned(),
        toml::Value::String(name) => name.clone(),
        toml::Value::Table(table) => table.get("name").map_or_else(|| value.to_string(), text),
        other => other.to_string(),
    }
}

/// Color and width of the line of a trial, the best being the last.
fn look(rank: usize, count: usize) -> (RGBColor, f64) {
    if rank + 1 == count {
        return (BEST, 2.5);
    }
    let share = rank as f64 / count.max(2) as f64;
    let mix = |a: u8, b: u8| (f64::from(a) + share.powi(2) * (f64::from(b) - f64::from(a))) as u8;
    (RGBColor(mix(POOR.0, GOOD.0), mix(POOR.1, GOOD.1), mix(POOR.2, GOOD.2)), 1.25)
}

/// The accuracies that the picture shows: trials far below the middle one lie on its lower edge.
struct Heights {
    low: f64,
    high: f64,
}

impl Heights {
    fn of(ordered: &[Trial], scores: &Scores) -> Self {
        let accuracies: Vec<f64> = ordered.iter().map(|trial| scores[trial].accuracy).collect();
        let high = accuracies.iter().copied().fold(0.0, f64::max);
        let least = accuracies.iter().copied().fold(1.0, f64::min);
        let mut sorted = accuracies;
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.get(sorted.len() / 4).copied().unwrap_or(0.0);
        let low = least.max(high - 2.5 * (high - middle).max(0.01));
        Self { low: low - 0.03 * (high - low).max(0.01), high: high + 0.03 * (high - low).max(0.01) }
    }

    fn share(&self, accuracy: f64) -> f64 {
        ((accuracy - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    fn at(&self, share: f64) -> f64 {
        self.low + share * (self.high - self.low)
    }
}

/// Trials over two settings: a name, and for each its shares of both ranges and its accuracy.
#[derive(Clone, Debug)]
pub struct Dots {
    /// What is written over them.
    pub name: String,
    /// Shares of both ranges, accuracy.
    pub trials: Vec<([f64; 2], f64)>,
}

/// An SVG of searches over the same two settings side by side, with marks on the edges for the
/// values that each setting was tried at: as in Bergstra and Bengio 2012, a grid tries few values
/// of the setting that matters.
///
/// # Errors
/// When the library fails.
pub fn side_by_side(
    title: &str,
    [(across, x), (up, y)]: [(&str, &Range); 2],
    searches: &[Dots],
) -> Result<String, DrawError> {
    let side = 300.0;
    let width = LEFT + 20.0 + searches.len() as f64 * (side + 90.0);
    let all = || searches.iter().flat_map(|dots| &dots.trials).map(|(_, accuracy)| *accuracy);
    let most = all().fold(0.0, f64::max);
    let mut sorted: Vec<f64> = all().collect();
    sorted.sort_by(f64::total_cmp);
    let rank = |accuracy: f64| sorted.partition_point(|other| *other < accuracy);
    picture([width, TOP + side + 110.0], |canvas| {
        canvas.text(title, [14.0, 26.0], Letters::TITLE)?;
        for (i, dots) in searches.iter().enumerate() {
            let corner = [LEFT + 20.0 + i as f64 * (side + 90.0), TOP];
            let panel = Panel { window: Window { low: [-0.04; 2], high: [1.04; 2] }, corner, size: [side; 2] };
            panel.axes(canvas, [&ends(x), &ends(y)], false)?;
            canvas.text(&dots.name, [corner[0], corner[1] - 26.0], Letters::TITLE)?;
            let best = dots.trials.iter().map(|(_, accuracy)| *accuracy).fold(0.0, f64::max);
            for axis in 0..2 {
                let mut values: Vec<f64> = dots.trials.iter().map(|(place, _)| place[axis]).collect();
                values.sort_by(f64::total_cmp);
                values.dedup_by(|a, b| (*a - *b).abs() < 1e-9);
                for value in &values {
                    let ends =
                        if axis == 0 { [[*value, 1.04], [*value, 1.075]] } else { [[1.04, *value], [1.075, *value]] };
                    canvas.stroke(&ends.map(|place| panel.at(place)), GOOD, 1.5)?;
                }
                let said = format!("{} values of {}", values.len(), [across, up][axis]);
                let place = [corner[0], corner[1] + side + 52.0 + 16.0 * axis as f64];
                canvas.text(&said, place, Letters::SMALL)?;
            }
            let said = format!("best accuracy {:.1} % of {} trials", 100.0 * best, dots.trials.len());
            canvas.text(&said, [corner[0], corner[1] + side + 36.0], Letters { color: TEXT, ..Letters::SMALL })?;
            for (place, accuracy) in &dots.trials {
                let (color, _) = look(rank(*accuracy), sorted.len());
                let color = if *accuracy == most || *accuracy == best { BEST } else { color };
                canvas.disc(panel.at(*place), 5.0, color)?;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use taper_trainer::study::search::Score;

    #[test]
    fn every_trial_and_setting_is_in_the_picture() {
        let text = "trials = 5\n[space]\n\"optimize.lr\" = { log = [1e-4, 1.0] }\n\"optimize.rule\" = { choice = [\"sgd\", { name = \"lion\", beta2 = 0.9 }] }\n";
        let space = Space::parse(text, "s".as_ref()).unwrap();
        let mut scores = Scores::new();
        for number in 0..5 {
            let accuracy = if number == 2 { 0.0 } else { 0.5 + 0.1 * number as f64 };
            scores.insert(Trial { number, rung: 0 }, Score { accuracy, loss: 1.0 });
        }
        let svg = draw("a search", &space, &scores).unwrap();
        for word in ["a search", "optimize.lr", "lion", "sgd", "accuracy", "1e-4", "explains"] {
            assert!(svg.contains(word), "{word}");
        }
        assert!(svg.matches("<polyline").count() > 5 + svg.matches("#E5E2DB").count());
        assert_eq!(svg.matches("<circle").count(), 10);
        assert!(draw("none", &space, &Scores::new()).is_ok());
        let dots = Dots { name: "grid".into(), trials: vec![([0.0, 0.5], 0.5), ([0.0, 1.0], 0.75)] };
        let both = [("rate", &space.space["optimize.lr"]), ("rule", &space.space["optimize.rule"])];
        let svg = side_by_side("two", both, &[dots]).unwrap();
        assert!(
            svg.contains("1 values of rate") && svg.contains("2 values of rule") && svg.contains("75.0 %"),
            "{svg}"
        );
    }
}
