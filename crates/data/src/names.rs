//! Many names in one piece of memory.

/// Names by number, without an allocation for each: of two million there are tens of megabytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    text: String,
    ends: Vec<u64>,
}

impl Names {
    /// Adds a name.
    pub(crate) fn push(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends.push(self.text.len() as u64);
    }

    /// The name of a number below [`len`](Self::len); nothing beyond.
    pub(crate) fn get(&self, index: usize) -> &str {
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |&end| end as usize);
        self.ends.get(index).and_then(|&end| self.text.get(start..end as usize)).unwrap_or_default()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }
}

impl<'a> FromIterator<&'a str> for Names {
    fn from_iter<T: IntoIterator<Item = &'a str>>(names: T) -> Self {
        let mut all = Self::default();
        names.into_iter().for_each(|name| all.push(name));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        let names: Names = ["one", "", "drei é", "4"].into_iter().collect();
        assert_eq!([0, 1, 2, 3, 4].map(|i| names.get(i)), ["one", "", "drei é", "4", ""]);
        assert_eq!(names.len(), 4);
    }
}
