#!/bin/sh
# Makes docs/scenarios/ and data/schema/ with the program given as the first argument.
set -e
flopcast=$1
cd "$(dirname "$0")/.."
for kind in cluster job scenario projection measurement calibration; do
    "$flopcast" schema "$kind" > "data/schema/flopcast.$kind.schema.json"
done
for page in docs/scenarios/*.md; do
    name=$(basename "$page" .md)
    [ "$name" = README ] && continue
    "$flopcast" project --scenario "$name" --format markdown > "$page.new"
    mv "$page.new" "$page"
done
