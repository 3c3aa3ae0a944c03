#!/usr/bin/env bash
# Sets up libtorch 2.11.0 for `backends/torch`, from the package index that pip is set up for.
#
# The wheel `torch` brings the libraries and headers. Of the dozens of packages that it asks
# for, two are installed as well: those that `libtorch_cpu.so` is linked with. With CODERL_CUDA=1 it
# is all of them, for GPUs. Everything lies in the user's cache, shared by all checkouts;
# `target/libtorch` points there.
set -euo pipefail

packages=(torch==2.11.0)
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/coderl
if [ "${CODERL_CUDA:-}" = 1 ]; then
    options=()
    place=$cache/libtorch-2.11.0-cuda
    size="2.5 GB to download, 5 GB on disk"
else
    packages+=(nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85)
    options=(--no-deps)
    place=$cache/libtorch-2.11.0
    size="0.6 GB to download, 1.3 GB on disk"
fi

if [ "$(cat "$place/packages" 2>/dev/null)" != "${packages[*]}" ]; then
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/libtorch.XXXXXX.tmp")
    trap 'rm -rf "$work"' EXIT
    echo "installing ${packages[*]} into $place: $size" >&2
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check "${options[@]}" \
        --target "$work/libtorch" "${packages[@]}"
    echo "${packages[*]}" >"$work/libtorch/packages"
    rm -rf "$place"
    mv "$work/libtorch" "$place"
fi
mkdir -p "$root/target"
ln -sfn "$place" "$root/target/libtorch"
