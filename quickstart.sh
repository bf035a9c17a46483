#!/usr/bin/env bash
# ./quickstart.sh            from a fresh Debian 12 to a picture of super-resolved photographs, in about ten minutes
# ./quickstart.sh upscale PHOTO...   your photographs twice as large, beside them, by the model in the box
# ./quickstart.sh segment PHOTO...   masks of the vessels in your photographs of eyes, beside them, by the model in the box
# ./quickstart.sh vessels    to masks of retinal vessels on synthesized photographs, in about five
# ./quickstart.sh test       the same set-up, then every test
#
# It installs what is missing from Debian, builds in build/, and asks nothing. A LibTorch whose folder is in
# CMAKE_PREFIX_PATH is used instead of Debian's.
set -euo pipefail
mode=${1:-demo}
files=()
for file in "${@:2}"; do files+=("$(realpath -m -- "$file")"); done
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() { sed -n '2,6s/^# //p' quickstart.sh; }
say() { printf '\n== %s\n' "$*"; }
die() {
  printf 'quickstart: %s\n' "$*" >&2
  exit 2
}

case $mode in
  -h | --help) usage && exit ;;
  demo | vessels | test) [[ $# -le 1 ]] || { usage >&2 && exit 2; } ;;
  upscale | segment) [[ $# -gt 1 ]] || { usage >&2 && exit 2; } ;;
  *) usage >&2 && exit 2 ;;
esac
for file in "${files[@]}"; do [[ -f $file ]] || die "no such photograph: $file"; done

# ---- packages -------------------------------------------------------------------------------------------------

packages=(
  "g++|the compiler"
  "cmake|describes the build"
  "ninja-build|runs the build"
  "pkg-config|finds OpenImageIO and Little CMS"
  "libtorch-dev|LibTorch: tensors, gradients, optimisers"
  "libgloo-dev|headers of LibTorch's engine for several processes"
  "libopenblas0-openmp|matrix products of LibTorch: with Debian's reference BLAS some take ten times as long"
  "libeigen3-dev|Eigen: matrices of the inference-only backend"
  "nlohmann-json3-dev|JSON in checkpoints and reports"
  "libopenimageio-dev|reads and writes image files"
  "liblcms2-dev|turns the colours of other profiles into sRGB's"
  "libcli11-dev|command lines"
  "libfmt-dev|text formatting"
  "fonts-dejavu-core|captions in pictures"
)
if [[ $mode == vessels || $mode == test ]]; then
  packages+=("gnuplot-nox|plots of precision and recall")
fi
if [[ $mode == test ]]; then
  packages+=(
    "doctest-dev|the test framework"
    "libbenchmark-dev|the benchmarks"
    "clang|a second compiler that must accept core and Eigen"
    "clang-format|the test of the sources' format"
    "git|lists the sources for it"
    "python3|compares compile times, and runs the scripts of docs and packages"
    "doxygen|the site"
    "doxygen-awesome-css|its looks"
    "help2man|manual pages of the programs"
    "lintian|checks the Debian package"
    "python3-torch|torchrun, which starts several processes"
    "openmpi-bin|mpirun, which does, too"
  )
fi

libtorch_given() {
  local folder
  while IFS= read -r -d : folder; do
    [[ -n $folder && (-e $folder/share/cmake/Torch/TorchConfig.cmake || -e $folder/Torch/TorchConfig.cmake) ]] && return
  done <<<"${CMAKE_PREFIX_PATH:-}:"
  return 1
}

as_root() {
  if [[ $EUID == 0 ]]; then "$@"; else sudo "$@"; fi
}

apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@"; }

install_packages() {
  command -v apt-get >/dev/null ||
    die "this script needs Debian's apt-get; on other systems install the libraries named in it and run cmake --workflow --preset release"
  local entry name missing=()
  for entry in "${packages[@]}"; do
    name=${entry%%|*}
    if [[ $name == libtorch-dev || $name == libopenblas* || $name == libgloo* ]] && libtorch_given; then continue; fi
    if [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) != installed ]]; then
      [[ ${#missing[@]} -gt 0 ]] || say "Installing from Debian"
      printf '%-20s %s\n' "$name" "${entry#*|}"
      missing+=("$name")
    fi
  done
  [[ ${#missing[@]} -gt 0 ]] || return 0
  [[ $EUID == 0 ]] || command -v sudo >/dev/null ||
    die "installing needs root: run it as root, or first: apt-get install ${missing[*]}"
  if ! apt update || ! apt install --no-install-recommends "${missing[@]}" >/dev/null; then
    die "apt-get could not install: ${missing[*]}"
  fi
}

# ---- build ----------------------------------------------------------------------------------------------------

build() {  # OPTION TARGET
  say "Building in build/"
  cmake --preset release -DCNF_BUILD_TESTS="$1" -DCNF_BUILD_BENCHMARKS="$1" -DCNF_BUILD_EXAMPLES=ON -DCNF_LIBTORCH=ON \
    --log-level=NOTICE
  cmake --build --preset release --parallel "$(nproc)" --target "$2"  # ninja alone would start two more
}

# ---- photographs ----------------------------------------------------------------------------------------------

# The package also has two drawings, which are left out. The test photographs are the two smallest.
photographs() {
  local package=lomiri-wallpapers-16.04 data=build/data
  local train=(Bridge_by_Sander_Klootwijk Dragonfly_by_Bolly Wine_by_Jakkub_Mede aitzgorri_by_Aitzol_Berasategi
    free_by_Peter_Nerlich friends_by_Aitzol_Berasategi greentock_by_Peter_Nerlich life_by_Aitzol_Berasategi
    picosdeeuropa_by_Aitzol_Berasategi seeding_by_Clements_Engelhardt sunset_by_Aitzol_Berasategi)
  local test=(Picture_0B_by_freespace Picture_1A_by_freespace)

  [[ ! -e $data/photos ]] || return 0
  say "Fetching 13 freely licensed photographs (Debian's $package, 16 MB, not installed)"
  mkdir -p $data
  if [[ -z $(find $data -name "$package*.deb") ]]; then
    fetch() (cd $data && apt-get -qq -o APT::Sandbox::User="$(id -un)" download $package)
    fetch 2>/dev/null || { apt update && fetch; } || die "could not fetch Debian's package $package"
  fi
  dpkg-deb -x $data/$package*.deb $data/package
  rm -rf $data/new
  mkdir -p $data/new/train $data/new/test
  local from=("${train[@]/%/.jpg}")
  cp "${from[@]/#/$data/package/usr/share/backgrounds/}" $data/new/train/
  from=("${test[@]/%/.jpg}")
  cp "${from[@]/#/$data/package/usr/share/backgrounds/}" $data/new/test/
  cp $data/package/usr/share/doc/$package/copyright $data/new/
  mv $data/new $data/photos
}

# ---- what was asked for ---------------------------------------------------------------------------------------

demo() {
  local program=build/bin/super_resolution photos=build/data/photos out=build/quickstart
  rm -rf $out
  for model in cnf factorised; do
    say "Training: $model, two minutes"
    $program train --data $photos/train --out $out/$model --config small --model $model --time-limit 120 --seed 1
  done
  say "Evaluating on two photographs that training did not see"
  $program evaluate --checkpoint $out/cnf/model.safetensors --baseline $out/factorised/model.safetensors \
    --data $photos/test --largest 720 --crops 100 --json $out/evaluation.json --pictures $out/pictures
  say "The same by the model in the box, which was trained for longer and on more"
  $program evaluate --checkpoint examples/super_resolution/small.safetensors --data $photos/test --largest 720 --crops 100
}

vessels() {
  local program=build/bin/vessel_segmentation data=build/data/vessels out=build/quickstart-vessels
  rm -rf $out $data
  say "Synthesizing 16 photographs of eyes with their vessels"
  $program synthesize --out $data/train --count 12 --seed 1
  $program synthesize --out $data/test --count 4 --seed 2
  for model in cnf bernoulli; do
    say "Training: $model, 75 seconds"
    $program train --data $data/train --out $out/$model --model $model --extractor unet --crop 96 --time-limit 75 --seed 1
  done
  say "Evaluating on the four photographs that training did not see"
  $program evaluate --checkpoint $out/cnf/model.safetensors --baseline $out/bernoulli/model.safetensors \
    --data $data/test --samples 50 --json $out/evaluation.json --pictures $out/pictures
}

install_packages
if [[ $mode == test ]]; then
  build ON all
  say "Testing"
  ctest --preset release --parallel "$(nproc)"
elif [[ $mode == upscale ]]; then
  build OFF super_resolution
  build/bin/super_resolution sample --checkpoint examples/super_resolution/small.safetensors --input "${files[@]}"
elif [[ $mode == segment ]]; then
  build OFF vessel_segmentation
  build/bin/vessel_segmentation sample --checkpoint examples/vessel_segmentation/affine.safetensors --input "${files[@]}"
elif [[ $mode == vessels ]]; then
  build OFF vessel_segmentation
  vessels
else
  build OFF super_resolution
  photographs
  demo
fi
