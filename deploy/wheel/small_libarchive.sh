#!/usr/bin/env bash
# Links a libarchive.so of what a program uses of it, from Debian's own static library. The shared one needs glibc 2.36
# for one function, and brings libxml2 and the 30 MB of ICU for formats that are never read.
#
#   deploy/wheel/small_libarchive.sh PROGRAM FOLDER
set -euo pipefail

readonly program=$1 folder=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here

shared=$(ldd "$program" | awk '$1 ~ /^libarchive\.so/ { print $3 }')
[[ -n $shared ]] || exit 0 # linked in
static=$(gcc -print-file-name=libarchive.a)
[[ $static == /* ]] || {
  printf 'small_libarchive: libarchive.a is missing: install libarchive-dev\n' >&2
  exit 1
}
soname=$(readelf --dynamic "$shared" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
mapfile -t used < <(nm --dynamic --undefined-only --format=posix "$program" | awk '$1 ~ /^archive_/ { print $1 }')
# libxml2 is for the writer of xar, which --gc-sections takes out only after it was decided what is needed.
mapfile -t needed < <(readelf --dynamic "$shared" | sed -n '/libxml2/d; s/.*NEEDED.*\[\(.*\)\]/\1/p')

mkdir -p "$folder"
printf '{ global: %s local: *; };\n' "$(printf '%s; ' "${used[@]}")" >"$folder/$soname.map"
gcc -O2 -fPIC -shared -s -Wl,-soname,"$soname" -Wl,--version-script="$folder/$soname.map" -Wl,-z,defs \
  -Wl,--gc-sections -Wl,--as-needed "${used[@]/#/-Wl,-u,}" \
  "$here/getrandom.c" "$static" "${needed[@]/#/-l:}" -o "$folder/$soname"
rm "$folder/$soname.map"
