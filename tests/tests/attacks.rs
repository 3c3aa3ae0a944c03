//! No program of `tests/attacks` gets a verdict that it does not deserve, or leaves anything
//! behind. They are judged by a process in folders of its own.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

#[test]
fn no_attack_pays() {
    let place = TempDir::new().unwrap();
    let folder = |name: &str| {
        let path = place.path().join(name);
        fs::create_dir(&path).unwrap();
        path
    };
    let (current, temporary, home) = (folder("current"), folder("temporary"), folder("home"));
    let output = Command::new(env!("CARGO_BIN_EXE_judge-attacks"))
        .current_dir(&current)
        .env("TMPDIR", &temporary)
        .env("HOME", &home)
        .output()
        .unwrap();
    // Without a code it was ended by a signal.
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    for folder in [current, temporary, home] {
        let left: Vec<_> = fs::read_dir(&folder).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
    let left: Vec<_> = fs::read_dir(place.path()).unwrap().collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn the_corpus_is_complete() {
    let attacks = toml_files()
        .map(|text| text.matches("[[attack]]").count())
        .sum::<usize>();
    assert!(attacks >= 120, "{attacks} attacks");
}

fn toml_files() -> impl Iterator<Item = String> {
    fs::read_dir(e2e::workspace().join("tests/attacks"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
}
