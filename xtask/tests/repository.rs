//! The repository this crate lies in is tidy.

#[test]
fn the_repository_is_tidy() {
    let findings = xtask::tidy::tidy(&xtask::root().unwrap()).unwrap();
    let report: Vec<_> = findings.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{} findings:\n{}", report.len(), report.join("\n"));
}
