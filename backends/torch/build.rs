//! Makes the binaries find libtorch where it was at build time, without environment variables, and
//! links its part for GPUs where that was asked for.

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-env-changed=CODERL_CUDA");
    println!("cargo:rerun-if-changed=build.rs");
    let libtorch = std::env::var_os("LIBTORCH").map(PathBuf::from);
    let libraries = libtorch.and_then(|path| path.join("lib").canonicalize().ok());
    let Some(path) = libraries else {
        println!("cargo:warning=libtorch is not installed; run `make libtorch`");
        return;
    };
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", path.display());
    if std::env::var_os("CODERL_CUDA").is_some_and(|value| value == "1") {
        // Nothing calls it by name, so a linker leaves it away unless told not to; libtorch finds no
        // GPU then.
        println!("cargo:rustc-link-arg=-Wl,--no-as-needed,-ltorch_cuda,--as-needed");
    }
}
