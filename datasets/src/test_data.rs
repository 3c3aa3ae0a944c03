//! Where tests find the published files, which are no part of the project.

use std::path::PathBuf;

/// A folder of the real data: below `CODERL_DATA`, otherwise beside the repository.
/// `None`, with a notice, where it is absent.
pub(crate) fn folder(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("CODERL_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    let notice = format!("skipped: no real data at `{}`\n", folder.display());
    std::io::Write::write_all(&mut std::io::stderr(), notice.as_bytes()).expect("stderr is open");
    None
}
