#!/usr/bin/env bash
# compile_fail.sh SOURCE COMPILER [FLAGS...]
# SOURCE must not compile, and the compiler must print every text of its `// expect: TEXT` lines;
# with CNF_PASSING_TWIN defined it must compile, so that it cannot fail for another reason. The twin does without the
# flags of a line `// flags: FLAGS`.
set -euo pipefail

source=$1
shift

mapfile -t expected < <(sed -n 's|^// expect: ||p' "$source")
if [[ ${#expected[@]} == 0 ]]; then
  echo "$source: no \`// expect: TEXT\` line"
  exit 1
fi

if ! "$@" -DCNF_PASSING_TWIN "$source"; then
  echo "$source: the passing twin does not compile"
  exit 1
fi

read -ra flags < <(sed -n 's|^// flags: ||p' "$source") || true
if output=$("$@" "${flags[@]}" "$source" 2>&1); then
  echo "$source: compiles, but must not"
  exit 1
fi
output=${output//> >/>>}  # g++ writes > >
for text in "${expected[@]}"; do
  if [[ $output != *"$text"* ]]; then
    printf '%s\n\n%s: the compiler did not say: %s\n' "$output" "$source" "$text"
    exit 1
  fi
done
