# Sourced by the measurements beside it: starts a controller and simulated hosts from the release build, and ends them.
# Sets $bin, $work, $port; start_controller sets $controller_pid, start_fleet sets $fleet_pid.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin=$PWD/build/release/bin

build_release() {
  scripts/install-packages build
  cmake --preset release >/dev/null
  cmake --build --preset release --parallel "$(nproc)" --target "$@" | tail -1
}

work=$(mktemp -d "${TMPDIR:-/tmp}/berth-bench.XXXXXX")
controller_pid='' fleet_pid=''
stop_cluster() {
  for pid in $fleet_pid $controller_pid; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  if [ -n "${KEEP:-}" ]; then echo "kept $work"; else rm -rf "$work"; fi
}
trap stop_cluster EXIT

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
usage_field() {
  curl -fsS "http://127.0.0.1:$port/v1/usage" | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}
# Resident memory in KiB, and CPU seconds used so far, of a process.
rss_kib() { awk '/^VmRSS/ {print $2}' "/proc/$1/status"; }
cpu_seconds() { awk -v hz="$(getconf CLK_TCK)" '{print ($14 + $15) / hz}' "/proc/$1/stat"; }
# Polls a command's success every 20 ms: wait_for WHAT SECONDS COMMAND...
wait_for() {
  local what=$1 deadline=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null 2>&1; do
    if [ $SECONDS -ge $deadline ]; then
      echo "$what did not happen in time" >&2
      tail -3 "$work"/*.log >&2
      return 1
    fi
    sleep 0.02
  done
}

make_pki() { "$bin/berthctl" pki-init "$work/pki" --host '*' >/dev/null; }

start_controller() { # FLAGS...
  "$bin/berth-controller" --listen "127.0.0.1:$port" --store-path "$work/controller.db" \
    --tls-certificate "$work/pki/controller.crt" --tls-key "$work/pki/controller.key" \
    --tls-client-ca "$work/pki/ca.crt" --hosts-fleet-certificates true --log-level warn "$@" \
    >>"$work/controller.log" 2>&1 &
  controller_pid=$!
  wait_for "the controller's readiness" 120 curl -fsS "http://127.0.0.1:$port/readyz"
}

# start_fleet HOSTS GPUS [TIME_SCALE]: one berth-host process that plays so many equal hosts.
start_fleet() {
  printf 'hosts:\n  - {name: node, count: %d, cpus: 256, memory_mib: 4194304, storage_mib: 67108864, gpus: %d, model: H100 SXM5 80GB}\n' \
    "$1" "$2" >"$work/inventory.yaml"
  mkdir -p "$work/state"
  "$bin/berth-host" --controller "127.0.0.1:$port" --simulated true --simulated-inventory "$work/inventory.yaml" \
    --simulated-time-scale "${3:-0}" --state-dir "$work/state" --tls-certificate "$work/pki/fleet.crt" \
    --tls-key "$work/pki/fleet.key" --tls-ca "$work/pki/ca.crt" --metrics-listen 127.0.0.1:0 --log-level warn \
    >>"$work/fleet.log" 2>&1 &
  fleet_pid=$!
  wait_for "$(($1 * $2)) free devices" 180 devices_free $(($1 * $2))
}
devices_free() { [ "$(usage_field devices_free)" -eq "$1" ]; }
