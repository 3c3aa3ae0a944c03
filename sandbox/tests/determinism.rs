//! The same program uses exactly the same fuel every time, wherever it runs.

use std::thread;

use harness::execution::Execution;

use crate::guest_files::{GuestFile, files};

#[test]
fn facts_repeat_exactly() {
    let run_all = || -> Vec<Execution> {
        files()
            .iter()
            .map(|path| GuestFile::read(path).run())
            .collect()
    };
    let (first, second) = thread::scope(|scope| {
        let first = scope.spawn(run_all);
        let second = scope.spawn(run_all);
        (first.join().expect("a run"), second.join().expect("a run"))
    });
    for ((path, first), second) in files().iter().zip(&first).zip(&second) {
        assert_eq!(first, second, "{}", path.display());
        assert!(first.fuel > 0);
    }
}
