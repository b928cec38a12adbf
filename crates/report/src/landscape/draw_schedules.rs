//! Schedules side by side.

use plotters::style::text_anchor::{HPos, VPos};

use super::NamedSchedule;
use crate::draw::{DrawError, Letters, Panel, Pen, Point, Window, picture};

/// Places in the picture, pixels.
const COLUMNS: usize = 3;
const LEFT: f64 = 42.0;
const TOP: f64 = 52.0;
const SIZE: [f64; 2] = [218.0, 92.0];
const PITCH: [f64; 2] = [262.0, 172.0];

/// An SVG with a small chart for each schedule: the factor of the base rate against the step, under
/// the name and how it is made.
///
/// # Errors
/// [`DrawError`] when the library fails.
pub fn draw_schedules(schedules: &[NamedSchedule]) -> Result<String, DrawError> {
    let columns = schedules.len().clamp(1, COLUMNS);
    let rows = schedules.len().div_ceil(COLUMNS).max(1);
    let size = [columns as f64 * PITCH[0] + 12.0, rows as f64 * PITCH[1] + 16.0];
    picture(size, |canvas| {
        for (index, schedule) in schedules.iter().enumerate() {
            let place = [index % COLUMNS, index / COLUMNS];
            let corner = [LEFT + place[0] as f64 * PITCH[0], TOP + place[1] as f64 * PITCH[1]];
            let steps = schedule.factors.len() as f64;
            let window = Window { low: [0.0, 0.0], high: [steps, 1.05] };
            let panel = Panel { window, corner, size: SIZE };
            let above = |up: f64| [corner[0], corner[1] - up];
            canvas.text(&schedule.name, above(23.0), Letters::TITLE)?;
            canvas.text(&schedule.expression, above(8.0), Letters { edge: VPos::Bottom, ..Letters::SMALL })?;
            panel.axes(canvas, [&panel.ticks(0, 4.0), &panel.ticks(1, 3.0)], true)?;
            let below = Letters { side: HPos::Center, edge: VPos::Top, ..Letters::SMALL };
            canvas.text("step", [corner[0] + 0.5 * SIZE[0], corner[1] + SIZE[1] + 21.0], below)?;
            let points: Vec<Point> =
                schedule.factors.iter().enumerate().map(|(step, &factor)| [step as f64, factor]).collect();
            for line in panel.lines(&points) {
                Pen { index: 0 }.line(canvas, &line)?;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::super::schedules;
    use super::*;

    #[test]
    fn every_schedule_has_its_chart() {
        let all = schedules("all", 100).unwrap();
        let svg = draw_schedules(&all).unwrap();
        for schedule in &all {
            assert!(svg.contains(&format!("\n{}\n", schedule.name)), "{}", schedule.name);
        }
        assert!(svg.contains("\nOneCycle::new(100, default)\n"));
    }
}
