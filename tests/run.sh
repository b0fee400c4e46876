#!/usr/bin/env bash
# Builds and runs the tests and ends with one summary. Full logs: build/test-logs.
#
#   tests/run.sh [RING...]
#
#   checks      format, layers, sizes and the other rules of the house
#   unit        parts alone; with them the tests of the Go programs
#   contract    one suite for each implementation of a seam
#   api         the server through its gRPC client
#   e2e         real binaries driven by the real kfp SDK and CLI, on SQLite; the pipelines of conformance/ also without
#               warm Pythons, and what the SDK does with the newest kfp
#   e2e-postgres  the same on PostgreSQL, and what that can do to them
#   kubernetes  attempts as pods, on a real Kubernetes of their own: the contract of executors, and whole runs. Needs
#               root and containerd, and is left out without, unless PENSTOCK_TEST_KUBERNETES is "required"
#   sanitizers  unit and contract again, under address+undefined and under thread sanitizer; api under the former
#   all         all of these; without an argument: all but the sanitizers
#
# It ends with what each build and ring took: minutes, and minutes of processors.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
readonly logs=$root/build/test-logs
readonly python=$root/.venv/bin/python
jobs=$(nproc)
readonly jobs
# What the e2e tests with the newest kfp are.
readonly newest_kfp_tests=(test_{pipelines,pipelines_client,recurring_runs,runs,loops,conditions,nesting,packages}.py
  test_kubernetes_settings.py)
# More of these tests than processors: half the time each waits for processes and clocks.
readonly e2e_jobs=$((jobs * 2))

say() { printf '%s\n' "$*"; }
fail() {
  printf 'run.sh: %s\n' "$*" >&2
  exit 2
}

usage() { sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; }

wanted() { [[ " ${rings[*]} " == *" $1 "* ]]; }

parse_arguments() {
  local ring
  rings=()
  (($#)) || set -- checks unit contract api e2e e2e-postgres kubernetes
  for ring in "$@"; do
    case $ring in
      -h | --help)
        usage
        exit 0
        ;;
      all) rings+=(checks unit contract api e2e e2e-postgres kubernetes sanitizers) ;;
      checks | unit | contract | api | e2e | e2e-postgres | kubernetes | sanitizers) rings+=("$ring") ;;
      *) fail "there is no ring '$ring'; --help lists them." ;;
    esac
  done
}

# timed NAME COMMAND...: what the command took is listed at the end.
timed() {
  local code=0 TIMEFORMAT="$1 %R %U %S"
  shift
  { time "$@" 2>&3 || code=$?; } 3>&2 2>>"$logs/minutes"
  return "$code"
}

say_minutes() {
  [[ -s $logs/minutes ]] || return 0
  say "Minutes, and of processors:"
  awk '{ printf "  %-16s %5.1f %5.1f\n", $1, $2 / 60, ($3 + $4) / 60; all += $2; processors += $3 + $4 }
       END { printf "  %-16s %5.1f %5.1f\n", "all", all / 60, processors / 60 }' "$logs/minutes"
}

# build PRESET TARGET...: configures if needed and builds, without targets everything. The log is kept; a failure is
# counted as a failed test of its own, because the rings that need the build cannot run.
build() {
  local preset=$1 started=$SECONDS log=$logs/build-$1.log
  shift
  say "Building $preset"
  timed "build-$preset" make_preset "$preset" "$@" >"$log" 2>&1 </dev/null || {
    grep -nE '(^|[ :])(error|FAILED|fatal)' "$log" | head -n 20 >&2 || tail -n 20 "$log" >&2
    "$python" "$root/tests/summary.py" broken "$logs/build-$preset.json" "building the preset $preset fails: $log"
    return 1
  }
  say "  built in $((SECONDS - started)) s"
}

make_preset() {
  local preset=$1
  shift
  [[ -f $root/build/$preset/build.ninja ]] || (cd "$root" && cmake --preset "$preset") || return 1
  (cd "$root" && cmake --build --preset "$preset" ${1+--target "$@"})
}

