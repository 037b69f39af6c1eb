# Sourced by the measurements beside it: starts a controller and simulated hosts from the release build, and ends them.
# After `start_cluster HOSTS GPUS_PER_HOST`: $port, $work, $controller_pid, $hosts_pid.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin=$PWD/build/release/bin

build_release() {
  scripts/install-packages build
  cmake --preset release >/dev/null
  cmake --build --preset release --parallel "$(nproc)" --target "$@"
}

work=$(mktemp -d "${TMPDIR:-/tmp}/berth-bench.XXXXXX")
controller_pid= hosts_pid=
stop_cluster() {
  for pid in $hosts_pid $controller_pid; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  [ -n "${KEEP:-}" ] && echo "kept $work" || rm -rf "$work"
}
trap stop_cluster EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
usage_field() { curl -fsS "http://127.0.0.1:$port/v1/usage" | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
# Resident memory in KiB, and CPU seconds used so far, of a process.
rss_kib() { awk '/^VmRSS/ {print $2}' "/proc/$1/status"; }
cpu_seconds() { awk -v hz="$(getconf CLK_TCK)" '{print ($14 + $15) / hz}' "/proc/$1/stat"; }

make_pki() {
  "$bin/berthctl" pki-init "$work/pki" "$@" >/dev/null
}
start_controller() {
  "$bin/berth-controller" --listen "127.0.0.1:$port" --store-path "$work/controller.db" \
    --tls-certificate "$work/pki/controller.crt" --tls-key "$work/pki/controller.key" \
    --tls-client-ca "$work/pki/ca.crt" "${controller_flags[@]:-}" >>"$work/controller.log" 2>&1 &
  controller_pid=$!
  for _ in $(seq 1200); do
    curl -fsS "http://127.0.0.1:$port/readyz" >/dev/null 2>&1 && return
    kill -0 "$controller_pid" 2>/dev/null || break
    sleep 0.05
  done
  tail -5 "$work/controller.log" >&2
  return 1
}
