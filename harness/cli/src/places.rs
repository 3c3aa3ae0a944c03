//! Where the guest, the caches and the data lie.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use datasets::HubSettings;
use etcetera::BaseStrategy;

use crate::arguments;
use crate::exit::usage;

/// Directories, resolved.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// Compiled guests and verdicts.
    pub(crate) cache: PathBuf,
    data: Option<PathBuf>,
    hub: HubSettings,
    guest: Option<PathBuf>,
}

impl Places {
    pub(crate) fn new(arguments: arguments::Places) -> Result<Self> {
        let user_cache = etcetera::choose_base_strategy()
            .context("cannot find the user's cache directory; set HOME")?
            .cache_dir();
        Ok(Self {
            cache: arguments
                .cache_dir
                .unwrap_or_else(|| user_cache.join("coderl")),
            data: arguments.data_dir,
            hub: HubSettings::from_variables(|name| std::env::var(name).ok()),
            guest: arguments.guest,
        })
    }

    /// Where named datasets are looked for.
    pub(crate) fn lookup(&self) -> datasets::Places {
        datasets::Places {
            data_dir: self.data.clone(),
            hub_cache: Some(self.hub.cache_dir.clone()),
        }
    }

    /// How to reach the Hugging Face Hub.
    pub(crate) fn hub(&self) -> &HubSettings {
        &self.hub
    }

    /// Variables that make another process of this program find the same places.
    pub(crate) fn variables(&self) -> Vec<(&'static str, PathBuf)> {
        let given = |name, path: &Option<PathBuf>| Some((name, path.clone()?));
        [
            Some(("CODERL_CACHE_DIR", self.cache.clone())),
            given("CODERL_DATA", &self.data),
            given("CODERL_GUEST", &self.guest),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The guest's component file.
    pub(crate) fn guest(&self) -> Result<PathBuf> {
        let tried = self.guest_candidates();
        tried
            .iter()
            .find(|path| path.is_file())
            .cloned()
            .ok_or_else(|| {
                let tried: Vec<String> = tried
                    .iter()
                    .map(|path| format!("`{}`", path.display()))
                    .collect();
                usage(format!(
                    "there is no sandbox guest at {}; build it with `make guest`, or name one with \
                     --guest",
                    tried.join(" or ")
                ))
            })
    }

    fn guest_candidates(&self) -> Vec<PathBuf> {
        const FILE: &str = "coderl-guest.wasm";
        if let Some(guest) = &self.guest {
            return vec![guest.clone()];
        }
        let mut paths = Vec::new();
        // `target/release/coderl` finds `target/guest/`, an installed one its own folder.
        if let Ok(binary) = std::env::current_exe()
            && let Some(folder) = binary.parent()
        {
            paths.push(folder.join(FILE));
            if let Some(target) = folder.parent() {
                paths.push(target.join("guest").join(FILE));
            }
        }
        paths.push(Path::new("target/guest").join(FILE));
        paths
    }
}
