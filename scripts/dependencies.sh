#!/bin/sh
# Counts the crates of the default build on this system, and fails above the ceiling.
set -eu
cd "$(dirname "$0")/.."
ceiling=200
crates() { cargo tree --locked --prefix none "$@" | sed 's/ (\*)$//' | sort -u | wc -l | tr -d ' '; }
linked=$(crates -e normal)
built=$(crates -e normal,build)
echo "$linked crates in the default build, this one included; $built with what only builds them; ceiling $ceiling"
if [ "$built" -gt "$ceiling" ]; then
    echo "error: more crates than the ceiling allows" >&2
    echo "hint: \`cargo tree -e normal\` shows who brings them" >&2
    exit 1
fi
