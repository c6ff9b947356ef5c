#!/bin/bash
# Records an adapter as it comes out: what it is, whether the instrument is fit, roofline, tuning and products, each with the
# command that made it and its exit code, and a README that lists them. Nothing is left out because it failed.
#
# usage: scripts/record.sh FLOPCAST FOLDER [ADAPTER]
#   ADAPTER      as in `--adapter`; `vulkan:NAME` where OpenGL shows the same one
#   MINUTES=8    what the measuring may take, about
#   SHAPES=…     products instead of the quick suite's
#   TORCH=python3    beside it, in the same run, what PyTorch's own matmul reaches (benches/peers/torch_matmul.py)
set -u

usage='usage: scripts/record.sh FLOPCAST FOLDER [ADAPTER]'
flopcast=$(realpath "${1:?$usage}")
folder=${2:?$usage}
adapter=(${3:+--adapter "$3"})
peers=$(realpath "$(dirname "$0")/../benches/peers")
seconds=$((60 * ${MINUTES:-8}))
if [ -e "$folder/README.md" ]; then
    echo "error: \`$folder\` has a record in it" >&2
    echo "hint: name another folder; a record is never written over" >&2
    exit 2
fi
mkdir -p "$folder"
cd "$folder" || exit 2

# Tunings of this record alone; kept out of it, since they hold a path.
FLOPCAST_CACHE_DIR=$(mktemp -d)
export FLOPCAST_CACHE_DIR
trap 'rm -rf "$FLOPCAST_CACHE_DIR"' EXIT

rows=
# step FILE WORDS…: what flopcast prints, and how it ended.
step() {
    local file=$1 begin=$SECONDS code=0
    shift
    echo "flopcast $*" >&2
    "$flopcast" --no-progress "$@" >"$file" 2>"$file.err" || code=$?
    # Of the talk, what was wrong.
    grep -hE '^(error|hint|warning)' "$file.err" >>"$file"
    rm "$file.err"
    rows+="| \`$file\` | \`flopcast $*\` | $code | $((SECONDS - begin)) s |"$'\n'
}

step devices.json devices --format json
step doctor.txt doctor "${adapter[@]}"
step roofline.txt measure --suite roofline "${adapter[@]}" --time-budget $((seconds * 3 / 8))s --out roofline.jsonl
step tune.txt tune "${adapter[@]}" --time-budget $((seconds / 4))s
sed -i '/^stored: /d' tune.txt
if grep -q '"EXPERIMENTAL_COOPERATIVE_MATRIX"' devices.json; then
    step tune-f16.txt tune "${adapter[@]}" --precision f16_acc_f32 --time-budget $((seconds / 8))s
    sed -i '/^stored: /d' tune-f16.txt
    step measured-f16.txt measure "${adapter[@]}" --precision f16_acc_f32 ${SHAPES:+--shapes "$SHAPES"} \
        --time-budget $((seconds / 8))s --out measurements-f16.jsonl
fi
step measured.txt measure "${adapter[@]}" ${SHAPES:+--shapes "$SHAPES"} --time-budget $((seconds / 4))s --out measurements.jsonl
if [ -n "${TORCH:-}" ]; then
    begin=$SECONDS code=0
    "$TORCH" "$peers/torch_matmul.py" ${SHAPES:+--shapes "$SHAPES"} >peers-torch.json 2>torch.err || code=$?
    tail -n 1 torch.err >&2
    rm torch.err
    rows+="| \`peers-torch.json\` | \`$TORCH benches/peers/torch_matmul.py${SHAPES:+ --shapes $SHAPES}\` | $code | $((SECONDS - begin)) s |"$'\n'
fi

{
    printf '# %s, %s\n\n' "$(grep -m 1 ' · ' roofline.txt || echo 'no adapter')" "$(date -u +%F)"
    # shellcheck disable=SC2016
    printf 'As it came out, by `scripts/record.sh` and %s, on %s. Exit code and duration are of the command.\n\n' \
        "$("$flopcast" --version)" "$(uname -sm)"
    printf '| file | made by | exit code | took |\n|---|---|--:|--:|\n%s' "$rows"
    printf '\n```text\n'
    cat measured*.txt
    grep -h '^winner' tune*.txt
    printf '```\n'
} >README.md
echo "written: $folder/README.md" >&2
