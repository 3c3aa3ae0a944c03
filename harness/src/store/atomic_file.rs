//! Files that are either as before or complete.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Writes `path` through a temporary file beside it: a crash leaves the old content or the
/// new one.
pub(super) fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), Error>,
) -> Result<(), Error> {
    let temporary = beside(path);
    let result = (|| {
        let file = File::create(&temporary).map_err(Error::io("create", &temporary))?;
        let mut writer = BufWriter::with_capacity(1 << 18, file);
        write(&mut writer)?;
        writer
            .into_inner()
            .map_err(|error| error.into_error())
            .and_then(|file| file.sync_all())
            .map_err(Error::io("write", &temporary))?;
        fs::rename(&temporary, path).map_err(Error::io("replace", path))
    })();
    if result.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&temporary);
        return result;
    }
    sync_directory_of(path)
}

pub(super) fn write_bytes_atomically(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_atomically(path, |writer| {
        writer.write_all(bytes).map_err(Error::io("write", path))
    })
}

/// Makes a rename or a removal in the directory of `path` last.
#[cfg(unix)]
pub(super) fn sync_directory_of(path: &Path) -> Result<(), Error> {
    let directory = path.parent().expect("a file has a directory");
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(Error::io("sync", directory))
}

/// Directories cannot be opened as files here; the file system orders renames itself.
#[cfg(not(unix))]
pub(super) fn sync_directory_of(_path: &Path) -> Result<(), Error> {
    Ok(())
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().expect("a file has a name");
    path.with_file_name(format!(".{}.tmp", name.to_string_lossy()))
}
