#!/usr/bin/env bash
# Installs what a build needs and is missing: Debian packages (as root or with sudo) and the virtual environment
# .venv with the kfp SDK. Changes nothing and asks no network when everything is there.
#
#   deploy/install_deps.sh [--tests]     --tests adds what tests/run.sh needs, also build/kfp-newest, a virtual
#                                        environment with the newest kfp
#
# Environment: PENSTOCK_VENV_PYTHON names the interpreter to make .venv with (default: the first python3 found that is
# new enough).
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv

readonly go_needed_default=1.21
readonly python_minor_needed=9
readonly packages=(
  build-essential ca-certificates ccache clang-format cmake libabsl-dev libarchive-dev libcurl4-openssl-dev
  libgmock-dev libgrpc++-dev libgtest-dev libpqxx-dev libprotobuf-dev libspdlog-dev libsqlite3-dev libssl-dev
  libyaml-dev libzstd-dev mold ninja-build nlohmann-json3-dev pkg-config prometheus-cpp-dev protobuf-compiler
  protobuf-compiler-grpc python3-venv tzdata
)
readonly test_packages=(
  busybox-static chromium containerd containernetworking-plugins debootstrap dpkg-dev lintian postgresql runc
)

say() { printf '%s\n' "$*"; }
fail() {
  printf 'install_deps: %s\n' "$*" >&2
  exit 1
}

# Prints those of the packages $@ that dpkg does not report as installed.
missing_packages() {
  local installed package
  installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true)
  for package in "$@"; do
    grep -qxF "$package installed" <<<"$installed" || printf '%s\n' "$package"
  done
}

# The tests start PostgreSQL servers of their own: installing it should not start another.
keep_postgresql_from_starting() {
  [[ -d /etc/postgresql-common ]] ||
    "${as_root[@]}" sh -c 'mkdir -p /etc/postgresql-common &&
      echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf'
}

