#!/usr/bin/env bash
# Python packages that the engine is compared with, in the user's cache; `target/torch-venv`
# points there. The torch of `libtorch.sh` is used, and what it lacks for Python is added.
set -euo pipefail

readonly packages=(
    torch==2.11.0 transformers==5.23.0 accelerate==1.15.0 safetensors==0.8.0 gguf==0.19.0
    ctranslate2==4.8.5
)
# Without what it asks for, which is there already.
readonly alone=(peft==0.18.1)
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/coderl
place=$cache/torch-venv

if [ "$(cat "$place/packages" 2>/dev/null)" != "${packages[*]}" ]; then
    echo "installing ${packages[*]} into $place: 4 GB" >&2
    rm -rf "$place"
    python3 -m venv "$place"
    site=$("$place/bin/python" -c 'import site; print(site.getsitepackages()[0])')
    echo "$cache/libtorch-2.11.0" >"$site/libtorch.pth"
    "$place/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}"
    echo "${packages[*]}" >"$place/packages"
fi
if [ "$(cat "$place/alone" 2>/dev/null)" != "${alone[*]}" ]; then
    "$place/bin/pip" install --quiet --disable-pip-version-check --no-deps "${alone[@]}"
    echo "${alone[*]}" >"$place/alone"
fi
mkdir -p "$root/target"
ln -sfn "$place" "$root/target/torch-venv"
