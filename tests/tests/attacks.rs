//! No program of `tests/attacks` gets a verdict that it does not deserve, or leaves anything
//! behind. They are judged by a process in folders of its own.

use std::fs;
use std::path::Path;
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
    for folder in [&current, &temporary, &home] {
        assert_eq!(names(folder), [""; 0]);
    }
    assert_eq!(names(place.path()), ["current", "home", "temporary"]);
}

#[test]
fn the_corpus_is_complete() {
    let folder = e2e::workspace().join("tests/attacks");
    let count = |text: &str, wanted: &str| text.matches(wanted).count();
    let mut attacks = 0;
    for name in names(&folder) {
        let text = fs::read_to_string(folder.join(&name)).unwrap();
        let here = count(&text, "\n[[attack]]\n");
        let passing = count(&text, "\nexpect = \"passed-tests\"\n");
        match name.as_str() {
            "README.md" => {}
            "controls.toml" => assert!(here >= 10 && passing == here, "{passing} of {here}"),
            _ => {
                assert!(here >= 5, "{name} holds {here} attacks");
                assert_eq!(passing, 0, "{name} lets attacks pass");
                attacks += here;
            }
        }
    }
    assert!(attacks >= 300, "{attacks} attacks");
}

/// Sorted names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
