#!/usr/bin/env bash
# The gate that every CI runs, here and elsewhere: prove the kernels, hold their relative speed against a baseline, measure,
# compare with a committed record, and leave a report, JUnit and a summary behind.
#
# usage: ci/gate.sh [OPTION VALUE]… [--strict] [--no-smoke]
#   --flopcast FILE         the binary (default: flopcast on the path)
#   --adapter NAME          as of `flopcast --adapter` (default: the best there is)
#   --out FOLDER            where everything is left (default: flopcast-gate)
#   --smoke-baseline FILE   relative times to hold against (default: the built-in ones of this adapter, if there are any)
#   --baseline FILE.jsonl   committed record to compare a new one with (default: nothing is compared)
#   --threshold SHARE       smallest slowdown that matters (default: 5%)
#   --measure ARGUMENTS     what is measured, as of `flopcast measure` (default: two kernels on two squares, three set-ups);
#                           an empty string measures nothing
#   --record FILE.jsonl     compare and report a record that was made before, instead of measuring
#   --strict                what cannot be decided (11) or compared (12) fails as well; otherwise it is a warning
#   --no-smoke              only measure and compare
#
# Everything is run to the end, so that the report is there when something failed. Exit codes: 0 nothing failed; 1 a kernel is
# wrong or got slower against the others, or a step failed; 2 unusable arguments or baseline; 3 no usable adapter; 10 slower than the
# baseline; with --strict 11 undecided, 12 not comparable. In FOLDER: smoke.txt smoke.xml measurements.jsonl compare.xml
# compare.json summary.md report.html, each where its step ran. GITHUB_STEP_SUMMARY and GITHUB_OUTPUT are appended to where
# they are set.
# Written for bash 3.2, which macOS has.
set -euo pipefail

flopcast=flopcast adapter='' out=flopcast-gate smoke_baseline='' baseline='' record='' threshold=5% strict=false smoke=true
measure='--kernels register_tiled,register_direct --shapes 256x256x256,512x512x512 --setups 3'

usage() {
    printf 'error: %s\nhint: the head of ci/gate.sh lists the options\n' "$1" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
    --strict) strict=true && shift && continue ;;
    --no-smoke) smoke=false && shift && continue ;;
    esac
    [ $# -ge 2 ] || usage "\`$1\` is unknown, or its value is missing"
    case $1 in
    --flopcast) flopcast=$2 ;;
    --adapter) adapter=$2 ;;
    --out) out=$2 ;;
    --smoke-baseline) smoke_baseline=$2 ;;
    --baseline) baseline=$2 ;;
    --threshold) threshold=$2 ;;
    --measure) measure=$2 ;;
    --record) record=$2 ;;
    *) usage "unknown option \`$1\`" ;;
    esac
    shift 2
done

# Nothing but white space is nothing, as YAML's block texts may have it.
case $measure in
*[![:space:]]*) ;;
*) measure='' ;;
esac

command -v "$flopcast" >/dev/null || usage "\`$flopcast\` is no program"
[ -z "$baseline" ] || [ -f "$baseline" ] || usage "\`$baseline\` is no file"
[ -z "$record" ] || [ -f "$record" ] || usage "\`$record\` is no file"
[ -z "$baseline" ] || [ -n "$measure$record" ] || usage "\`--baseline\` needs something to be measured"
[ -z "$smoke_baseline" ] || [ -f "$smoke_baseline" ] || usage "\`$smoke_baseline\` is no file"
[ "$smoke" = true ] || [ -n "$measure$record" ] || usage "nothing to do: \`--no-smoke\` and nothing measured"
mkdir -p "$out"
# What an earlier run left in the folder would pass for this one's; what is read may not be among it.
made=(smoke.txt smoke.xml measurements.jsonl compare.xml compare.json summary.md report.html)
for name in "${made[@]}"; do
    [ ! "$record" -ef "$out/$name" ] || usage "\`--record\` is what \`--out\` would overwrite"
    [ ! "$baseline" -ef "$out/$name" ] || usage "\`--baseline\` is what \`--out\` would overwrite"
    [ ! "$smoke_baseline" -ef "$out/$name" ] || usage "\`--smoke-baseline\` is what \`--out\` would overwrite"
done
for name in "${made[@]}"; do rm -f "$out/$name"; done

chosen=()
[ -z "$adapter" ] || chosen=(--adapter "$adapter")

