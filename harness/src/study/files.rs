//! The files that a study is read from.

use std::io;
use std::path::Path;

use crate::error::Error;

/// The file of a study and what it includes. Lines are counted through all of them, so that one
/// number says the file too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StudyFiles(Vec<StudyFile>);

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StudyFile {
    /// As it is named in messages.
    pub name: String,
    pub text: String,
    /// Lines of the files before.
    lines_before: usize,
}

impl StudyFiles {
    pub(super) fn new(name: &str, text: String) -> Self {
        Self(vec![StudyFile {
            name: name.to_owned(),
            text,
            lines_before: 0,
        }])
    }

    /// The file that the user named.
    pub fn main(&self) -> &StudyFile {
        &self.0[0]
    }

    /// What that file includes.
    pub fn included(&self) -> &[StudyFile] {
        &self.0[1..]
    }

    /// Reads one more file; `path` as it is written, relative to the folder of the study's file.
    pub(super) fn include(&mut self, line: usize, path: &str) -> Result<&StudyFile, Error> {
        let folder = Path::new(&self.main().name).parent();
        let path = folder.unwrap_or(Path::new("")).join(path);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| self.refused(line, "include", cannot_read(&path, &error)))?;
        let last = &self.0[self.0.len() - 1];
        self.0.push(StudyFile {
            name: path.display().to_string(),
            text,
            lines_before: last.lines_before + last.text.lines().count(),
        });
        Ok(&self.0[self.0.len() - 1])
    }

    /// Whether `line` is in the file that the user named.
    pub(super) fn is_main(&self, line: usize) -> bool {
        self.0.get(1).is_none_or(|next| line <= next.lines_before)
    }

    /// Where `line` is, for messages.
    pub fn origin(&self, line: usize) -> String {
        let at = self.0.partition_point(|file| file.lines_before < line);
        self.0[at.max(1) - 1].origin(line)
    }

    pub(super) fn refused(&self, line: usize, key: &str, detail: String) -> Error {
        Error::BadValue {
            origin: self.origin(line),
            key: key.to_owned(),
            detail,
        }
    }
}

impl StudyFile {
    /// The line of `offset` in the text, from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        let before = self.text.as_bytes()[..offset].iter();
        self.lines_before + before.filter(|&&byte| byte == b'\n').count() + 1
    }

    pub(super) fn origin(&self, line: usize) -> String {
        format!("`{}`, line {}", self.name, line - self.lines_before)
    }
}

fn cannot_read(path: &Path, error: &io::Error) -> String {
    format!("cannot read `{}`: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_its_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("part.toml"), "x = 1\ny = 2\n").unwrap();
        let name = folder.path().join("study.toml").display().to_string();
        let mut files = StudyFiles::new(&name, "a = 1\nb = 2".to_owned());
        let part = files.include(1, "part.toml").unwrap();
        let second = part.line("x = 1\n".len());
        assert_eq!(second, 4, "behind the two lines of the study");
        let part = folder.path().join("part.toml");
        assert_eq!(files.origin(1), format!("`{name}`, line 1"));
        assert_eq!(files.origin(2), format!("`{name}`, line 2"));
        assert_eq!(files.origin(3), format!("`{}`, line 1", part.display()));
        assert_eq!(
            files.origin(second),
            format!("`{}`, line 2", part.display())
        );
        assert_eq!([2, 3].map(|line| files.is_main(line)), [true, false]);
        let error = files.include(2, "none.toml").unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{name}`, line 2: `include`: cannot read")));
    }
}