# The servers that stand for object stores in the tests: Go programs, and azurite where there is npm. Built beside the
# rest, since most of it is waiting for downloads.
build_stores() {
  mkdir -p "$root/build/stores"
  (
    PATH=$PATH:/usr/local/go/bin  # where Go installs itself
    cd "$root/tests/stores/s3" && go build -trimpath -o "$root/build/stores/" github.com/versity/versitygw/cmd/versitygw
    cd "$root/tests/stores/gcs" && go build -trimpath -o "$root/build/stores/" github.com/fsouza/fake-gcs-server
    if command -v npm >/dev/null; then
      cp "$root"/tests/stores/azurite/package*.json "$root/build/stores/"
      npm ci --prefix "$root/build/stores" --no-audit --no-fund --loglevel=error
    else
      echo "there is no npm: azurite is left out, and the tests that need it"
    fi
  ) >"$logs/build-stores.log" 2>&1 </dev/null
}

# The Kubernetes of the tests: many minutes of processors the first time, and kept outside of the clone.
build_cluster() { nice -n 19 "$root/tests/kubernetes/build.sh" >"$logs/build-cluster.log" 2>&1 </dev/null; }

# await_build PID NAME WHAT: that a build in the background has ended; one that failed is a failed test of its own.
await_build() {
  local code=0
  wait "$1" || code=$?
  if ((code != 0)); then
    tail -n 5 "$logs/build-$2.log" >&2
    "$python" "$root/tests/summary.py" broken "$logs/build-$2.json" "building $3 fails: $logs/build-$2.log"
  fi
}

# Attempts as pods. The contract of executors and the rest share one cluster.
run_kubernetes() {
  local folder=$root/build/kubernetes exported
  rm -rf "$folder"
  # Without root or containerd the tests say what is missing, each for itself.
  if exported=$(cd "$root" && "$python" -m tests.kubernetes up --dir "$folder" \
    --launcher "$root/build/release/bin/penstock-launch" 2>"$logs/cluster.log"); then
    PENSTOCK_TEST_KUBECONFIG=$(sed -n 's/^export KUBECONFIG=//p' <<<"$exported")
    export PENSTOCK_TEST_KUBECONFIG PENSTOCK_TEST_CLUSTER=$folder
  else
    tail -n 3 "$logs/cluster.log" >&2
  fi
  run_ctest kubernetes-contract release --label-regex '^kubernetes$'
  run_pytest kubernetes kubernetes
  if [[ -n ${PENSTOCK_TEST_CLUSTER:-} ]]; then
    (cd "$root" && "$python" -m tests.kubernetes down --dir "$folder" >>"$logs/cluster.log" 2>&1) || true
  fi
}

# run_ctest NAME PRESET CTEST-ARGUMENTS...: GoogleTest programs leave their cases in a folder of their own, so that
# cases are counted and not programs.
run_ctest() {
  local name=$1 preset=$2 folder=$logs/$1
  shift 2
  mkdir -p "$folder/cases"
  # -v, so that the Go tests name what ran.
  GTEST_OUTPUT="json:$folder/cases/" GOFLAGS="${GOFLAGS:-} -v" \
    timed "$name" ctest --test-dir "$root/build/$preset" --parallel "$jobs" --no-tests=error \
    --output-on-failure --test-output-size-passed 200000 --test-output-size-failed 200000 \
    --output-junit "$folder/ctest.xml" "$@" >"$folder.log" 2>&1 </dev/null || true
  "$python" "$root/tests/summary.py" ctest "$name" "$folder/ctest.xml" "$folder/cases" "$folder.log" "$logs/$name.json"
}

# run_pytest NAME FOLDER PYTEST-ARGUMENTS...; the variable `interpreter` names another Python.
run_pytest() {
  local name=$1 folder=$2
  shift 2
  timed "$name" "${interpreter:-$python}" -m pytest "$root/tests/$folder" --junit-xml="$logs/$name.xml" -ra "$@" \
    >"$logs/$name.log" 2>&1 </dev/null || true
  "$python" "$root/tests/summary.py" pytest "$name" "$logs/$name.xml" "$logs/$name.log" "$logs/$name.json"
}

