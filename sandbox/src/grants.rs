//! What a guest may reach beside its standard streams.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt};
use harness::execution::Grants;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use crate::error::SandboxError;

/// Opens what is granted. wasmtime-wasi resolves every path of the guest inside of these
/// directories, one component at a time, so that neither `..` nor links lead out.
///
/// The scratch directory is removed when the returned handle is dropped.
pub(crate) fn open(
    grants: &Grants,
    wasi: &mut WasiCtxBuilder,
) -> Result<Option<Scratch>, SandboxError> {
    let scratch = match &grants.scratch {
        None => None,
        Some(guest_path) => {
            let scratch = Scratch::new().map_err(|source| SandboxError::Scratch { source })?;
            preopen(wasi, &scratch.path(), guest_path, FsPerms::ReadWrite)?;
            Some(scratch)
        }
    };
    for (host_path, guest_path) in &grants.read_only {
        preopen(wasi, host_path, guest_path, FsPerms::ReadOnly)?;
    }
    Ok(scratch)
}

fn preopen(
    wasi: &mut WasiCtxBuilder,
    host_path: &Path,
    guest_path: &str,
    permissions: FsPerms,
) -> Result<(), SandboxError> {
    wasi.preopened_dir(host_path, guest_path, permissions)
        .map_err(|source| SandboxError::Grant {
            path: host_path.to_owned(),
            source,
        })?;
    Ok(())
}

/// A directory for one guest, in the system's folder of temporary files.
///
/// Made and removed through a handle of that folder: whatever links a guest leaves behind,
/// removing cannot lead out of it.
pub(crate) struct Scratch {
    parent_path: PathBuf,
    parent: Dir,
    name: String,
}

impl Scratch {
    fn new() -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let parent_path = std::env::temp_dir();
        let parent = Dir::open_ambient_dir(&parent_path, ambient_authority())?;
        let mut private = DirBuilder::new();
        private.mode(0o700);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("coderl-{}-{number}", std::process::id());
            match parent.create_dir_with(&name, &private) {
                Ok(()) => {
                    return Ok(Self {
                        parent_path,
                        parent,
                        name,
                    });
                }
                // Left by a process that was killed and had the same number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn path(&self) -> PathBuf {
        self.parent_path.join(&self.name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left to whoever cleans temporary files.
        let _ = self.parent.remove_dir_all(&self.name);
    }
}
