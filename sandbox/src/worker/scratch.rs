//! Folders of temporary files of workers.
//!
//! They are removed with their worker, but not when the harness itself is killed: the next one
//! that comes by does it then.

use std::fs;
use std::path::Path;

/// The rest of a name is the process id of the harness and something random.
const PREFIX: &str = "coderl-worker-";

/// How names of folders begin that belong to this process.
pub(super) fn own_prefix() -> String {
    format!("{PREFIX}{}-", std::process::id())
}

/// Removes what processes left that are gone. What cannot be removed stays.
pub(super) fn sweep() {
    // Where processes cannot be looked up, all of them would seem to be gone.
    if !Path::new("/proc/self").exists() {
        return;
    }
    let entries = fs::read_dir(std::env::temp_dir());
    for entry in entries.into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.split_once('-'))
            .and_then(|(process, _)| process.parse::<u32>().ok());
        if let Some(process) = owner
            && !Path::new(&format!("/proc/{process}")).exists()
        {
            // Another harness may be doing the same.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
