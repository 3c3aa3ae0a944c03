#!/bin/sh
# Judges the recorded candidates of two models and fails when the second is worse than allowed.
# docs/ci/README.md explains each variable. Exit codes are those of `coderl gate`.
set -eu

CODERL=${CODERL:-coderl}
: "${GATE_DATASET:?name or path of the dataset}"
: "${GATE_BASELINE:?samples, or the directory of a judged run}"
: "${GATE_CANDIDATE:?samples, or the directory of a judged run}"
out=${GATE_OUT:-gate}
mkdir -p "$out"

# A run directory is taken as it is, samples are judged into one. What is there is not judged again.
judged() {
    if [ -f "$1/manifest.json" ]; then
        run=$1
    else
        run=$out/$2
        # shellcheck disable=SC2086  # arguments, several of them
        "$CODERL" --quiet score "$1" --dataset "$GATE_DATASET" ${GATE_SCORE:-} --out "$run"
    fi
}
judged "$GATE_BASELINE" baseline
baseline=$run
judged "$GATE_CANDIDATE" candidate
candidate=$run

"$CODERL" --quiet compare "$baseline" "$candidate" --out "$out/comparison" > /dev/null
if [ -n "${GATE_TRAINED_ON:-}" ]; then
    "$CODERL" --quiet transfer "$baseline,$candidate" --trained-on "$GATE_TRAINED_ON" \
        --out "$out/transfer"
fi

# One rule a line.
set --
while IFS= read -r rule; do
    [ -z "$rule" ] || set -- "$@" --max-drop "$rule"
done <<RULES
${GATE_MAX_DROP:-}
RULES
while IFS= read -r rule; do
    [ -z "$rule" ] || set -- "$@" --min "$rule"
done <<RULES
${GATE_MIN:-}
RULES
exec "$CODERL" gate --baseline "$baseline" --candidate "$candidate" "$@" \
    --criterion "${GATE_CRITERION:-significant-drop}" --confidence "${GATE_CONFIDENCE:-0.95}" \
    --junit "$out/gate.xml"
