//! What a guest may reach beside its standard streams.

use std::path::Path;

use harness::execution::Grants;
use tempfile::TempDir;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use crate::error::SandboxError;

/// Opens what is granted. wasmtime-wasi resolves every path of the guest inside of these
/// directories, one component at a time, so that neither `..` nor links lead out.
///
/// The scratch directory is removed when the returned handle is dropped.
pub(crate) fn open(
    grants: &Grants,
    wasi: &mut WasiCtxBuilder,
) -> Result<Option<TempDir>, SandboxError> {
    let scratch = match &grants.scratch {
        None => None,
        Some(guest_path) => {
            let error = |source| SandboxError::Scratch { source };
            let directory = TempDir::with_prefix("coderl-").map_err(error)?;
            preopen(wasi, directory.path(), guest_path, FsPerms::ReadWrite)?;
            Some(directory)
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
