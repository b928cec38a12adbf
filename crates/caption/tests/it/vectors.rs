//! Files of word vectors, whole and broken.

use std::path::{Path, PathBuf};

use taper_caption::vectors::{WordVectors, read};

use crate::golden_file::path;

/// A file with this content.
fn file(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn binary(words: &[(&str, [f32; 2])], lines: &str) -> Vec<u8> {
    let mut bytes = format!("{} 2\n", words.len()).into_bytes();
    for (word, vector) in words {
        bytes.extend(word.bytes().chain([b' ']));
        bytes.extend(vector.iter().flat_map(|x| x.to_le_bytes()));
        bytes.extend(lines.bytes());
    }
    bytes
}

#[test]
fn a_part_of_gloves_file_is_read() {
    let vectors = read(path("glove.50d.txt").as_ref(), |word| word != "left").unwrap();
    assert_eq!(vectors.width, 50);
    assert_eq!(vectors.words.keys().collect::<Vec<_>>(), ["a", "apples", "cat", "dog", "of", "two"]);
    assert_eq!(vectors.words["of"][..3], [0.70853, 0.57088, -0.4716]);
}

#[test]
fn every_form_gives_the_same_vectors() {
    let place = tempfile::tempdir().unwrap();
    let words = [("cat", [0.5, -1.0]), ("dög", [1e-3, 2.0]), ("new york", [3.0, 4.0])];
    let of = |path: &Path| read(path, |word| word != "cat").unwrap();
    let wanted = |words: &[(&str, [f32; 2])]| WordVectors {
        width: 2,
        words: words.iter().map(|(word, vector)| ((*word).to_owned(), vector.to_vec())).collect(),
    };
    let lines = "cat 0.5 -1.0\ndög 1e-3 2.0\nnew york 3 4\n";
    let glove = file(place.path(), "glove.txt", lines.as_bytes());
    assert_eq!(of(&glove), wanted(&words[1..]));
    let text = file(place.path(), "word2vec.txt", format!("3 2\n{}", lines.replace('\n', " \r\n")).as_bytes());
    assert_eq!(of(&text), wanted(&words[1..]));
    // A word of a binary file ends at its space.
    for end in ["", "\n"] {
        let binary = file(place.path(), "vectors.bin", &binary(&words[..2], end));
        assert_eq!(of(&binary), wanted(&words[1..2]));
    }
    // The first of two counts.
    let twice = file(place.path(), "twice.txt", b"dog 1 2\ndog 3 4\n");
    assert_eq!(of(&twice).words["dog"], [1.0, 2.0]);
}

#[test]
fn what_is_wrong_is_named_with_its_line_or_word() {
    let place = tempfile::tempdir().unwrap();
    let said = |name: &str, bytes: &[u8]| {
        let error = read(&file(place.path(), name, bytes), |_| true).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
        error
    };
    for (text, words) in [
        (&b""[..], &["no word vectors"][..]),
        (b"hello\n", &["no word vectors", "hello"]),
        (b"<html> <body>\n", &["no word vectors", "<html>"]),
        (b"\xff\xfe 1 2\n", &["no word vectors"]),
        (b"3 100000\na 1\n", &["no word vectors"]),
        (b"cat 1 2\ndog 1\n", &["line 2", "2 numbers"]),
        (b"cat 1 2\ndog 1 x\n", &["line 2", "finite number", "\"x\""]),
        (b"cat 1 2\ndog 1 nan\n", &["line 2", "finite number"]),
        (b"cat 1 2\n\xe9t\xe9 1 2\n", &["line 2", "UTF-8"]),
        (b"3 2\ncat 1 2\ndog 1 2\n", &["line 1", "that follow, 2", "got 3"]),
        (b"2 2\ncat 1 2\ndog 1 2 \nowl 1 2\n", &["line 1", "that follow, 3"]),
    ] {
        let error = said("broken.txt", text);
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    }
    let whole = binary(&[("cat", [1.0, 2.0]), ("dog", [3.0, 4.0])], "");
    for length in 4..whole.len() {
        let error = said("short.bin", &whole[..length]);
        assert!(error.contains("of 2") || error.contains("no word vectors") || error.contains("line"), "{error}");
    }
    let error = said("nan.bin", &binary(&[("cat", [1.0, f32::NAN])], ""));
    assert!(error.contains("word 1 of 1") && error.contains("finite"), "{error}");
    assert!(read(Path::new("nowhere.txt"), |_| true).unwrap_err().to_string().contains("cannot read nowhere.txt"));
}
