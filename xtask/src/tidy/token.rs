//! Rust source as words and signs, without comments and literals.
//!
//! Not a parser: just enough that a word in a comment, a string or a test is not taken for code.

/// A word (identifier, keyword, number) or a single sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// As written.
    pub text: String,
    /// Counted from 1.
    pub line: usize,
    /// Whether it is compiled for tests only.
    pub test: bool,
}

/// A comment of one line, `//`, `///` or `//!`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// From its first sign on.
    pub text: String,
    /// Counted from 1.
    pub line: usize,
}

/// The comments of one line in a source file.
#[must_use]
pub fn comments(source: &str) -> Vec<Comment> {
    let chars: Vec<char> = source.chars().collect();
    let mut found = vec![];
    let (mut i, mut line) = (0, 1);
    while i < chars.len() {
        let end = skip(&chars, i).max(i + 1);
        if chars[i..].starts_with(&['/', '/']) {
            found.push(Comment { text: chars[i..end].iter().collect(), line });
        }
        line += chars[i..end].iter().filter(|c| **c == '\n').count();
        i = end;
    }
    found
}

/// The tokens of a source file, those of `#[test]` and `#[cfg(test)]` items marked.
#[must_use]
pub fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let mut found = vec![];
    let (mut i, mut line) = (0, 1);
    while i < chars.len() {
        let end = skip(&chars, i);
        if end == i {
            let is_word = |c: &&char| c.is_alphanumeric() || **c == '_';
            let end = i + chars[i..].iter().take_while(is_word).count().max(1);
            let text: String = chars[i..end].iter().collect();
            if !chars[i].is_whitespace() {
                found.push(Token { text, line, test: false });
            }
            line += usize::from(chars[i] == '\n');
            i = end;
        } else {
            line += chars[i..end].iter().filter(|c| **c == '\n').count();
            i = end;
        }
    }
    mark_tests(&mut found);
    found
}

/// The end of the comment or literal that begins at `i`, or `i` where none does.
fn skip(chars: &[char], i: usize) -> usize {
    let at = |k: usize| chars.get(k).copied().unwrap_or('\0');
    let until = |from: usize, sign: char| {
        let mut k = from;
        while k < chars.len() && at(k) != sign {
            k += 1 + usize::from(at(k) == '\\');
        }
        (k + 1).min(chars.len())
    };
    match (at(i), at(i + 1)) {
        ('/', '/') => i + chars[i..].iter().take_while(|c| **c != '\n').count(),
        ('/', '*') => {
            let (mut k, mut depth) = (i + 2, 1);
            while k < chars.len() && depth > 0 {
                match (at(k), at(k + 1)) {
                    ('/', '*') => (k, depth) = (k + 2, depth + 1),
                    ('*', '/') => (k, depth) = (k + 2, depth - 1),
                    _ => k += 1,
                }
            }
            k.min(chars.len())
        }
        ('"', _) => until(i + 1, '"'),
        ('\'', '\\') => until(i + 1, '\''),
        ('\'', _) if at(i + 2) == '\'' => i + 3,
        // r"", br"", cr"": no escapes, and as many # after the end as before the beginning.
        ('r', _) | ('b' | 'c', 'r') if i == 0 || !(at(i - 1).is_alphanumeric() || at(i - 1) == '_') => {
            let hash = i + 1 + usize::from(at(i) != 'r');
            let count = chars[hash.min(chars.len())..].iter().take_while(|c| **c == '#').count();
            if at(hash + count) != '"' {
                return i;
            }
            let mut k = hash + count + 1;
            let closes = |k: usize| at(k) == '"' && (1..=count).all(|h| at(k + h) == '#');
            while k < chars.len() && !closes(k) {
                k += 1;
            }
            (k + 1 + count).min(chars.len())
        }
        _ => i,
    }
}

/// Whether these words stand at the beginning of `tokens`, one after another.
#[must_use]
pub fn starts_with(tokens: &[Token], words: &[&str]) -> bool {
    tokens.len() >= words.len() && tokens.iter().zip(words).all(|(token, word)| token.text == *word)
}

/// Where the bracket that opens at `tokens[open]` closes; the last token if it never does.
#[must_use]
pub fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0usize;
    for (i, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return i;
        }
    }
    tokens.len().saturating_sub(1)
}

