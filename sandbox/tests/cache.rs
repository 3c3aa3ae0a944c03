//! Machine code is kept between runs.

use std::cell::Cell;
use std::fs;
use std::thread;

use harness::contract::Executor;
use sandbox::{Sandbox, SandboxError, SandboxOptions};

use crate::support::{options, sandbox};

#[test]
fn a_guest_is_compiled_once_and_again_if_the_file_is_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let options = SandboxOptions {
        cache_dir: directory.path().join("not/yet/there"),
        max_concurrent: 1,
        ..options()
    };
    let compilations = Cell::new(0);
    let open = || {
        let sandbox = Sandbox::new(&options, || compilations.set(compilations.get() + 1));
        sandbox.expect("a sandbox").fingerprint().to_owned()
    };
    let fingerprint = open();
    assert_eq!(compilations.get(), 1);
    assert_eq!(open(), fingerprint);
    assert_eq!(compilations.get(), 1);

    let files = || -> Vec<_> {
        fs::read_dir(&options.cache_dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect()
    };
    assert_eq!(files().len(), 1);
    let file = &files()[0];
    let mut content = fs::read(file).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs::write(file, &content).unwrap();
    open();
    assert_eq!(compilations.get(), 2);
    fs::write(file, b"").unwrap();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                assert_eq!(
                    Sandbox::new(&options.clone(), || ()).unwrap().fingerprint(),
                    fingerprint
                );
            });
        }
    });
    assert_eq!(files().len(), 1, "temporary files are left");
    open();
    assert_eq!(compilations.get(), 2);
}

#[test]
fn what_is_wrong_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let with_guest = |guest| {
        Sandbox::new(
            &SandboxOptions {
                guest,
                cache_dir: directory.path().to_owned(),
                max_concurrent: 1,
            },
            || (),
        )
    };
    let Err(error) = with_guest(directory.path().join("none.wasm")) else {
        panic!("a missing guest was accepted");
    };
    assert!(matches!(error, SandboxError::Guest { .. }));
    assert!(error.to_string().contains("make guest"), "{error}");

    let junk = directory.path().join("junk.wasm");
    fs::write(&junk, b"junk").unwrap();
    let Err(error) = with_guest(junk) else {
        panic!("junk was accepted");
    };
    assert!(matches!(error, SandboxError::Link { .. }), "{error}");
}

#[test]
fn the_fingerprint_names_guest_and_engine() {
    let fingerprint = sandbox().fingerprint();
    assert!(fingerprint.contains("wasmtime-"), "{fingerprint}");
    assert!(fingerprint.len() > 40);
}