# install_packages PACKAGE...: those that are missing.
install_packages() {
  local missing as_root=() log
  command -v dpkg-query >/dev/null || fail "this is not Debian or Ubuntu: install the packages listed in" \
    "deploy/install_deps.sh by hand, then run the cmake presets directly."
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0
  if ((EUID != 0)); then
    command -v sudo >/dev/null || fail "these packages are missing and this is neither root nor has sudo; have" \
      "them installed: ${missing[*]}"
    as_root=(sudo)
  fi
  say "Installing ${#missing[@]} Debian packages: ${missing[*]}"
  if [[ " ${missing[*]} " == *" postgresql "* ]]; then keep_postgresql_from_starting; fi
  log=$(mktemp)
  if ! { "${as_root[@]}" apt-get update &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install --yes --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    fail "apt-get could not install the packages; the end of its output is above, all of it in $log."
  fi
  rm -f "$log"
}

# The newest Go version that a go.mod of the build asks for.
go_needed() {
  local module versions=("$go_needed_default")
  for module in gateway cli executor/kube executor/launcher; do
    if [[ -f $root/$module/go.mod ]]; then
      versions+=("$(awk '$1 == "go" { print $2; exit }' "$root/$module/go.mod")")
    fi
  done
  printf '%s\n' "${versions[@]}" | sort -V | tail -n 1
}

check_go() {
  local needed found
  needed=$(go_needed)
  # Where Go installs itself; the build looks there too, and sudo may have dropped it from PATH.
  PATH=$PATH:/usr/local/go/bin
  command -v go >/dev/null || fail "Go is missing: install Go $needed or newer and put it on PATH."
  # From outside the module, so that go itself does not refuse it first.
  found=$(cd / && GOTOOLCHAIN=local go env GOVERSION) || fail "'go env' fails: repair the Go installation."
  found=${found#go}
  [[ $(printf '%s\n%s\n' "$needed" "$found" | sort -V | head -n 1) == "$needed" ]] ||
    fail "Go $needed or newer is needed, but $(command -v go) is Go $found: put a newer one first on PATH."
}

# Whether interpreter $1 is new enough and can make virtual environments with pip.
python_usable() {
  "$1" -c "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, $python_minor_needed))" >/dev/null 2>&1
}

find_python() {
  local candidate
  if [[ -n ${PENSTOCK_VENV_PYTHON:-} ]]; then
    python_usable "$PENSTOCK_VENV_PYTHON" ||
      fail "PENSTOCK_VENV_PYTHON=$PENSTOCK_VENV_PYTHON is not a Python 3.$python_minor_needed or newer with venv" \
        "and ensurepip."
    printf '%s\n' "$PENSTOCK_VENV_PYTHON"
    return
  fi
  for candidate in python3 /usr/bin/python3 python3.13 python3.12 python3.11 python3.10 python3.9; do
    if python_usable "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  fail "no Python 3.$python_minor_needed or newer with venv was found: install python3 and python3-venv," \
    "or set PENSTOCK_VENV_PYTHON."
}

# new_venv FOLDER LOG: an empty virtual environment in place of what is there.
new_venv() {
  local folder=$1 log=$2 python
  python=$(find_python)
  say "Making the Python environment ${folder#"$root"/} ($("$python" -V 2>&1))"
  rm -rf "$folder"
  "$python" -m venv "$folder" >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    fail "$python could not make the virtual environment $folder; its output is above."
  }
}

# install_into FOLDER WANTED LOG ARGUMENT...: gives the arguments to pip, and keeps the description WANTED of that.
install_into() {
  local folder=$1 wanted=$2 log=$3
  shift 3
  rm -f "$folder/.installed"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >"$log" 2>&1 </dev/null || {
    tail -n 20 "$log" >&2
    fail "pip could not install ${*//"$root"\//}; the end of its output is above, all of it in $log." \
      "Check the network and run this again."
  }
  printf '%s\n' "$wanted" >"$folder/.installed"
  rm -f "$log"
}

works() { [[ -x $1/bin/python && -f $1/.installed ]] && "$1/bin/python" -c '' 2>/dev/null; }

# The environment is described by its requirement files; the description of the last successful install is kept in
# it, so an unchanged one costs nothing and an interrupted install is made again.
make_venv() {
  local wanted log
  local files=("$root/deploy/requirements.txt")
  [[ $1 == with_tests ]] && files+=("$root/tests/requirements.txt" "$root/tests/requirements-mlflow.txt")
  wanted=$(cat "${files[@]}")
  if works "$venv"; then
    # An environment with the tests' packages also serves without them.
    [[ $(<"$venv/.installed") == "$wanted" ]] && return 0
    [[ $1 == without_tests && $(<"$venv/.installed") == "$wanted"* ]] && return 0
  fi
  log=$(mktemp)
  # A change of deploy/requirements.txt makes the environment anew; the tests' packages are only added to it.
  [[ -f $venv/.installed && $1 == with_tests && $(<"$venv/.installed") == "$(cat "$root/deploy/requirements.txt")" ]] ||
    new_venv "$venv" "$log"
  install_into "$venv" "$wanted" "$log" "${files[@]/#/--requirement=}"
}

# The newest kfp, with everything that its requirements do not name as it is in .venv.
make_newest_venv() {
  local folder=$root/build/kfp-newest requirements=$root/tests/requirements-kfp-newest.txt wanted log constraints
  wanted=$(cat "$root/deploy/requirements.txt" "$root/tests/requirements.txt" "$requirements")
  if works "$folder" && [[ $(<"$folder/.installed") == "$wanted" ]]; then return 0; fi
  log=$(mktemp)
  constraints=$(mktemp)
  sed -n 's/^\([A-Za-z0-9_-]*\)==.*/^\1==/p' "$requirements" |
    grep -v -f - "$root/deploy/requirements.txt" >"$constraints"
  new_venv "$folder" "$log"
  install_into "$folder" "$wanted" "$log" --requirement="$requirements" --constraint="$constraints"
  rm -f "$constraints"
}

main() {
  local tests=without_tests
  case ${1:-} in
    '') ;;
    --tests) tests=with_tests ;;
    -h | --help)
      sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
      return
      ;;
    *) fail "unknown argument '$1'; the only one is --tests." ;;
  esac
  if [[ $tests == with_tests ]]; then
    install_packages "${packages[@]}" "${test_packages[@]}"
  else
    install_packages "${packages[@]}"
  fi
  check_go
  make_venv "$tests"
  if [[ $tests == with_tests ]]; then make_newest_venv; fi
}

main "$@"
