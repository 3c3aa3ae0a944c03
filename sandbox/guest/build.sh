#!/usr/bin/env bash
# Builds the guest component: target/guest/coderl-guest.wasm, or the file named by $1.
#
# Needs python3 with its venv module and a C compiler (any that Rust links with). The first
# run installs componentize-py and wasmtime into target/guest-venv. Nothing is done while
# the inputs are unchanged, so later runs need no network.
set -euo pipefail

readonly componentize_py=0.25.1
readonly wasmtime=50.0.1 # of its wheel, for `wat2wasm` alone
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
output=${1:-$root/target/guest/coderl-guest.wasm}
venv=$root/target/guest-venv

inputs=$(
    cd "$here"
    find . -type f ! -path '*/__pycache__/*' | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -d' ' -f1
)
if [ -f "$output" ] && [ "$(cat "$output.inputs" 2>/dev/null)" = "$inputs" ]; then
    exit 0
fi

packages=("componentize-py==$componentize_py" "wasmtime==$wasmtime")
if [ "$(cat "$venv/packages" 2>/dev/null)" != "${packages[*]}" ]; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}"
    echo "${packages[*]}" >"$venv/packages"
fi

mkdir -p "$(dirname "$output")"
work=$(mktemp -d "$output.XXXXXX.tmp")
trap 'rm -rf "$work"' EXIT
# Only these files are visible to the build: no byte code and no site-packages.
(cd "$here" && cp -R app.py world.wit coderl_guest "$work")
rm -rf "$work/coderl_guest/__pycache__"
"$venv/bin/python" -c '
import sys, wasmtime
source, module = sys.argv[1:]
open(module, "wb").write(wasmtime.wat2wasm(open(source).read()))
' "$here/large_stack.wat" "$work/_large_stack.cpython-314-wasm32-wasi.so"
"${CC:-cc}" -shared -fPIC -O1 -o "$work/fixed_random.so" "$here/fixed_random.c"
cd "$work"
LD_PRELOAD="$work/fixed_random.so" "$venv/bin/componentize-py" --quiet \
    --wit-path "$work/world.wit" --world guest \
    componentize app --python-path "$work" --python-path "$work/none" --output "$work/guest.wasm"
mv "$work/guest.wasm" "$output"
echo "$inputs" >"$output.inputs"