# Of several failures the first decides the exit code.
code=0 regressed=false
failed() {
    echo "${GITHUB_ACTIONS:+::error::}$2" >&2
    [ "$code" -ne 0 ] || code=$1
}
warned() { echo "${GITHUB_ACTIONS:+::warning::}$1" >&2; }
# Runs a command and sets `status`, whatever it is.
attempt() {
    status=0
    "$@" || status=$?
}

if [ -n "$record" ]; then
    measure=''
    cp "$record" "$out/measurements.jsonl"
fi
if [ "$smoke" = true ] || [ -n "$measure" ]; then
    attempt "$flopcast" devices
    [ $status -eq 0 ] || failed "$status" "no usable adapter"
fi

if [ "$code" -eq 0 ] && [ "$smoke" = true ]; then
    against=()
    [ -z "$smoke_baseline" ] || against=(--baseline "$smoke_baseline")
    # bash 3.2 takes an empty array for an unset variable.
    attempt env GITHUB_STEP_SUMMARY="$out/summary.md" "$flopcast" smoke --no-progress --junit "$out/smoke.xml" \
        ${chosen[@]+"${chosen[@]}"} ${against[@]+"${against[@]}"} >"$out/smoke.txt"
    cat "$out/smoke.txt"
    [ $status -eq 0 ] || failed "$status" "flopcast smoke failed: exit code $status"
fi

if [ "$code" -ne 3 ] && [ -n "$measure" ]; then
    # All lines of it; `read` ends at the end of the text, which is no failure here.
    read -r -d '' -a arguments <<<"$measure" || true
    attempt "$flopcast" measure --no-progress --out "$out/measurements.jsonl" \
        ${chosen[@]+"${chosen[@]}"} "${arguments[@]}"
    [ $status -eq 0 ] || failed "$status" "flopcast measure failed: exit code $status"
fi

if [ -n "$baseline" ] && [ -s "$out/measurements.jsonl" ]; then
    pair=("$baseline" "$out/measurements.jsonl" --threshold "$threshold")
    judged=0
    judgement=$("$flopcast" compare "${pair[@]}") || judged=$?
    if [ -n "$judgement" ]; then
        printf '%s\n' "$judgement"
        # The same judgement again, for people, for programs and for the report; its exit code is known by now.
        "$flopcast" compare "${pair[@]}" --format markdown >>"$out/summary.md" 2>/dev/null || true
        "$flopcast" compare "${pair[@]}" --format junit >"$out/compare.xml" 2>/dev/null || true
        "$flopcast" compare "${pair[@]}" --format json >"$out/compare.json" 2>/dev/null || true
    elif [ "$judged" -eq 12 ]; then
        # No judgement at all: a record that is empty, cut off or damaged, which is no other machine's.
        judged=2
    fi
    case $judged in
    0) ;;
    10) regressed=true && failed 10 "slower than the baseline by $threshold or more" ;;
    11 | 12)
        why="undecided: the figures are too noisy, or too few"
        [ "$judged" = 11 ] || why="not comparable: another adapter, driver or version than the baseline's"
        if [ "$strict" = true ]; then failed "$judged" "$why"; else warned "$why"; fi
        ;;
    2) failed 2 "the baseline or the record cannot be used" ;;
    *) failed "$judged" "flopcast compare failed: exit code $judged" ;;
    esac
fi

if [ -s "$out/measurements.jsonl" ]; then
    shown=("$out/measurements.jsonl")
    [ ! -s "$out/compare.json" ] || shown+=("$out/compare.json")
    attempt "$flopcast" report "${shown[@]}" --out "$out/report.html"
    [ $status -eq 0 ] || failed "$status" "flopcast report failed: exit code $status"
fi

if [ -n "${GITHUB_STEP_SUMMARY:-}" ] && [ -s "$out/summary.md" ]; then
    cat "$out/summary.md" >>"$GITHUB_STEP_SUMMARY"
fi
if [ -n "${GITHUB_OUTPUT:-}" ]; then
    {
        echo "exit-code=$code"
        echo "regressed=$regressed"
        echo "folder=$out"
        echo "report=$([ ! -s "$out/report.html" ] || echo "$out/report.html")"
        echo "record=$([ ! -s "$out/measurements.jsonl" ] || echo "$out/measurements.jsonl")"
    } >>"$GITHUB_OUTPUT"
fi
exit "$code"
