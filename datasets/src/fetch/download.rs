//! One file, from where the last attempt stopped.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt;
use hf_hub::{HFRepository, RepoTypeDataset};

use super::hub_error;
use crate::catalog::HubSource;
use crate::error::Error;

pub(super) struct Download<'a> {
    pub(super) repository: &'a HFRepository<RepoTypeDataset>,
    pub(super) source: &'a HubSource,
    pub(super) commit: &'a str,
    /// In the repository.
    pub(super) path: &'a str,
    /// Size that the file must have.
    pub(super) bytes: u64,
    /// Where it grows.
    pub(super) partial: PathBuf,
    /// Where it goes when it is complete.
    pub(super) target: &'a Path,
    pub(super) max_resumptions: u32,
}

impl Download<'_> {
    /// Completes the file and returns how many bytes were transferred. `report` is told how
    /// many there are so far.
    pub(super) async fn run(&self, report: &mut dyn FnMut(u64)) -> Result<u64, Error> {
        create_parent(&self.partial)?;
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.partial)
            .map_err(self.write_error())?;
        // Two calls at once would write the same file: the second waits for the first.
        file.lock().map_err(self.write_error())?;
        if fs::metadata(self.target).is_ok_and(|metadata| metadata.len() == self.bytes) {
            // The first has finished meanwhile.
            remove(&self.partial)?;
            return Ok(0);
        }
        let mut transferred = 0;
        let mut resumptions = 0;
        loop {
            let mut done = file.metadata().map_err(self.write_error())?.len();
            if done > self.bytes {
                file.set_len(0).map_err(self.write_error())?;
                done = 0;
            }
            report(done);
            if done == self.bytes {
                break;
            }
            match self
                .transfer(&mut file, done, &mut transferred, report)
                .await
            {
                Ok(()) => {}
                Err(Error::Hub { .. }) if resumptions < self.max_resumptions => {
                    tokio::time::sleep(Duration::from_millis(200 << resumptions.min(5))).await;
                }
                Err(error) => return Err(error),
            }
            resumptions += 1;
        }
        file.sync_all().map_err(self.write_error())?;
        create_parent(self.target)?;
        fs::rename(&self.partial, self.target).map_err(|source| Error::Write {
            path: self.target.to_owned(),
            source,
        })?;
        Ok(transferred)
    }

    /// Appends what is missing behind the first `done` bytes.
    async fn transfer(
        &self,
        file: &mut File,
        mut done: u64,
        transferred: &mut u64,
        report: &mut dyn FnMut(u64),
    ) -> Result<(), Error> {
        let failed = |error| hub_error(self.source, &format!("`{}`", self.path), error);
        let request = self
            .repository
            .download_file_stream()
            .filename(self.path)
            .revision(self.commit);
        let (length, mut stream) = if done > 0 {
            request.range(done..self.bytes).send().await
        } else {
            request.send().await
        }
        .map_err(failed)?;
        // A server that does not know ranges sends the file from its beginning.
        if done > 0 && length != Some(self.bytes - done) {
            file.set_len(0).map_err(self.write_error())?;
            done = 0;
        }
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(failed)?;
            file.write_all(&chunk).map_err(self.write_error())?;
            *transferred += chunk.len() as u64;
            done += chunk.len() as u64;
            report(done);
        }
        if done == self.bytes {
            return Ok(());
        }
        Err(failed(hf_hub::HFError::malformed_response(format!(
            "{done} bytes instead of {}",
            self.bytes
        ))))
    }

    fn write_error(&self) -> impl Fn(io::Error) -> Error {
        let path = self.partial.clone();
        move |source| Error::Write {
            path: path.clone(),
            source,
        }
    }
}

/// Removes a file; there need not be one.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::Write {
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

/// Writes a small file so that it is there as a whole or not at all.
pub(super) fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    create_parent(path)?;
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(name);
    fs::write(&temporary, content)
        .and_then(|()| fs::rename(&temporary, path))
        .map_err(|source| Error::Write {
            path: path.to_owned(),
            source,
        })
}

fn create_parent(path: &Path) -> Result<(), Error> {
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    fs::create_dir_all(parent).map_err(|source| Error::Write {
        path: parent.to_owned(),
        source,
    })
}
