//! Captions of scenes by a grammar: what is there, how many of each, and what lies where.
//!
//! For trying a captioner, and for tests. What is said of a scene is always true of its boxes.

use std::collections::BTreeSet;

use taper_tensor::Rng;

use crate::text::tokens;

/// A thing in a scene.
#[derive(Clone, Debug, PartialEq)]
pub struct Thing {
    /// What it is called, such as `fire engine`.
    pub name: String,
    /// Its box: left, upper, right and lower edge, pixels from the upper left corner.
    pub edges: [f32; 4],
}

impl Thing {
    fn middle(&self) -> (f32, f32) {
        let [x1, y1, x2, y2] = self.edges;
        ((x1 + x2) / 2.0, (y1 + y2) / 2.0)
    }
}

/// All things of one name.
#[derive(Debug)]
struct Group<'a> {
    name: &'a str,
    things: Vec<&'a Thing>,
}

/// Where one group lies, seen from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Left,
    Right,
    Above,
    Below,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
            Self::Above => Self::Below,
            Self::Below => Self::Above,
        }
    }

    /// How it is said.
    fn phrases(self) -> &'static [&'static str] {
        match self {
            Self::Left => &["left of", "to the left of"],
            Self::Right => &["right of", "to the right of"],
            Self::Above => &["above", "over"],
            Self::Below => &["below", "under"],
        }
    }
}

const NUMBERS: [&str; 7] = ["no", "a", "two", "three", "four", "five", "six"];

impl Group<'_> {
    /// It as a noun with its number.
    fn phrase(&self) -> String {
        match self.things.len() {
            1 => format!("{} {}", if self.name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }, self.name),
            count => format!("{} {}", NUMBERS.get(count).unwrap_or(&"many"), plural(self.name)),
        }
    }

    /// The mean of the middles of its things.
    fn middle(&self) -> (f32, f32) {
        let count = self.things.len() as f32;
        let sum = self.things.iter().map(|thing| thing.middle()).fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
        (sum.0 / count, sum.1 / count)
    }

    /// Where this lies of another: on a side where all middles of the one lie before all of the
    /// other, the one of two such sides along which the groups are further apart.
    fn side(&self, of: &Self) -> Option<Side> {
        let extent = |group: &Self, axis: fn((f32, f32)) -> f32| {
            let places = group.things.iter().map(|thing| axis(thing.middle()));
            places.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
        };
        let along = |axis: fn((f32, f32)) -> f32, before, behind| {
            let (own, other) = (extent(self, axis), extent(of, axis));
            let apart = (axis(self.middle()) - axis(of.middle())).abs();
            match () {
                () if own.1 < other.0 => Some((before, apart)),
                () if own.0 > other.1 => Some((behind, apart)),
                () => None,
            }
        };
        let (x, y) = (along(|at| at.0, Side::Left, Side::Right), along(|at| at.1, Side::Above, Side::Below));
        let sides = x.into_iter().chain(y);
        sides.reduce(|a, b| if b.1 > a.1 { b } else { a }).map(|(side, _)| side)
    }
}

/// Words whose plural is their own.
const ALIKE: [&str; 4] = ["bread", "clothing", "food", "sheep"];

/// The plural of a noun.
fn plural(name: &str) -> String {
    let ending = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    let before_y = name.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']));
    match (name, before_y) {
        (name, _) if ALIKE.contains(&name) => name.to_owned(),
        ("person", _) => "people".to_owned(),
        ("mouse", _) => "mice".to_owned(),
        ("tomato" | "potato" | "mango", _) => format!("{name}es"),
        (_, Some(stem)) => format!("{stem}ies"),
        _ if ending(&["s", "x", "ch", "sh"]) => format!("{name}es"),
        _ => format!("{name}s"),
    }
}

/// Up to `count` captions of a scene, no two of the same words, drawn from `rng`; of a scene
/// without things, or with few ways to say what there is, fewer.
///
/// # Examples
/// ```
/// use taper_caption::data::grammar::{Thing, captions};
/// use taper_tensor::Rng;
/// let thing = |name: &str, x: f32| Thing { name: name.into(), edges: [x, 0.0, x + 9.0, 9.0] };
/// let scene = [thing("badger", 0.0), thing("apple", 30.0), thing("apple", 50.0)];
/// let said = captions(&scene, 5, &mut Rng::new(0));
/// assert_eq!(said.len(), 5);
/// assert!(said.iter().any(|caption| caption.contains("two apples")), "{said:?}");
/// ```
pub fn captions(scene: &[Thing], count: usize, rng: &mut Rng) -> Vec<String> {
    let names: BTreeSet<&str> = scene.iter().map(|thing| &*thing.name).collect();
    let of = |name| Group { name, things: scene.iter().filter(|thing| thing.name == name).collect() };
    let mut groups: Vec<Group<'_>> = names.into_iter().map(of).collect();
    // From the left to the right, as one reads.
    groups.sort_by(|a, b| a.middle().0.total_cmp(&b.middle().0));
    let mut ways = match &*groups {
        [] => return Vec::new(),
        [one] => single(one),
        [a, b] => pair(a, b),
        many => list(many),
    };
    rng.shuffle(&mut ways);
    ways.truncate(count);
    debug_assert!(ways.iter().all(|way| !tokens(way).is_empty()));
    ways
}

