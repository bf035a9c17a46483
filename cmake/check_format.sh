#!/usr/bin/env bash
# check_format.sh CLANG_FORMAT: every tracked source is formatted as .clang-format says.
set -euo pipefail
git ls-files -z '*.cpp' '*.hpp' | xargs -0 --no-run-if-empty "$1" --dry-run -Werror
