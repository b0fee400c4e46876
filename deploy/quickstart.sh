#!/usr/bin/env bash
# Installs, builds and starts Penstock on this machine, runs the example pipeline examples/retrain.py on it, shows
# the results and serves until Ctrl-C.
#
#   deploy/quickstart.sh [--once] [--data_dir DIR] [--port N] [--grpc_port N] [--max_parallel_tasks N]
#                        [--threshold X] [--no_example]
#
#   --once                  stop after the example; the exit code is the example's
#   --data_dir DIR          where runs, artifacts and logs are kept (default: ~/.penstock)
#   --port N                HTTP port (default: 8888; 0: any free one)
#   --grpc_port N           gRPC port (default: 8887; 0: any free one)
#   --max_parallel_tasks N  tasks that run at the same time (default: the server's choice)
#   --threshold X           accuracy from which the example deploys its model (default: 0.9)
#   --no_example            only serve
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
readonly build=$root/build/release
readonly ready_seconds=30
readonly stop_seconds=20

once=false
example=true
data_dir=$HOME/.penstock
http_port=8888
grpc_port=8887
threshold=0.9
server_flags=()

server_pid=
example_pid=
signals=0
hurry=0
scratch=

say() { printf '%s\n' "$*"; }
fail() {
  printf 'quickstart: %s\n' "$*" >&2
  exit 1
}

usage() { sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; }

# check_number NAME VALUE MAX
check_number() {
  [[ $2 =~ ^[0-9]{1,9}$ ]] && ((10#$2 <= $3)) || fail "$1 takes a number from 0 to $3, not '$2'."
}

parse_arguments() {
  local name value
  while (($#)); do
    name=${1%%=*}
    case $name in
      -h | --help)
        usage
        exit 0
        ;;
      --once | --no_example)
        [[ $1 == "$name" ]] || fail "$name takes no value."
        if [[ $name == --once ]]; then once=true; else example=false; fi
        shift
        continue
        ;;
      --data_dir | --port | --grpc_port | --max_parallel_tasks | --threshold) ;;
      *) fail "unknown argument '$1'; --help lists them." ;;
    esac
    if [[ $1 == *=* ]]; then
      value=${1#*=}
      shift
    else
      (($# > 1)) || fail "$name needs a value; --help explains it."
      value=$2
      shift 2
    fi
    case $name in
      --data_dir)
        [[ -n $value ]] || fail "--data_dir needs a directory."
        data_dir=$value
        ;;
      --port) check_number "$name" "$value" 65535 && http_port=$value ;;
      --grpc_port) check_number "$name" "$value" 65535 && grpc_port=$value ;;
      --max_parallel_tasks) check_number "$name" "$value" 100000 && server_flags+=("$name=$value") ;;
      --threshold) threshold=$value ;;
    esac
  done
}

# Asks process $1 to stop and waits until it has. One that does not stop politely in time, or not fast enough for
# a user who presses Ctrl-C again, is asked a second time, which the server takes as "at once", and then killed.
stop_process() {
  local pid=$1 deadline=$((SECONDS + stop_seconds)) asked=1
  kill -TERM "$pid" 2>/dev/null || return 0
  while kill -0 "$pid" 2>/dev/null; do
    if ((SECONDS >= deadline || (hurry && asked == 1))); then
      if ((asked == 1)); then kill -TERM "$pid" 2>/dev/null || true; else kill -KILL "$pid" 2>/dev/null || true; fi
      asked=$((asked + 1))
      deadline=$((SECONDS + 5))
    fi
    sleep 0.05 || true
  done
  wait "$pid" 2>/dev/null || true
}

clean_up() {
  local code=$?
  trap 'hurry=1' INT TERM HUP
  if [[ -n $example_pid ]]; then stop_process "$example_pid"; fi
  if [[ -n $server_pid ]]; then stop_process "$server_pid"; fi
  if [[ -n $scratch ]]; then rm -rf "$scratch"; fi
  exit "$code"
}

# The first signal ends what is waited for, and with it the script; clean_up then takes the signals over.
on_signal() {
  signals=$((signals + 1))
  if [[ -n $example_pid ]]; then kill -TERM "$example_pid" 2>/dev/null || true; fi
}

