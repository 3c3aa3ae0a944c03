//! What came of a training.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use backend_torch::checkpoint::Checkpoint;
use harness::training::TrainingSettings;
use serde_json::Value;

use super::in_process::train;

/// Contents of the trained model and of the numbers on the way, by path.
pub(super) fn results(out: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![out.join("model")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let inner = path.strip_prefix(out).unwrap().to_owned();
                files.insert(inner, std::fs::read(&path).unwrap());
            }
        }
    }
    for name in ["metrics.jsonl", "trained.json"] {
        files.insert(name.into(), std::fs::read(out.join(name)).unwrap());
    }
    files
}

pub(super) fn assert_same(name: &str, found: &Path, expected: &Path) {
    let (found, expected) = (results(found), results(expected));
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>(),
        "{name}"
    );
    for (path, bytes) in &expected {
        if bytes != &found[path] {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            if path.ends_with("metrics.jsonl") {
                assert_eq!(text(&found[path]), text(bytes), "{name}");
            }
            panic!("{name}: `{}` differs", path.display());
        }
    }
}

pub(super) fn metrics(out: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The values of a key on the way.
pub(super) fn series(out: &Path, key: &str) -> Vec<f64> {
    let lines = metrics(out).into_iter();
    lines.filter_map(|line| line[key].as_f64()).collect()
}

pub(super) fn tensors(folder: &Path) -> BTreeMap<String, Vec<f32>> {
    let checkpoint = Checkpoint::open(folder).unwrap();
    let listed = checkpoint.tensors.list();
    let listed: Vec<(String, Vec<usize>)> = listed
        .map(|(name, shape, _)| (name.to_owned(), shape.to_vec()))
        .collect();
    listed
        .into_iter()
        .map(|(name, shape)| {
            let data = checkpoint.tensors.take(&name, &shape).unwrap().data;
            (name, data)
        })
        .collect()
}

pub(super) fn assert_error(settings: &TrainingSettings, parts: &[&str]) {
    let error = train(settings).expect_err("a training that cannot be");
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "no `{part}` in: {text}");
    }
    assert!(!settings.out.join("trained.json").exists());
}
