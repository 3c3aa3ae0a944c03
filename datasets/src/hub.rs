//! Where the Hugging Face Hub and its cache are, as its own tools have it.

use std::path::PathBuf;

/// How to reach the Hub. What is `None` is left to the `hf-hub` crate, which looks at the
/// same variables and at the token file of `hf auth login`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubSettings {
    /// `HF_ENDPOINT`: a mirror instead of the Hub itself.
    pub endpoint: Option<String>,
    /// `HF_TOKEN`.
    pub token: Option<String>,
    /// `HF_HUB_CACHE`, otherwise `hub` below `HF_HOME`.
    pub cache_dir: PathBuf,
    /// `HF_HUB_OFFLINE`: use what is in the cache and nothing else.
    pub offline: bool,
    /// How often a broken transfer is taken up again before it is an error.
    pub max_resumptions: u32,
}

impl HubSettings {
    /// Settings from environment variables, which `variable` looks up.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let is_on = |name: &str| {
            set(name).is_some_and(|value| {
                matches!(
                    value.to_ascii_uppercase().as_str(),
                    "1" | "ON" | "YES" | "TRUE"
                )
            })
        };
        let cache_dir = set("HF_HUB_CACHE")
            .or_else(|| set("HUGGINGFACE_HUB_CACHE"))
            .map(PathBuf::from)
            .unwrap_or_else(|| {
                let home = match (set("HF_HOME"), set("XDG_CACHE_HOME"), set("HOME")) {
                    (Some(home), _, _) => PathBuf::from(home),
                    (None, Some(cache), _) => PathBuf::from(cache).join("huggingface"),
                    (None, None, home) => {
                        PathBuf::from(home.unwrap_or_default()).join(".cache/huggingface")
                    }
                };
                home.join("hub")
            });
        Self {
            endpoint: set("HF_ENDPOINT"),
            token: set("HF_TOKEN"),
            cache_dir,
            offline: is_on("HF_HUB_OFFLINE"),
            max_resumptions: 5,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_those_of_the_hub() {
        let check = |variables: &[(&str, &str)], cache_dir: &str, offline: bool| {
            let settings = HubSettings::from_variables(|name| {
                let found = variables.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| (*value).to_owned())
            });
            assert_eq!(
                settings.cache_dir,
                PathBuf::from(cache_dir),
                "{variables:?}"
            );
            assert_eq!(settings.offline, offline, "{variables:?}");
        };
        check(&[("HOME", "/h")], "/h/.cache/huggingface/hub", false);
        check(
            &[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")],
            "/x/huggingface/hub",
            false,
        );
        check(
            &[("HF_HOME", "/f"), ("XDG_CACHE_HOME", "/x")],
            "/f/hub",
            false,
        );
        check(&[("HF_HUB_CACHE", "/c"), ("HF_HOME", "/f")], "/c", false);
        check(&[("HF_HUB_CACHE", ""), ("HF_HOME", "/f")], "/f/hub", false);
        check(
            &[("HF_HOME", "/f"), ("HF_HUB_OFFLINE", "1")],
            "/f/hub",
            true,
        );
        check(
            &[("HF_HOME", "/f"), ("HF_HUB_OFFLINE", "true")],
            "/f/hub",
            true,
        );
        check(
            &[("HF_HOME", "/f"), ("HF_HUB_OFFLINE", "0")],
            "/f/hub",
            false,
        );
    }
}
