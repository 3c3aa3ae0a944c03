//! What a guest can reach beside its streams.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use harness::execution::{Ending, Grants, Limits, Step};

use crate::support::{session_error, session_with};

/// Standard output of a script under grants.
fn run(grants: &Grants, source: &str) -> String {
    let mut session = session_with(&Limits::default(), grants);
    let execution = session
        .run(&Step::RunScript { source, stdin: b"" })
        .unwrap();
    let stderr = String::from_utf8_lossy(&execution.stderr).into_owned();
    assert_eq!(execution.ending, Ending::Completed, "{stderr}");
    String::from_utf8(execution.stdout).unwrap()
}

const ATTEMPT: &str = "
import os
def attempt(function, *arguments):
    try:
        print(function(*arguments))
    except OSError as error:
        print('refused')
def read(path):
    with open(path) as file: return file.read()
def write(path):
    with open(path, 'w') as file: return file.write('text')
";

fn script(body: &str) -> String {
    format!("{ATTEMPT}\n{body}")
}

#[test]
fn a_scratch_directory_is_writable_and_removed() {
    let temporary = || {
        fs::read_dir(std::env::temp_dir())
            .unwrap()
            .filter(|entry| {
                let path: PathBuf = entry
                    .as_ref()
                    .unwrap()
                    .path()
                    .join("marker-of-the-grants-test");
                path.exists()
            })
            .count()
    };
    let grants = Grants {
        scratch: Some("/work".into()),
        ..Grants::default()
    };
    let mut session = session_with(&Limits::default(), &grants);
    let source = script(
        "attempt(os.listdir, '/work')\nattempt(write, '/work/marker-of-the-grants-test')\nattempt(read, '/work/marker-of-the-grants-test')\nattempt(os.mkdir, '/work/d')",
    );
    let execution = session
        .run(&Step::RunScript {
            source: &source,
            stdin: b"",
        })
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&execution.stdout),
        "[]\n4\ntext\nNone\n"
    );
    assert_eq!(temporary(), 1);
    drop(session);
    assert_eq!(temporary(), 0);
}

#[test]
fn nothing_outside_of_a_grant_is_reached() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let inside = outside.path().join("granted");
    fs::create_dir(&inside).unwrap();
    fs::write(inside.join("file"), "content").unwrap();
    symlink("../secret", inside.join("link")).unwrap();
    symlink(outside.path(), inside.join("directory-link")).unwrap();
    let grants = Grants {
        scratch: Some("/work".into()),
        read_only: vec![(inside.clone(), "/data".into())],
    };
    let output = run(
        &grants,
        &script(
            "attempt(read, '/data/file')
attempt(read, '/data/../secret')
attempt(read, '/data/link')
attempt(read, '/data/directory-link/secret')
attempt(read, '/work/../secret')
attempt(write, '/work/../escaped')
attempt(write, '/escaped')
attempt(os.symlink, '/etc', '/work/etc')
attempt(os.symlink, '../..', '/work/up')
attempt(os.listdir, '/work/up')
attempt(read, '/work/up/etc/passwd')",
        ),
    );
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines[0], "content");
    assert_eq!(lines[1..8], ["refused"; 7]);
    // A link may be made, but does not lead out.
    assert_eq!(lines[9..], ["refused"; 2]);
}

#[test]
fn a_read_only_grant_cannot_be_changed() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "content").unwrap();
    let grants = Grants {
        scratch: None,
        read_only: vec![(directory.path().to_owned(), "/data".into())],
    };
    let output = run(
        &grants,
        &script(
            "attempt(os.listdir, '/data')
attempt(write, '/data/file')
attempt(write, '/data/new')
attempt(os.remove, '/data/file')
attempt(os.rename, '/data/file', '/data/other')
attempt(os.mkdir, '/data/directory')
attempt(os.truncate, '/data/file', 0)
attempt(read, '/data/file')",
        ),
    );
    assert_eq!(
        output,
        format!("['file']\n{}content\n", "refused\n".repeat(6))
    );
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_directory_that_does_not_exist_cannot_be_granted() {
    let grants = Grants {
        scratch: None,
        read_only: vec![("/no/such/directory".into(), "/data".into())],
    };
    let error = session_error(&Limits::default(), &grants);
    assert!(error.contains("/no/such/directory"), "{error}");
}