run_e2e() {
  local side_by_side=("--numprocesses=$e2e_jobs" --dist=loadgroup)
  if wanted e2e; then
    run_pytest e2e e2e "${side_by_side[@]}" --database=sqlite
    # What Python components do is the same without warm Pythons.
    run_pytest e2e-fresh e2e/conformance "${side_by_side[@]}" --database=sqlite --warm-python=off
    # Nor is it otherwise with artifacts elsewhere.
    run_pytest e2e-s3 e2e/conformance "${side_by_side[@]}" --database=sqlite --pipeline-root=s3
    run_pytest e2e-disk e2e/conformance "${side_by_side[@]}" --database=sqlite --pipeline-root=file
    interpreter=$root/build/kfp-newest/bin/python run_pytest e2e-newest-kfp e2e/test_every_method.py \
      "${newest_kfp_tests[@]/#/$root/tests/e2e/}" "${side_by_side[@]}" --database=sqlite
  fi
  if wanted e2e-postgres; then run_pytest e2e-postgres e2e "${side_by_side[@]}" --database=postgres; fi
}

# The C++ and Go rings, by label; all three together also take the tests that have another label, but not the benches.
run_programs() {
  local labels=() ring
  for ring in unit contract api; do
    if wanted "$ring"; then labels+=("$ring"); fi
  done
  ((${#labels[@]})) || return 0
  if ((${#labels[@]} == 3)); then
    run_ctest ctest release --label-exclude '^(bench|kubernetes)$'
  else
    for ring in "${labels[@]}"; do run_ctest "$ring" release --label-regex "^$ring\$"; done
  fi
}

run_sanitizers() {
  local preset
  # Findings end the program, so that a test cannot pass over them.
  export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:exitcode=99 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
  export TSAN_OPTIONS=halt_on_error=1:exitcode=99:second_deadlock_stack=1
  if [[ -f $root/tests/tsan.supp ]]; then TSAN_OPTIONS+=:suppressions=$root/tests/tsan.supp; fi
  if [[ -f $root/tests/lsan.supp ]]; then export LSAN_OPTIONS=suppressions=$root/tests/lsan.supp; fi
  for preset in asan tsan; do
    if build "$preset"; then run_ctest "$preset" "$preset" --label-exclude '^(bench|kubernetes)$'; fi
  done
}

main() {
  parse_arguments "$@"
  # Tests that need a server of build/stores fail without it, rather than be left out.
  export PENSTOCK_TEST_STORES=required
  export PENSTOCK_TEST_S3_SERVER=$root/build/stores/versitygw
  export PENSTOCK_TEST_GCS_SERVER=$root/build/stores/fake-gcs-server
  if command -v npm >/dev/null; then export PENSTOCK_TEST_AZURITE=$root/build/stores/node_modules/.bin/azurite-blob; fi
  "$root/deploy/install_deps.sh" --tests
  rm -rf "$logs"
  mkdir -p "$logs"
  local stores=0 cluster=0
  # Beside the build, which leaves it the time.
  if [[ ${rings[*]} != checks ]]; then
    build_stores &
    stores=$!
  fi
  if wanted kubernetes; then
    build_cluster &
    cluster=$!
  fi
  if wanted checks; then run_pytest checks checks; fi
  if wanted unit || wanted contract || wanted api; then
    if build release; then
      await_build "$stores" stores "the servers of object stores"
      run_programs
      run_e2e
    fi
  elif wanted e2e || wanted e2e-postgres || wanted kubernetes; then
    local targets=(penstock_programs)
    if wanted kubernetes; then targets+=(kubernetes_executor_test); fi
    if build release "${targets[@]}"; then
      await_build "$stores" stores "the servers of object stores"
      run_e2e
    fi
  fi
  if wanted kubernetes; then
    await_build "$cluster" cluster "the Kubernetes of the tests"
    run_kubernetes
  fi
  if wanted sanitizers; then run_sanitizers; fi
  say_minutes
  "$python" "$root/tests/summary.py" total "$logs"
}

main "$@"