/// Whether an attribute that begins here is there for tests only.
fn for_tests(tokens: &[Token]) -> bool {
    let forms: [&[&str]; 3] = [
        &["#", "[", "test", "]"],
        &["#", "[", "cfg", "(", "test", ")", "]"],
        &["#", "[", "cfg", "(", "all", "(", "test", ","],
    ];
    forms.iter().any(|form| starts_with(tokens, form))
}

/// The last token of the item whose attributes begin at `start`.
fn item_end(tokens: &[Token], start: usize) -> usize {
    let mut i = start;
    while i < tokens.len() {
        match tokens[i].text.as_str() {
            ";" => return i,
            "{" => return closing(tokens, i),
            "(" | "[" => i = closing(tokens, i) + 1,
            _ => i += 1,
        }
    }
    tokens.len().saturating_sub(1)
}

fn mark_tests(tokens: &mut [Token]) {
    let mut i = 0;
    while i < tokens.len() {
        let whole_file = starts_with(&tokens[i..], &["#", "!", "[", "cfg", "(", "test", ")", "]"]);
        let end = match for_tests(&tokens[i..]) {
            _ if whole_file => tokens.len() - 1,
            true => item_end(tokens, i),
            false => {
                i += 1;
                continue;
            }
        };
        tokens[i..=end].iter_mut().for_each(|t| t.test = true);
        i = end + 1;
    }
}

/// The names of the modules in files of their own that are declared for tests only.
#[must_use]
pub fn test_modules(tokens: &[Token]) -> Vec<&str> {
    let declared = tokens.windows(3).filter(|w| w[0].test && w[0].text == "mod" && w[2].text == ";");
    declared.map(|w| w[1].text.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> Vec<String> {
        tokens(source).into_iter().map(|t| t.text).collect()
    }

    #[test]
    fn comments_and_literals_vanish() {
        assert_eq!(words("a // b\n/* c /* d */ e */ f /// g"), ["a", "f"]);
        assert_eq!(words(r#"x("a \" b", b"c", 'd', '\'', b'e', '"') y"#), words("x(,b,,,b,) y"));
        assert_eq!(words("r\"\\\" z r##\"a\"# b\"## br#\"c\"# end"), ["z", "end"]);
    }

    #[test]
    fn comments_of_one_line_are_no_strings() {
        let found = comments("a // b\n/* // c */ \"// d\"\n/// e // f");
        let found: Vec<_> = found.iter().map(|c| (c.line, c.text.as_str())).collect();
        assert_eq!(found, [(1, "// b"), (3, "/// e // f")]);
    }

    #[test]
    fn lifetimes_raw_names_and_numbers_stay() {
        assert_eq!(words("&'a str"), ["&", "'", "a", "str"]);
        assert_eq!(words("r#type for_r \"x\" 1_0"), ["r", "#", "type", "for_r", "1_0"]);
        assert_eq!(words("open \"never closed"), ["open"]);
        assert_eq!(words("r"), ["r"]);
        assert!(words("").is_empty());
    }

    #[test]
    fn lines_count_through_comments_and_strings() {
        let source = "a\n/* \n */ b \"\n\n\" c";
        let lines: Vec<_> = tokens(source).iter().map(|t| t.line).collect();
        assert_eq!(lines, [1, 3, 5]);
    }

    #[test]
    fn test_items_are_marked_to_their_end() {
        let source = "fn a() {} #[cfg(test)] mod t { fn b() { x } } #[cfg(not(test))] fn c() {}
            #[test] #[should_panic] fn d(x: [u8; 2]) { y } #[cfg(all(test, unix))] use e; fn f() {}";
        let code: Vec<_> = tokens(source).into_iter().filter(|t| !t.test).map(|t| t.text).collect();
        let left = words("fn a() {} #[cfg(not(test))] fn c() {} fn f() {}");
        assert_eq!(code, left);
        assert!(tokens("#![cfg(test)] fn a() {}").iter().all(|t| t.test));
    }

    #[test]
    fn only_modules_for_tests_in_files_of_their_own_are_named() {
        let source = "mod a; #[cfg(test)] mod b; #[cfg(test)] mod c { mod d; } #[cfg(test)] mod e {}";
        assert_eq!(test_modules(&tokens(source)), ["b", "d"]);
    }
}
