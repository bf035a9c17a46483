#!/usr/bin/env bash
# one_header.sh SOURCE OUT COMPILER: the architecture lab with everything in core as one header, as Compiler Explorer would have it
set -euo pipefail
source=$1 out=$2 compiler=$3
rm -rf "$out" && mkdir -p "$out"
"$source/packaging/one_header" >"$out/cnf_core.hpp"
cp "$source"/examples/architecture_lab/{main.cpp,flows.hpp} "$out"
sed -i 's|<cnf/core.hpp>|"cnf_core.hpp"|' "$out/flows.hpp"
"$compiler" -std=c++20 -Wall -Wextra -Wpedantic -Wconversion -Wno-missing-field-initializers -Werror "$out/main.cpp" -o "$out/lab"
"$out/lab" | grep 'three levels  *does not fit'
