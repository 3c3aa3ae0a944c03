//! The records of one stage: appended while it works, sorted when it is done.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::atomic_file::{sync_directory_of, write_atomically};
use super::record::Record;
use super::record_file::{Span, scan};
use crate::error::Error;

/// A kill loses nothing that was appended; a loss of power at most this much time's worth.
const SYNC_INTERVAL: Duration = Duration::from_secs(2);

/// Records of type `R` in a run directory, each id at most once.
///
/// Opens as it was left: a torn last line is cut off. [`RecordLog::append`] writes one line
/// in one piece. [`RecordLog::finish`] sorts. Appending to a finished log reopens it.
/// Only ids are held in memory.
#[derive(Debug)]
pub struct RecordLog<R: Record> {
    finished: PathBuf,
    partial: PathBuf,
    lines: BTreeMap<R::Id, Span>,
    state: State,
}

#[derive(Debug)]
enum State {
    Finished,
    Open {
        file: File,
        /// Length up to the end of the last whole line.
        len: u64,
        /// A failed write may have left something behind `len`.
        torn: bool,
        last_sync: Instant,
    },
}

impl<R: Record> RecordLog<R> {
    /// Opens or starts `NAME.jsonl` in `directory`.
    ///
    /// # Errors
    /// When a file cannot be read or written, or holds something other than records.
    pub(super) fn open(directory: &Path, name: &str) -> Result<Self, Error> {
        let finished = directory.join(format!("{name}.jsonl"));
        let partial = directory.join(format!("{name}.partial.jsonl"));
        let mut lines = BTreeMap::new();
        let mut insert = |record: R, span| {
            lines.entry(record.id()).or_insert(span);
        };
        if scan(&finished, &mut insert)?.is_some() {
            // Left by a process that ended between making the one and removing the other.
            remove_if_present(&partial)?;
            return Ok(Self {
                finished,
                partial,
                lines,
                state: State::Finished,
            });
        }
        let extent = scan(&partial, &mut insert)?;
        let file = append_to(&partial)?;
        let mut len = 0;
        if let Some(extent) = extent {
            len = extent.whole;
            if extent.torn > 0 {
                file.set_len(len).map_err(Error::io("cut", &partial))?;
            }
        }
        Ok(Self {
            finished,
            partial,
            lines,
            state: State::open(file, len),
        })
    }

    /// Whether the stage came to its end and nothing was added since.
    pub fn is_finished(&self) -> bool {
        matches!(self.state, State::Finished)
    }

    pub fn contains(&self, id: &R::Id) -> bool {
        self.lines.contains_key(id)
    }

    /// The record of this id.
    ///
    /// # Errors
    /// When the file cannot be read, or was changed by someone else.
    pub fn get(&self, id: &R::Id) -> Result<Option<R>, Error> {
        let Some(span) = self.lines.get(id) else {
            return Ok(None);
        };
        let path = self.path();
        let mut line = vec![0; span.len];
        File::open(path)
            .and_then(|mut file| {
                file.seek(SeekFrom::Start(span.offset))?;
                file.read_exact(&mut line)
            })
            .map_err(Error::io("read", path))?;
        serde_json::from_slice(&line)
            .map(Some)
            .map_err(|error| Error::CorruptFile {
                path: path.to_owned(),
                detail: error.to_string(),
            })
    }

    /// Ids in order.
    pub fn ids(&self) -> impl Iterator<Item = &R::Id> {
        self.lines.keys()
    }

    pub fn len(&self) -> usize {
        self.lines.len()
    }

    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The file that holds the records now.
    pub fn path(&self) -> &Path {
        match self.state {
            State::Finished => &self.finished,
            State::Open { .. } => &self.partial,
        }
    }

    /// Adds a record; one whose id is there already is left out.
    ///
    /// # Errors
    /// When the file cannot be written, for instance because the disk is full. Records
    /// appended before remain, and the log can be appended to again.
    pub fn append(&mut self, record: &R) -> Result<(), Error> {
        self.append_all(std::slice::from_ref(record))
    }

    /// Adds records with a single write.
    ///
    /// # Errors
    /// As for [`RecordLog::append`].
    pub fn append_all(&mut self, records: &[R]) -> Result<(), Error> {
        let mut bytes = Vec::new();
        let mut added: BTreeMap<R::Id, Span> = BTreeMap::new();
        for record in records {
            let id = record.id();
            if self.lines.contains_key(&id) || added.contains_key(&id) {
                continue;
            }
            let start = bytes.len();
            serde_json::to_writer(&mut bytes, record).expect("records are serialisable");
            bytes.push(b'\n');
            let span = Span {
                offset: start as u64,
                len: bytes.len() - start,
            };
            added.insert(id, span);
        }
        if added.is_empty() {
            return Ok(());
        }
        if self.is_finished() {
            self.reopen()?;
        }
        let State::Open {
            file,
            len,
            torn,
            last_sync,
        } = &mut self.state
        else {
            unreachable!("reopened above")
        };
        if *torn {
            file.set_len(*len)
                .map_err(Error::io("cut", &self.partial))?;
            *torn = false;
        }
        if let Err(error) = file.write_all(&bytes) {
            // If this fails too, the next append or the next process cuts it.
            *torn = file.set_len(*len).is_err();
            return Err(Error::io("write", &self.partial)(error));
        }
        for (id, mut span) in added {
            span.offset += *len;
            self.lines.insert(id, span);
        }
        *len += bytes.len() as u64;
        if last_sync.elapsed() >= SYNC_INTERVAL {
            self.sync()?;
        }
        Ok(())
    }

