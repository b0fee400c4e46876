#!/usr/bin/env bash
# What deploy/wheel.sh and deploy/debian.sh have in common; both source it, after they have set `kind`, their own name.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
readonly build=$root/build/release
readonly work=$root/build/$kind-parts
readonly log=$work/$kind.log
output=$root/build/$kind

say() { printf '%s\n' "$*"; }
fail() {
  printf '%s: %s\n' "$kind" "$*" >&2
  exit 1
}

# The comment that the script itself begins with.
usage() { sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; }

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

# Makes the folders, and waits until nobody else makes a package of this kind: both would share its parts.
begin() {
  mkdir -p "$work" "$output"
  output=$(cd "$output" && pwd)
  exec 9>"$work/lock"
  flock 9
  : >"$log"
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

# cached NAME: a variable of the build.
cached() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }

build_programs() {
  say "Building the programs"
  cd "$root"
  [[ -f $build/build.ninja ]] || logged "configuring the build" cmake --preset release
  logged "the build" cmake --build --preset release --target penstock_programs
}

# hand_over FILE: puts the package where the user wants it.
hand_over() {
  mv "$1" "$output/"
  say "$output/${1##*/} ($(du --apparent-size --block-size=1M "$output/${1##*/}" | cut -f 1) MB)"
}
