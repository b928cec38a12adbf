//! What came out.

use super::process::When;

/// The runs of a recipe.
#[derive(Clone, Debug)]
pub(super) struct Row {
    name: &'static str,
    /// Kills before anything was written down, after that, and when the training was over.
    kills: [u32; 3],
    runs: u32,
    equal: u32,
}

impl Row {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, kills: [0; 3], runs: 0, equal: 0 }
    }

    pub(super) fn killed(&mut self, when: When) {
        let column = match when {
            When::Before => 0,
            When::Between => 1,
            When::After => 2,
        };
        self.kills[column] += 1;
    }

    pub(super) fn ended(&mut self, equal: bool) {
        self.runs += 1;
        self.equal += u32::from(equal);
    }

    pub(super) fn kills(&self) -> u32 {
        self.kills.iter().sum()
    }

    pub(super) fn well(&self) -> bool {
        self.equal == self.runs
    }
}

/// A row for each recipe, and one for all.
pub(super) fn table(rows: &[Row]) -> String {
    let mut all = Row::new("all");
    for row in rows {
        (all.runs, all.equal) = (all.runs + row.runs, all.equal + row.equal);
        all.kills.iter_mut().zip(row.kills).for_each(|(sum, kills)| *sum += kills);
    }
    let line = |row: &Row| {
        let [before, between, after] = row.kills;
        let (kills, Row { name, runs, equal, .. }) = (row.kills(), row);
        format!("| {name} | {kills} | {before} | {between} | {after} | {runs} | {equal} |")
    };
    let head = "| recipe | kills | before the first checkpoint | between | after the last step | runs that went on | equal |\n\
                |---|---|---|---|---|---|---|";
    let lines = rows.iter().chain([&all]).map(line);
    [head.to_owned()].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_summed_and_one_that_differs_shows() {
        let (mut one, mut two) = (Row::new("one"), Row::new("two"));
        [When::Before, When::Between, When::Between].into_iter().for_each(|when| one.killed(when));
        two.killed(When::After);
        one.ended(true);
        two.ended(false);
        assert!(one.well() && !two.well());
        let text = table(&[one, two]);
        let lines: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(
            lines,
            ["| one | 3 | 1 | 2 | 0 | 1 | 1 |", "| two | 1 | 0 | 0 | 1 | 1 | 0 |", "| all | 4 | 1 | 2 | 1 | 2 | 1 |"]
        );
    }
}