    /// Makes what was appended survive a loss of power.
    ///
    /// # Errors
    /// When the file system reports trouble.
    pub fn sync(&mut self) -> Result<(), Error> {
        if let State::Open {
            file, last_sync, ..
        } = &mut self.state
        {
            file.sync_data().map_err(Error::io("sync", &self.partial))?;
            *last_sync = Instant::now();
        }
        Ok(())
    }

    /// Sorts the records by id and marks the stage as complete. Does nothing when it is.
    ///
    /// # Errors
    /// When files cannot be read or written; the records remain as they were.
    pub fn finish(&mut self) -> Result<(), Error> {
        if self.is_finished() {
            return Ok(());
        }
        let lines = self.write_sorted(&self.finished, |_| true)?;
        remove_if_present(&self.partial)?;
        self.lines = lines;
        self.state = State::Finished;
        Ok(())
    }

    /// Drops the records that `keep` refuses, so that their work is done again.
    ///
    /// # Errors
    /// When files cannot be read or written; the records remain as they were.
    pub fn retain(&mut self, keep: impl Fn(&R) -> bool) -> Result<(), Error> {
        let mut n_dropped = 0;
        scan(self.path(), |record: R, _| {
            n_dropped += usize::from(!keep(&record));
        })?;
        if n_dropped == 0 {
            return Ok(());
        }
        // Until the finished file is gone it is the one that counts.
        let lines = self.write_sorted(&self.partial, |line| {
            serde_json::from_slice(line).is_ok_and(|record| keep(&record))
        })?;
        remove_if_present(&self.finished)?;
        let len = lines.values().map(|span| span.len as u64).sum();
        self.state = State::open(append_to(&self.partial)?, len);
        self.lines = lines;
        Ok(())
    }

    fn reopen(&mut self) -> Result<(), Error> {
        fs::rename(&self.finished, &self.partial).map_err(Error::io("reopen", &self.finished))?;
        sync_directory_of(&self.partial)?;
        let len = self.lines.values().map(|span| span.len as u64).sum();
        self.state = State::open(append_to(&self.partial)?, len);
        Ok(())
    }

    /// Writes the lines that `keep` accepts to `target`, in order of id.
    fn write_sorted(
        &self,
        target: &Path,
        keep: impl Fn(&[u8]) -> bool,
    ) -> Result<BTreeMap<R::Id, Span>, Error> {
        let path = self.path();
        let mut source = File::open(path).map_err(Error::io("open", path))?;
        let mut lines = BTreeMap::new();
        write_atomically(target, |writer| {
            let mut line = Vec::new();
            let mut offset = 0;
            for (id, span) in &self.lines {
                line.resize(span.len, 0);
                source
                    .seek(SeekFrom::Start(span.offset))
                    .and_then(|_| source.read_exact(&mut line))
                    .map_err(Error::io("read", path))?;
                if !keep(&line) {
                    continue;
                }
                writer
                    .write_all(&line)
                    .map_err(Error::io("write", target))?;
                lines.insert(
                    id.clone(),
                    Span {
                        offset,
                        len: span.len,
                    },
                );
                offset += span.len as u64;
            }
            Ok(())
        })?;
        Ok(lines)
    }
}

impl State {
    fn open(file: File, len: u64) -> Self {
        Self::Open {
            file,
            len,
            torn: false,
            last_sync: Instant::now(),
        }
    }
}

/// All records of a stage, finished or not, in the order of the file. Empty if not begun.
///
/// Does not write, so it may be used beside a process that appends.
pub(super) fn read_records<R: Record>(directory: &Path, name: &str) -> Result<Vec<R>, Error> {
    // The finished one again, should it appear after the first look.
    for kind in ["jsonl", "partial.jsonl", "jsonl"] {
        let mut records: Vec<R> = Vec::new();
        let path = directory.join(format!("{name}.{kind}"));
        let found = scan(&path, |record, _| {
            records.push(record);
        })?;
        if found.is_some() {
            records.sort_by_cached_key(Record::id);
            return Ok(records);
        }
    }
    Ok(Vec::new())
}

fn append_to(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(Error::io("open", path))
}

fn remove_if_present(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}
