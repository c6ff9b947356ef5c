#!/bin/sh
# Makes docs/scenarios/ and data/schema/ with the program given as the first argument.
set -e
flopcast=$1
cd "$(dirname "$0")/.."
# A page that cannot be made leaves nothing half made behind.
trap 'rm -f docs/scenarios/*.new' EXIT
for kind in $("$flopcast" schema); do
    "$flopcast" schema "$kind" > "data/schema/flopcast.$kind.schema.json"
done
{
    printf '# Scenarios\n\nWhat the announced clusters would do, as forecast. Each page is made by the command that stands in it;\n'
    printf '`make pages` makes them all, and a test fails where one is out of date.\n\n'
} > docs/scenarios/README.md.new
for page in docs/scenarios/*.md; do
    name=$(basename "$page" .md)
    [ "$name" = README ] && continue
    "$flopcast" project --scenario "$name" --format markdown > "$page.new"
    mv "$page.new" "$page"
    printf -- '- [%s](%s.md)\n' "$(sed -n '1s/^# //p' "$page")" "$name" >> docs/scenarios/README.md.new
done
mv docs/scenarios/README.md.new docs/scenarios/README.md
