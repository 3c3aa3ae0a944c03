//! Which package may depend on which: the table of ARCHITECTURE.md, as a test.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Packages of ours that a package may import, and the heavy dependencies it keeps to itself.
const ALLOWED: [(&str, &[&str]); 8] = [
    ("harness", &[]),
    ("datasets", &["harness"]),
    ("sandbox", &["harness"]),
    ("backends", &["harness"]),
    // `backends` for the protocol that it serves.
    ("backend-torch", &["harness", "backends"]),
    ("reports", &["harness"]),
    (
        "harness-cli",
        &["harness", "datasets", "sandbox", "backends", "reports"],
    ),
    (
        "e2e",
        &["harness", "datasets", "sandbox", "backends", "reports"],
    ),
];

/// Dependencies that only one package may have.
const KEPT: [(&str, &[&str]); 8] = [
    ("wasmtime", &["sandbox"]),
    ("wasmtime-wasi", &["sandbox"]),
    ("cap-std", &["sandbox"]),
    ("plotters", &["reports"]),
    ("hf-hub", &["datasets"]),
    ("ureq", &["backends"]),
    ("tch", &["backend-torch"]),
    ("tokenizers", &["backend-torch"]),
];

#[test]
fn packages_import_only_what_they_may() {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(e2e::workspace())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{output:?}");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    // Dev-dependencies may point anywhere: tests use real parts.
    let edges: BTreeMap<&str, BTreeSet<&str>> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|dependency| dependency["kind"].is_null())
                .map(|dependency| dependency["name"].as_str().unwrap())
                .collect();
            (package["name"].as_str().unwrap(), dependencies)
        })
        .collect();
    let ours: BTreeSet<&str> = edges.keys().copied().collect();
    assert_eq!(
        ours,
        ALLOWED.iter().map(|(name, _)| *name).collect(),
        "every package of the workspace is listed"
    );
    for (package, allowed) in ALLOWED {
        for dependency in &edges[package] {
            assert!(
                !ours.contains(dependency) || allowed.contains(dependency),
                "`{package}` may not import `{dependency}`"
            );
        }
    }
    for (dependency, owners) in KEPT {
        for (package, dependencies) in &edges {
            assert!(
                !dependencies.contains(dependency) || owners.contains(package),
                "`{package}` may not depend on `{dependency}`, which {owners:?} keeps to itself"
            );
        }
    }
}
