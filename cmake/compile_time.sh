#!/usr/bin/env bash
# compile_time.sh FOLDER COMPILER [FLAGS...]
# Compile times as ratios, so that they hold on any machine: each is the least user time of five runs.
#   repeat_40 / repeat_8          <= 1.25   the time must not grow with the number of steps
#   include_only, paper_flow      <= 1.7    in units of a file that includes <regex>: 0.6 s where 1.7 of them are 1 s
set -euo pipefail
export LC_ALL=C

folder=$1
shift
TIMEFORMAT=%U

seconds() {  # of user time to compile the file $1
  local file=$1 least="" time
  shift
  for _ in 1 2 3 4 5; do
    time=$({ time "$@" "$file" >&2; } 2>&1) || { echo "$time" >&2; return 1; }
    if [[ -z $least ]] || awk "BEGIN {exit !($time < $least)}"; then least=$time; fi
  done
  echo "$least"
}

scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
echo '#include <regex>' >"$scratch/unit.cpp"

status=0
check() {  # NAME TIME REFERENCE LIMIT
  awk -v name="$1" -v time="$2" -v reference="$3" -v limit="$4" 'BEGIN {
    printf "%-14s %6.3f s   ratio %5.2f   limit %.2f\n", name, time, time / reference, limit
    exit time > limit * reference }' || status=1
}

unit=$(seconds "$scratch/unit.cpp" "$@")
include_only=$(seconds "$folder/include_only.cpp" "$@")
paper_flow=$(seconds "$folder/paper_flow.cpp" "$@")
repeat_8=$(seconds "$folder/repeat_8.cpp" "$@")
repeat_40=$(seconds "$folder/repeat_40.cpp" "$@")

check "<regex>" "$unit" "$unit" 1
check include_only "$include_only" "$unit" 1.7
check paper_flow "$paper_flow" "$unit" 1.7
check repeat_8 "$repeat_8" "$repeat_8" 1
check repeat_40 "$repeat_40" "$repeat_8" 1.25
exit $status