/// All that is said of things of one name.
fn single(group: &Group<'_>) -> Vec<String> {
    let (what, are) = (group.phrase(), if group.things.len() == 1 { "is" } else { "are" });
    vec![
        what.clone(),
        format!("there {are} {what}"),
        format!("a picture of {what}"),
        format!("{what} and nothing else"),
        format!("only {what} can be seen"),
    ]
}

/// All that is said of two groups.
fn pair(a: &Group<'_>, b: &Group<'_>) -> Vec<String> {
    let (one, two) = (a.phrase(), b.phrase());
    let Some(side) = a.side(b) else {
        return list_of(&[one, two]);
    };
    let mut ways = Vec::new();
    for (first, side, second) in [(&one, side, &two), (&two, side.other(), &one)] {
        for phrase in side.phrases() {
            ways.push(format!("{first} {phrase} {second}"));
        }
        ways.push(format!("there {} {first} {} {second}", be(first), side.phrases()[0]));
    }
    ways
}

/// All that is said of more groups: that they are there, and where the first lies of the second.
fn list(groups: &[Group<'_>]) -> Vec<String> {
    let phrases: Vec<String> = groups.iter().map(Group::phrase).collect();
    let mut ways = list_of(&phrases);
    if let Some(side) = groups[0].side(&groups[1]) {
        let rest = enumerated(&phrases[2..]);
        let phrase = side.phrases()[0];
        ways.push(format!("{} {phrase} {} with {rest}", phrases[0], phrases[1]));
    }
    ways
}

/// That things are there, in several orders.
fn list_of(phrases: &[String]) -> Vec<String> {
    let backwards: Vec<String> = phrases.iter().rev().cloned().collect();
    vec![
        enumerated(phrases),
        enumerated(&backwards),
        format!("a picture of {}", enumerated(phrases)),
        format!("there {} {}", be(&phrases[0]), enumerated(phrases)),
    ]
}

fn be(phrase: &str) -> &'static str {
    if phrase.starts_with("a ") || phrase.starts_with("an ") { "is" } else { "are" }
}

fn enumerated(phrases: &[String]) -> String {
    match phrases {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene(things: &[(&str, f32, f32)]) -> Vec<Thing> {
        let thing = |&(name, x, y): &(&str, f32, f32)| Thing { name: name.into(), edges: [x, y, x + 8.0, y + 8.0] };
        things.iter().map(thing).collect()
    }

    /// All that may be said.
    fn all(things: &[(&str, f32, f32)]) -> Vec<String> {
        captions(&scene(things), 100, &mut Rng::new(1))
    }

    #[test]
    fn what_is_said_is_where_the_boxes_are() {
        let said = all(&[("badger", 0.0, 3.0), ("apple", 20.0, 0.0), ("apple", 40.0, 9.0)]);
        for wanted in ["a badger left of two apples", "two apples to the right of a badger"] {
            assert!(said.contains(&wanted.to_owned()), "{said:?}");
        }
        assert!(said.iter().all(|way| !way.contains("apples left") && !way.contains("badger right")), "{said:?}");
        let said = all(&[("apple", 0.0, 30.0), ("owl", 10.0, 0.0)]);
        assert!(said.contains(&"an owl above an apple".to_owned()), "{said:?}");
        assert!(said.contains(&"there is an apple below an owl".to_owned()), "{said:?}");
        // One between two others is on no side of them.
        let said = all(&[("apple", 0.0, 0.0), ("dog", 20.0, 20.0), ("apple", 40.0, 40.0)]);
        assert!(said.iter().all(|way| way.contains(" and ")), "{said:?}");
    }

    #[test]
    fn nouns_have_their_number_and_no_caption_comes_twice() {
        let three =
            [("fox", 0.0, 0.0), ("fox", 1.0, 0.0), ("berry", 20.0, 0.0), ("bus", 40.0, 0.0), ("bus", 41.0, 0.0)];
        let said = all(&three);
        assert!(said.contains(&"two foxes, a berry and two buses".to_owned()), "{said:?}");
        assert!(said.contains(&"two foxes left of a berry with two buses".to_owned()), "{said:?}");
        assert_eq!([plural("berry"), plural("monkey"), plural("person")], ["berries", "monkeys", "people"]);
        for things in [&three[..1], &three[..3], &three[..]] {
            let all = all(things);
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{all:?}");
        }
        assert!(all(&[]).is_empty());
        assert_eq!(captions(&scene(&three), 2, &mut Rng::new(3)), captions(&scene(&three), 2, &mut Rng::new(3)));
    }
}
