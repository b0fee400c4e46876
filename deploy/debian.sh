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

readonly kind=debian
. "$(dirname "${BASH_SOURCE[0]}")/packaging.sh"
readonly files=$work/files
readonly maintainer="${DEBFULLNAME:-Penstock} <${DEBEMAIL:-penstock@localhost}>"

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
  for page in cli env gateway kube launch runner; do ln -s penstock.1.gz "$pages/penstock-$page.1.gz"; done
  logged "collecting licenses" python3 "$root/deploy/licenses.py" --go "$(cached GO_PROGRAM)" \
    --output "$documents/licenses" --without_libraries "$files"/usr/bin/*
}

main() {
  local version package
  parse_arguments "$@"
  umask 022
  command -v dpkg-shlibdeps >/dev/null || fail "dpkg-shlibdeps is missing: install dpkg-dev."
  begin
  build_programs
  version=$(cached CMAKE_PROJECT_VERSION)
  rm -rf "$files" "$work/package"
  logged "installing the programs" cmake --install build/release --component runtime --strip --prefix "$files/usr"
  put_service
  put_documents "$version-1"
  logged "making the package" cpack --config deploy/debian/CPackConfig.cmake -B "$work/package" -D \
    CPACK_PACKAGE_VERSION="$version" -D CPACK_PACKAGE_CONTACT="$maintainer" -D "CPACK_INSTALLED_DIRECTORIES=$files;/"
  package=("$work"/package/penstock_*.deb)
  hand_over "${package[0]}"
}

main "$@"
