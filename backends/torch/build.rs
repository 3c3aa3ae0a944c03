//! Makes the binaries find libtorch where it was at build time, without environment variables.

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-changed=build.rs");
    let libtorch = std::env::var_os("LIBTORCH").map(PathBuf::from);
    let libraries = libtorch.and_then(|path| path.join("lib").canonicalize().ok());
    match libraries {
        Some(path) => println!("cargo:rustc-link-arg=-Wl,-rpath,{}", path.display()),
        None => println!("cargo:warning=libtorch is not installed; run `make libtorch`"),
    }
}
