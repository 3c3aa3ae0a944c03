//! Fingerprints the sources that decide verdicts, so that a verdict cached by another
//! version of the judge is never taken for one of this version.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::Hasher;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=src");
    let mut files = Vec::new();
    collect(Path::new("src"), &mut files);
    files.sort();
    // Fixed keys: the same sources and toolchain give the same number, which is all a
    // cache needs.
    let mut hasher = DefaultHasher::new();
    for file in files {
        let name = file.to_string_lossy().into_owned();
        let content = fs::read(&file).unwrap_or_else(|error| panic!("reading `{name}`: {error}"));
        for part in [name.as_bytes(), &content] {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
    }
    println!(
        "cargo::rustc-env=JUDGE_FINGERPRINT={:016x}",
        hasher.finish()
    );
}

/// Folders that verdicts do not depend on. All else counts, so that a new file does too.
const APART: [&str; 10] = [
    "src/audit",
    "src/config",
    "src/metric",
    "src/overlap",
    "src/prompt",
    "src/runner",
    "src/store",
    "src/strategy",
    "src/study",
    "src/training",
];

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    if APART.iter().any(|apart| path == Path::new(apart)) {
        return;
    }
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a readable source folder") {
            collect(&entry.expect("a readable entry").path(), files);
        }
    } else {
        files.push(path.to_owned());
    }
}
