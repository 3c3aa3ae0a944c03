//! The second guest as an executor that is loaded when the first program needs it.

use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use harness::contract::{Executor, PluginError, Session};
use harness::execution::{Grants, Limits};

use crate::error::SandboxError;
use crate::numpy_guest::Installation;
use crate::sandbox::Sandbox;

/// Runs Python programs that import numpy and the like. The contract is that of [`Sandbox`],
/// but that no files can be granted.
pub struct NumpySandbox {
    installation: Installation,
    cache_dir: PathBuf,
    max_concurrent: u32,
    fingerprint: String,
    on_compile: Box<dyn Fn() + Send + Sync>,
    loading: Mutex<()>,
    loaded: OnceLock<Sandbox>,
}

impl NumpySandbox {
    /// `None` where the guest is not installed. Nothing is loaded yet: its machine code is
    /// large, and most runs have no program that needs it. `on_compile` is called before it
    /// is compiled, which takes a minute, once.
    pub fn new(
        cache_dir: PathBuf,
        max_concurrent: u32,
        on_compile: impl Fn() + Send + Sync + 'static,
    ) -> Option<Self> {
        let installation = Installation::new(&cache_dir);
        installation.is_installed().then(|| Self {
            fingerprint: format!(
                "{} wasmtime-{}",
                installation.fingerprint(),
                crate::engine::WASMTIME_VERSION
            ),
            installation,
            cache_dir,
            max_concurrent,
            on_compile: Box::new(on_compile),
            loading: Mutex::new(()),
            loaded: OnceLock::new(),
        })
    }

    /// Reads the machine code, compiling it where needed.
    ///
    /// # Errors
    /// When the guest is broken, or the cache cannot be written.
    pub fn load(&self) -> Result<&Sandbox, SandboxError> {
        let _one_at_a_time = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sandbox) = self.loaded.get() {
            return Ok(sandbox);
        }
        let sandbox = Sandbox::numpy(
            &self.installation,
            &self.fingerprint,
            &self.cache_dir,
            self.max_concurrent,
            &*self.on_compile,
        )?;
        Ok(self.loaded.get_or_init(|| sandbox))
    }
}

impl Executor for NumpySandbox {
    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn session(
        &self,
        limits: &Limits,
        grants: &Grants,
    ) -> Result<Box<dyn Session + '_>, PluginError> {
        // The C library of the guest looked for its directories while the snapshot was made.
        if *grants != Grants::default() {
            return Err("the numpy guest cannot be granted files".into());
        }
        self.load()?.session(limits, grants)
    }
}
