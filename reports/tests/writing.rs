//! Folders that cannot be written, and folders that were there before.

use std::fs;

use reports::{ReportError, write_report};

use crate::fixture::{self, Shape};

#[test]
fn errors_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    // A folder stands where a file shall go; holds for every user, unlike permissions.
    let taken = folder.path().join("tables/pass-at-k.strict.tex");
    fs::create_dir_all(taken.join("inside")).unwrap();
    let error = write_report(&fixture::input(&Shape::default()), folder.path()).unwrap_err();
    assert!(matches!(&error, ReportError::Write { path, .. } if *path == taken));
    assert!(
        error.to_string().contains("pass-at-k.strict.tex"),
        "{error}"
    );
    let no_page = !folder.path().join("README.md").exists();
    assert!(no_page, "a page would promise what is not there");
    let leftovers = fs::read_dir(folder.path().join("tables")).unwrap();
    for entry in leftovers.map(Result::unwrap) {
        let name = entry.file_name();
        assert!(!name.to_string_lossy().ends_with(".tmp"), "{name:?}");
    }

    let file = folder.path().join("a-file");
    fs::write(&file, "").unwrap();
    let error = write_report(&fixture::input(&Shape::default()), &file.join("report")).unwrap_err();
    assert!(
        matches!(&error, ReportError::CreateFolder { .. }),
        "{error}"
    );
}

#[test]
fn replaces_its_own_files_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().join("notes.txt");
    fs::write(&notes, "mine").unwrap();
    let input = fixture::input(&Shape::default());
    let first = write_report(&input, folder.path()).unwrap();
    let before: Vec<Vec<u8>> = first.iter().map(|path| fs::read(path).unwrap()).collect();
    let second = write_report(&input, folder.path()).unwrap();
    assert_eq!(first, second);
    for (path, before) in second.iter().zip(before) {
        assert!(fs::read(path).unwrap() == before, "{}", path.display());
    }
    assert_eq!(fs::read_to_string(notes).unwrap(), "mine");
}
