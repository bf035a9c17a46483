#!/usr/bin/env bash
# manuals.sh CMAKE BUILD: makes the manual pages; every command of every program has one, with its options
set -euo pipefail
cmake=$1 build=$2
"$cmake" --build "$build" --target manuals
for program in super_resolution vessel_segmentation; do
  grep -q 'Exit status: 0; 2 after' "$build/man/$program.1"
  commands=$("$build/bin/$program" --help | sed -n '/^Subcommands:/,/^$/s/^  \([a-z-]*\) .*/\1/p')
  [[ -n $commands ]]
  for command in $commands; do
    grep -q '^.SH OPTIONS\|^.SS "Options:"\|Positionals' "$build/man/$program-$command.1" || { echo "no options in $program-$command.1"; exit 1; }
  done
done
grep -q 'temperature' "$build/man/deploy.1"
