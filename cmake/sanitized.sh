#!/usr/bin/env bash
# sanitized.sh SOURCE BUILD COMPILER GENERATOR JOBS
# Builds core and Eigen with their tests, without LibTorch and with warnings as errors, under the address and
# undefined-behaviour sanitizers of a compiler, and runs them.
set -euo pipefail
source=$1 build=$2 compiler=$3 generator=$4 jobs=$5

cmake -S "$source" -B "$build" -G "$generator" -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=None \
  -DCMAKE_CXX_FLAGS="-O1 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined" \
  -DCNF_LIBTORCH=OFF -DCNF_BUILD_BENCHMARKS=OFF --log-level=WARNING
cmake --build "$build" --parallel "$jobs" --target unit static_tests
exec "$build/tests/unit"
