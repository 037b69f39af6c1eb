#!/usr/bin/env bash
# One demand on hosts of 8 GPUs, best fit by free GPUs, in berth's simulator and beside it in SimPy and SimGrid:
# events per second of processor time of each, medians of alternating runs on one core, and how many times more berth does.
# usage: bench/peers/des.sh [RUNS]      (default 3)
#   peers that are not installed are named and left out: python3-simpy3, libsimgrid-dev
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd) root=$(cd "$(dirname "$0")/../.." && pwd)
runs=${1:-3}
python=/usr/bin/python3 # Debian's, which sees Debian's packages
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

[ -f "$root/build/release/build.ninja" ] || cmake --preset release -S "$root" >/dev/null
ninja -C "$root/build/release" des_berth >/dev/null
engines=(berth)
if "$python" -c 'import simpy' 2>/dev/null; then
  engines+=(simpy)
else
  echo "SimPy is left out: python3-simpy3 is not installed"
fi
if [ -f /usr/include/simgrid/s4u.hpp ]; then
  g++ -std=c++17 -O2 -o "$work/des_simgrid" "$here/des_simgrid.cpp" -lsimgrid
  engines+=(simgrid)
else
  echo "SimGrid is left out: libsimgrid-dev is not installed"
fi

run() { # ENGINE HOSTS
  case $1 in
    berth) taskset -c 0 "$root/build/release/bench/des_berth" "$2" "$work/demand.csv" ;;
    simpy) taskset -c 0 "$python" "$here/des_simpy.py" "$2" "$work/demand.csv" ;;
    # Every server is an actor: with stacks of the usual size they would take gigabytes.
    simgrid) taskset -c 0 "$work/des_simgrid" "$2" "$work/demand.csv" --log=root.threshold:error \
      --cfg=contexts/stack-size:16 --cfg=contexts/guard-size:0 ;;
  esac
}

printf '| hosts | engine | events | refused | events/s of processor time, median of %s | berth does so many times more | MiB |\n' "$runs"
printf '|---|---|---|---|---|---|---|\n'
for hosts in 1000 10000; do
  "$python" "$here/workload.py" "$hosts" $((hosts * 10 + 90000)) >"$work/demand.csv"
  for ((i = 0; i < runs; ++i)); do
    for engine in "${engines[@]}"; do
      run "$engine" "$hosts" >>"$work/$engine.$hosts"
    done
  done
  for engine in "${engines[@]}"; do
    median=$(awk '{printf "%.0f\n", $1 / $2}' "$work/$engine.$hosts" | sort -n | sed -n "$(((runs + 1) / 2))p")
    [ "$engine" != berth ] || own=$median
    read -r events _ refused mib <"$work/$engine.$hosts"
    printf '| %s | %s | %s | %s | %s | %s | %s |\n' "$hosts" "$engine" "$events" "$refused" "$median" \
      "$(awk "BEGIN {printf \"%.1f\", $own / $median}")" "$mib"
  done
done
