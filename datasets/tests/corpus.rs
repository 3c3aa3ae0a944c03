//! A corpus of a folder with one file for each thing that can become of a file.

use std::path::{Path, PathBuf};

use datasets::corpus::{Corpus, CorpusSettings, Counted, Family, Reason, build, write};

const MIT: &str = "Permission is hereby granted, free of charge, to any person obtaining a copy … \
                   and this permission notice shall be included";

/// A module of `n` functions, each other than those of other seeds.
fn module(seed: u32, n: u32) -> String {
    let function = |i: u32| {
        format!(
            "def f_{seed}_{i}(x, y):\n    \"\"\"Number {i} of {seed}.\"\"\"\n    return x * {i} + y\n\n\n"
        )
    };
    (0..n).map(function).collect()
}

fn put(root: &Path, path: &str, content: impl AsRef<[u8]>) {
    let file = root.join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, content).unwrap();
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    put(root, "a/LICENSE", MIT);
    put(root, "a/good.py", module(1, 20));
    put(root, "a/other.py", module(2, 20));
    // Spaces at the ends of lines and blank lines do not make another file; a name does.
    put(
        root,
        "a/good_copy.py",
        module(1, 20).replace("\n\n\n", "  \r\n"),
    );
    put(root, "a/nearly.py", module(1, 20) + "x = 1\n");
    put(root, "a/half.py", module(1, 10) + &module(3, 10));
    put(root, "a/tiny.py", "x = 1\n");
    put(root, "a/huge.py", module(4, 20_000));
    put(root, "a/latin.py", b"# \xe9\n".repeat(60));
    put(root, "a/two.py", module(5, 9) + "print 'two'\n");
    put(
        root,
        "a/wide.py",
        module(6, 9) + &format!("x = '{}'\n", "a".repeat(2000)),
    );
    put(root, "a/signs.py", "x = [[], [], (), {}, [[]]]\n".repeat(9));
    put(
        root,
        "a/made.py",
        "# Do not edit.\n".to_owned() + &module(7, 9),
    );
    put(
        root,
        "a/gpl.py",
        "# SPDX-License-Identifier: GPL-3.0\n".to_owned() + &module(8, 9),
    );
    put(root, "b/nobody.py", module(9, 9));
    put(root, "a/.hidden/x.py", module(10, 9));
    put(root, "a/notes.txt", module(11, 9));
    folder
}

fn corpus(root: &Path, settings: &CorpusSettings, n_threads: usize) -> Corpus {
    build(&[root.to_owned()], settings, n_threads, &|_| {}).unwrap()
}

fn ids(corpus: &Corpus) -> Vec<&str> {
    corpus.texts.iter().map(|text| text.id.as_str()).collect()
}

#[test]
fn every_file_is_kept_or_counted() {
    let folder = folder();
    let corpus = corpus(folder.path(), &CorpusSettings::default(), 2);
    assert_eq!(ids(&corpus), ["a/good.py", "a/half.py", "a/other.py"]);
    let stats = &corpus.stats;
    let reasons: Vec<Reason> = stats.dropped.iter().map(|(reason, _)| *reason).collect();
    assert_eq!(
        reasons,
        [
            Reason::TooSmall,
            Reason::TooLarge,
            Reason::NotUtf8,
            Reason::NoLicense,
            Reason::OtherLicense,
            Reason::LongLines,
            Reason::FewLetters,
            Reason::Generated,
            Reason::Syntax,
            Reason::Copy,
            Reason::NearCopy,
        ]
    );
    let dropped: u64 = stats.dropped.iter().map(|(_, count)| count.files).sum();
    assert_eq!((dropped, stats.found.files), (11, 14));
    let bytes: u64 = stats.dropped.iter().map(|(_, count)| count.bytes).sum();
    assert_eq!(bytes + stats.kept.bytes, stats.found.bytes);
    let kept = Counted {
        files: 3,
        bytes: stats.bytes.total,
    };
    assert_eq!(stats.licenses, [("mit".to_owned(), kept)]);
    assert_eq!(stats.other_licenses[0].0, "gpl");
    assert_eq!(corpus.sources[0].license_from, "a/LICENSE");
    assert_eq!(corpus.sources[0].lines, 100);
}