build_programs() {
  local log=$build.log
  command -v cmake >/dev/null || fail "cmake is missing although its package is installed: put /usr/bin on PATH."
  mkdir -p "$root/build"
  if [[ ! -f $build/build.ninja ]]; then
    say "Configuring the release build"
    (cd "$root" && cmake --preset release) >"$log" 2>&1 || {
      tail -n 20 "$log" >&2
      fail "cmake could not configure the build; the end of its output is above, all of it in $log."
    }
  fi
  # One line for each tenth, so that a first build of some minutes shows that it moves.
  if ! (cd "$root" && cmake --build --preset release --target penstock_programs 2>&1) | tee "$log" |
    awk '/^\[[0-9]+\/[0-9]+\]/ {
           split(substr($1, 2), n, "[/\\]]")
           tenth = int(10 * n[1] / n[2])
           if (n[2] >= 20 && tenth > last) { printf "Building: %d0 %%\n", tenth; fflush(); last = tenth }
         }'; then
    tail -n 30 "$log" >&2
    fail "the build failed; the end of its output is above, all of it in $log."
  fi
}

# Prints what the server wrote, shortened to its end.
server_words() { tail -n 15 "$scratch/server.log" >&2; }

# ready_value KEY: a number from the server's ready file.
ready_value() {
  sed -n "s/.*\"$1\"[[:space:]]*:[[:space:]]*\([0-9][0-9]*\).*/\1/p" "$scratch/ready.json"
}

start_server() {
  local deadline=$((SECONDS + ready_seconds))
  # In a session of its own, so that Ctrl-C reaches it once, through this script, and not twice.
  setsid "$build/bin/penstock" "--data_dir=$data_dir" "--grpc_listen=127.0.0.1:$grpc_port" \
    "--http_listen=127.0.0.1:$http_port" "--python=$root/.venv/bin/python" "--ready_file=$scratch/ready.json" \
    ${server_flags[@]+"${server_flags[@]}"} >"$scratch/server.log" 2>&1 </dev/null &
  server_pid=$!
  until [[ -s $scratch/ready.json ]]; do
    ((signals == 0)) || exit 130
    if ! kill -0 "$server_pid" 2>/dev/null; then
      server_pid=
      server_words
      fail "the server did not start; its own words are above."
    fi
    if ((SECONDS >= deadline)); then
      server_words
      fail "the server is not ready after $ready_seconds s; its last words are above."
    fi
    sleep 0.02
  done
  http_port=$(ready_value http_port)
  grpc_port=$(ready_value grpc_port)
}

# How many runs the data directory already holds.
stored_runs() {
  "$root/.venv/bin/python" - "http://127.0.0.1:$http_port" <<'PYTHON'
import json, sys, urllib.request
with urllib.request.urlopen(sys.argv[1] + '/apis/v2beta1/runs?page_size=1', timeout=30) as answer:
    print(json.load(answer).get('total_size', 0))
PYTHON
}

# wait_for PID: its exit code; returns at once when a signal arrives.
wait_for() {
  local code=0
  wait "$1" || code=$?
  return "$code"
}

run_example() {
  local code=0
  "$root/.venv/bin/python" -u "$root/examples/retrain.py" --host "http://127.0.0.1:$http_port" \
    --threshold "$threshold" --data_dir "$data_dir" </dev/null &
  example_pid=$!
  wait_for "$example_pid" || code=$?
  if ((signals > 0)); then
    say ""
    say "Stopping. A task that runs goes on to its end; the next start with --data_dir $data_dir continues the run."
    exit 130
  fi
  example_pid=
  return "$code"
}

serve() {
  local code=0
  say ""
  say "Serving http://127.0.0.1:$http_port and gRPC on 127.0.0.1:$grpc_port until Ctrl-C."
  wait_for "$server_pid" || code=$?
  if ((signals > 0)); then
    say ""
    say "Stopping. Runs, artifacts and logs stay in $data_dir."
    return 0
  fi
  server_pid=
  server_words
  fail "the server ended by itself (exit code $code); its last words are above."
}

main() {
  local code=0 earlier
  parse_arguments "$@"
  "$root/deploy/install_deps.sh"
  build_programs
  scratch=$(mktemp -d)
  trap clean_up EXIT
  trap on_signal INT TERM HUP
  start_server
  say "Penstock is ready: http://127.0.0.1:$http_port, gRPC 127.0.0.1:$grpc_port, data in $data_dir"
  earlier=$(stored_runs) || fail "the server is up but does not list its runs."
  case $earlier in
    0) ;;
    1) say "1 earlier run is stored here." ;;
    *) say "$earlier earlier runs are stored here." ;;
  esac
  if $example; then run_example || code=$?; fi
  if ! $once; then serve; fi
  exit "$code"
}

main "$@"
