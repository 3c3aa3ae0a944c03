#!/usr/bin/env bash
# Sets up libtorch 2.11.0 for `backends/torch`, from the package index that pip is set up for.
#
# The wheel `torch` brings the libraries and headers. Of the dozens of packages that it asks
# for, two are installed as well: those that `libtorch_cpu.so` is linked with. Everything lies
# in the user's cache, shared by all checkouts; `target/libtorch` points there.
set -euo pipefail

readonly packages=(torch==2.11.0 nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85)
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/coderl
place=$cache/libtorch-2.11.0

if [ "$(cat "$place/packages" 2>/dev/null)" != "${packages[*]}" ]; then
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/libtorch.XXXXXX.tmp")
    trap 'rm -rf "$work"' EXIT
    echo "installing ${packages[*]} into $place: 0.6 GB to download, 1.3 GB on disk" >&2
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
        --target "$work/libtorch" "${packages[@]}"
    echo "${packages[*]}" >"$work/libtorch/packages"
    rm -rf "$place"
    mv "$work/libtorch" "$place"
fi
mkdir -p "$root/target"
ln -sfn "$place" "$root/target/libtorch"