#[test]
fn neither_threads_nor_the_order_of_folders_change_what_is_kept() {
    let folder = folder();
    let settings = CorpusSettings::default();
    let first = corpus(folder.path(), &settings, 1);
    for n_threads in [2, 7] {
        assert!(corpus(folder.path(), &settings, n_threads) == first);
    }
    let both = |folders: [&str; 2]| {
        let folders: Vec<PathBuf> = folders.map(|it| folder.path().join(it)).to_vec();
        build(&folders, &settings, 2, &|_| {}).unwrap().texts
    };
    let kept = both(["a", "b"]);
    assert!(both(["b", "a"]) == kept);
    assert_eq!(kept[0].id, "a/good.py");
}

#[test]
fn settings_decide() {
    let folder = folder();
    let settings = CorpusSettings {
        licenses: None,
        similarity: None,
        ..CorpusSettings::default()
    };
    let corpus = corpus(folder.path(), &settings, 2);
    let ids = ids(&corpus);
    for id in ["a/gpl.py", "a/nearly.py", "b/nobody.py"] {
        assert!(ids.contains(&id), "{id}");
    }
    let only = CorpusSettings {
        licenses: Some(vec![Family::named("GPL").unwrap()]),
        ..CorpusSettings::default()
    };
    let corpus = self::corpus(folder.path(), &only, 2);
    assert_eq!(self::ids(&corpus), ["a/gpl.py"]);
}

#[test]
fn files_are_those_that_training_reads() {
    let folder = folder();
    let corpus = corpus(folder.path(), &CorpusSettings::default(), 2);
    let out = folder.path().join("out/corpus.jsonl");
    let files = write(&corpus, &out).unwrap();
    let names: Vec<_> = files.iter().map(|file| file.file_name().unwrap()).collect();
    assert_eq!(
        names,
        ["corpus.jsonl", "corpus.sources.jsonl", "corpus.stats.json"]
    );
    let text = std::fs::read_to_string(&out).unwrap();
    let read: Vec<harness::training::CorpusText> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(read == corpus.texts);
    let sources = std::fs::read_to_string(&files[1]).unwrap();
    assert_eq!(sources.lines().count(), 3);
    let stats: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&files[2]).unwrap()).unwrap();
    assert_eq!(stats["kept"]["files"], 3);
    let left = std::fs::read_dir(out.parent().unwrap()).unwrap().count();
    assert_eq!(left, 3, "nothing is left beside them");
}

/// A program as deep as a large file can be ends no thread.
#[test]
fn deep_programs_are_no_trouble() {
    let folder = tempfile::tempdir().unwrap();
    // Letters and line ends, so that nothing but the depth is odd about them.
    let parens = |paren: &str| format!("{}  # abcdefghijklmnop\n", paren.repeat(20));
    for (name, open, close) in [
        ("parens", parens("("), parens(")")),
        ("nots", "not\n".to_owned(), String::new()),
        ("sums", "11 +\n".to_owned(), String::new()),
        ("lambdas", "lambda:\n".to_owned(), String::new()),
    ] {
        let n = 900_000 / (open.len() + close.len());
        let text = format!("x = (\n{}1\n{})\n", open.repeat(n), close.repeat(n));
        put(folder.path(), &format!("{name}.py"), text);
    }
    let settings = CorpusSettings {
        licenses: None,
        ..CorpusSettings::default()
    };
    let corpus = corpus(folder.path(), &settings, 2);
    assert_eq!(
        ids(&corpus),
        ["lambdas.py", "nots.py", "parens.py", "sums.py"]
    );
}
