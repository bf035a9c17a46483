#!/usr/bin/env bash
# deb.sh CPACK BUILD ROOT [LINTIAN]: makes the Debian package in BUILD, asks lintian, and unpacks it into ROOT
set -euo pipefail
cpack=$1 build=$2 root=$3 lintian=${4:-}
cd "$build"
rm -rf "$root" libcnf-dev_*.deb
"$cpack" --config CPackConfig.cmake
if [[ -n $lintian ]]; then
  "$lintian" --allow-root --fail-on error,warning libcnf-dev_*_all.deb
else
  echo "no lintian here: the package is unpacked and used, not judged"
fi
mkdir -p "$root"
dpkg-deb -x libcnf-dev_*_all.deb "$root"
[[ -s $root/usr/share/doc/libcnf-dev/copyright && -s $root/usr/include/cnf/core.hpp ]]
