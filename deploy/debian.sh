#!/usr/bin/env bash
# Makes the Debian package: the programs of the release build, which it builds if needed, with their unit for systemd.
# It depends on the libraries of the Debian that it is made on.
#
#   deploy/debian.sh [--output DIR]
#
#   --output DIR            where the package is put (default: build/debian)
#
# Environment: DEBFULLNAME and DEBEMAIL are the maintainer's name and address.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
readonly build=$root/build/release
readonly work=$root/build/debian-parts
readonly files=$work/files
readonly log=$work/debian.log
readonly maintainer="${DEBFULLNAME:-Penstock} <${DEBEMAIL:-penstock@localhost}>"
output=$root/build/debian

say() { printf '%s\n' "$*"; }
fail() {
  printf 'debian: %s\n' "$*" >&2
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

build_programs() {
  cd "$root"
  [[ -f $build/build.ninja ]] || logged "configuring the build" cmake --preset release
  logged "the build" cmake --build --preset release --target penstock_programs
}

# The unit and its settings are those for an installation by hand, but for the folder of the programs and the steps.
put_service() {
  mkdir -p "$files/lib/systemd/system" "$files/etc/penstock"
  sed -e 's,^ExecStart=/usr/local/bin/,ExecStart=/usr/bin/,' \
    -e '/^# Penstock as a service/,/^# Tasks live/{/^# Penstock\|^# Tasks/!d}' \
    "$root/deploy/penstock.service" >"$files/lib/systemd/system/penstock.service"
  sed 's,deploy/penstock.service,the unit penstock.service,; s,docs/,,' "$root/deploy/penstock.conf" \
    >"$files/etc/penstock/penstock.conf"
}

# put_documents VERSION
put_documents() {
  local documents=$files/usr/share/doc/penstock pages=$files/usr/share/man/man1 date page
  mkdir -p "$documents" "$pages" "$files/usr/share/lintian/overrides"
  cp "$root/deploy/debian/lintian-overrides" "$files/usr/share/lintian/overrides/penstock"
  cp "$root"/deploy/debian/{README.Debian,copyright} "$documents"
  gzip -9n <"$root/CHANGELOG.md" >"$documents/changelog.gz"
  date=$(LC_ALL=C date -R -r "$root/CHANGELOG.md")
  printf 'penstock (%s) unstable; urgency=medium\n\n  * changelog.gz says what is new.\n\n -- %s  %s\n' "$1" \
    "$maintainer" "$date" | gzip -9n >"$documents/changelog.Debian.gz"
  gzip -9n <"$root/deploy/debian/penstock.1" >"$pages/penstock.1.gz"
  for page in cli env fetch gateway runner; do ln -s penstock.1.gz "$pages/penstock-$page.1.gz"; done
  logged "collecting licenses" python3 "$root/deploy/licenses.py" --go "$(cached GO_PROGRAM)" \
    --output "$documents/licenses" --without_libraries "$files"/usr/bin/*
}

main() {
  local version package
  parse_arguments "$@"
  umask 022
  command -v dpkg-shlibdeps >/dev/null || fail "dpkg-shlibdeps is missing: install dpkg-dev."
  mkdir -p "$work" "$output"
  output=$(cd "$output" && pwd)
  # Two at once would share the parts.
  exec 9>"$work/lock"
  flock 9
  : >"$log"
  say "Building the programs"
  build_programs
  version=$(cached CMAKE_PROJECT_VERSION)
  rm -rf "$files" "$work/package"
  logged "installing the programs" cmake --install build/release --component runtime --strip --prefix "$files/usr"
  put_service
  put_documents "$version-1"
  logged "making the package" cpack --config deploy/debian/CPackConfig.cmake -B "$work/package" -D \
    CPACK_PACKAGE_VERSION="$version" -D CPACK_PACKAGE_CONTACT="$maintainer" -D "CPACK_INSTALLED_DIRECTORIES=$files;/"
  package=$(cd "$work/package" && echo penstock_*.deb)
  mv "$work/package/$package" "$output/"
  say "$output/$package ($(du --apparent-size --block-size=1M "$output/$package" | cut -f 1) MB)"
}

main "$@"
