#!/bin/sh
# Counts the crates of the default build on this system, and fails above the ceiling.
set -eu
cd "$(dirname "$0")/.."
ceiling=200
# Not one pipeline: it would end as its last command does, and a tree that failed would count as none.
crates() {
    tree=$(cargo tree --locked --prefix none "$@") || return 1
    printf '%s\n' "$tree" | sed -e 's/ (\*)$//' -e '/^$/d' | sort -u | wc -l | tr -d ' '
}
fail() {
    echo "error: $1" >&2
    echo "hint: $2" >&2
    exit 1
}
none="\`cargo tree\` does not list the crates of the build"
linked=$(crates -e normal) || fail "$none" "what it says stands above"
built=$(crates -e normal,build) || fail "$none" "what it says stands above"
echo "$linked crates in the default build, this one included; $built with what only builds them; ceiling $ceiling"
if [ "$linked" -eq 0 ] || [ "$built" -lt "$linked" ]; then
    fail "$none" "this one alone would be one"
fi
if [ "$built" -gt "$ceiling" ]; then
    fail "more crates than the ceiling allows" "\`cargo tree -e normal\` shows who brings them"
fi
