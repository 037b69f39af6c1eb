# Completion of berthctl and climc for bash; made by `berthctl completion bash`.
_berthctl_names() {
  "${COMP_WORDS[0]}" "$1" --limit 1000 --field "$2" -o csv 2>/dev/null | tail -n +2
}

_berthctl() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
  local command= place=-1 words= options= word
  local commands="isolated-device-list isolated-device-show isolated-device-update isolated-device-enable isolated-device-disable isolated-device-delete isolated-device-purge server-list server-show server-create server-delete server-start server-stop server-restart server-attach-isolated-device server-detach-isolated-device host-list host-show host-enable host-disable host-update host-maintenance host-probe-isolated-devices host-probe host-delete scheduler-forecast usage snapshot events help completion pki-init pki-issue version"
  COMPREPLY=()
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -* ]] && continue
    [[ -z $command ]] && command=$word
    ((++place))
  done
  if [[ -z $command ]]; then
    COMPREPLY=($(compgen -W "$commands" -- "$current"))
    return
  fi
  [[ $previous == -o ]] && previous=--output
  case $command/$previous in
    isolated-device-list/--host) words=$(_berthctl_names host-list name) ;;
    isolated-device-list/--server) words=$(_berthctl_names server-list name) ;;
    isolated-device-list/--dev-type) return ;;
    isolated-device-list/--model) return ;;
    isolated-device-list/--addr) return ;;
    isolated-device-list/--vendor-device-id) return ;;
    isolated-device-list/--numa-node) return ;;
    isolated-device-list/--state) return ;;
    isolated-device-list/--search) return ;;
    isolated-device-list/--limit) return ;;
    isolated-device-list/--offset) return ;;
    isolated-device-list/--order) words="desc asc" ;;
    isolated-device-list/--field) return ;;
    isolated-device-list/--controller) return ;;
    isolated-device-list/--token-file) compopt -o default; return ;;
    isolated-device-list/--ca-file) compopt -o default; return ;;
    isolated-device-list/--certificate) compopt -o default; return ;;
    isolated-device-list/--key) compopt -o default; return ;;
    isolated-device-list/--timeout) return ;;
    isolated-device-list/--output) words="table json csv" ;;
    isolated-device-show/--controller) return ;;
    isolated-device-show/--token-file) compopt -o default; return ;;
    isolated-device-show/--ca-file) compopt -o default; return ;;
    isolated-device-show/--certificate) compopt -o default; return ;;
    isolated-device-show/--key) compopt -o default; return ;;
    isolated-device-show/--timeout) return ;;
    isolated-device-show/--output) words="table json csv" ;;
    isolated-device-update/--reserved-mem) return ;;
    isolated-device-update/--reserved-storage) return ;;
    isolated-device-update/--dev-type) words="GPU-HPC GPU-VGA" ;;
    isolated-device-update/--reserved-cpu) return ;;
    isolated-device-update/--controller) return ;;
    isolated-device-update/--token-file) compopt -o default; return ;;
    isolated-device-update/--ca-file) compopt -o default; return ;;
    isolated-device-update/--certificate) compopt -o default; return ;;
    isolated-device-update/--key) compopt -o default; return ;;
    isolated-device-update/--timeout) return ;;
    isolated-device-update/--output) words="table json csv" ;;
    isolated-device-enable/--controller) return ;;
    isolated-device-enable/--token-file) compopt -o default; return ;;
    isolated-device-enable/--ca-file) compopt -o default; return ;;
    isolated-device-enable/--certificate) compopt -o default; return ;;
    isolated-device-enable/--key) compopt -o default; return ;;
    isolated-device-enable/--timeout) return ;;
    isolated-device-enable/--output) words="table json csv" ;;
    isolated-device-disable/--controller) return ;;
    isolated-device-disable/--token-file) compopt -o default; return ;;
    isolated-device-disable/--ca-file) compopt -o default; return ;;
    isolated-device-disable/--certificate) compopt -o default; return ;;
    isolated-device-disable/--key) compopt -o default; return ;;
    isolated-device-disable/--timeout) return ;;
    isolated-device-disable/--output) words="table json csv" ;;
    isolated-device-delete/--controller) return ;;
    isolated-device-delete/--token-file) compopt -o default; return ;;
    isolated-device-delete/--ca-file) compopt -o default; return ;;
    isolated-device-delete/--certificate) compopt -o default; return ;;
    isolated-device-delete/--key) compopt -o default; return ;;
    isolated-device-delete/--timeout) return ;;
    isolated-device-delete/--output) words="table json csv" ;;
    isolated-device-purge/--controller) return ;;
    isolated-device-purge/--token-file) compopt -o default; return ;;
    isolated-device-purge/--ca-file) compopt -o default; return ;;
    isolated-device-purge/--certificate) compopt -o default; return ;;
    isolated-device-purge/--key) compopt -o default; return ;;
    isolated-device-purge/--timeout) return ;;
    isolated-device-purge/--output) words="table json csv" ;;
    server-list/--host) words=$(_berthctl_names host-list name) ;;
    server-list/--project) return ;;
    server-list/--status) return ;;
    server-list/--search) return ;;
    server-list/--limit) return ;;
    server-list/--offset) return ;;
    server-list/--order) words="desc asc" ;;
    server-list/--field) return ;;
    server-list/--controller) return ;;
    server-list/--token-file) compopt -o default; return ;;
    server-list/--ca-file) compopt -o default; return ;;
    server-list/--certificate) compopt -o default; return ;;
    server-list/--key) compopt -o default; return ;;
    server-list/--timeout) return ;;
    server-list/--output) words="table json csv" ;;
    server-show/--controller) return ;;
    server-show/--token-file) compopt -o default; return ;;
    server-show/--ca-file) compopt -o default; return ;;
    server-show/--certificate) compopt -o default; return ;;
    server-show/--key) compopt -o default; return ;;
    server-show/--timeout) return ;;
    server-show/--output) words="table json csv" ;;
    server-create/--hypervisor) words="kvm" ;;
    server-create/--isolated-device) words=$(_berthctl_names isolated-device-list id) ;;
    server-create/--ncpu) return ;;
    server-create/--mem-spec) return ;;
    server-create/--disk) return ;;
    server-create/--net) return ;;
    server-create/--boot) words="bios uefi" ;;
    server-create/--os) words="linux windows" ;;
    server-create/--project) return ;;
    server-create/--host) words=$(_berthctl_names host-list name) ;;
    server-create/--prefer-host) words=$(_berthctl_names host-list name) ;;
    server-create/--tag) return ;;
    server-create/--prefer-tag) return ;;
    server-create/--avoid-tag) return ;;
    server-create/--anti-affinity) return ;;
    server-create/--numa) words="none prefer require" ;;
    server-create/--pcie-root) words="none prefer require" ;;
    server-create/--pcie-switch) words="none prefer require" ;;
    server-create/--fabric) words="none prefer require" ;;
    server-create/--expected-lifetime) return ;;
    server-create/--count) return ;;
    server-create/--metadata) return ;;
    server-create/--user-data) return ;;
    server-create/--qemu-argument) return ;;
    server-create/--wait-for-capacity) return ;;
    server-create/--priority) return ;;
    server-create/--explain-host) words=$(_berthctl_names host-list name) ;;
    server-create/--deadline) return ;;
    server-create/--controller) return ;;
    server-create/--token-file) compopt -o default; return ;;
    server-create/--ca-file) compopt -o default; return ;;
    server-create/--certificate) compopt -o default; return ;;
    server-create/--key) compopt -o default; return ;;
    server-create/--timeout) return ;;
    server-create/--output) words="table json csv" ;;
    server-delete/--deadline) return ;;
    server-delete/--controller) return ;;
    server-delete/--token-file) compopt -o default; return ;;
    server-delete/--ca-file) compopt -o default; return ;;
    server-delete/--certificate) compopt -o default; return ;;
    server-delete/--key) compopt -o default; return ;;
    server-delete/--timeout) return ;;
    server-delete/--output) words="table json csv" ;;
    server-start/--deadline) return ;;
    server-start/--controller) return ;;
    server-start/--token-file) compopt -o default; return ;;
    server-start/--ca-file) compopt -o default; return ;;
    server-start/--certificate) compopt -o default; return ;;
    server-start/--key) compopt -o default; return ;;
    server-start/--timeout) return ;;
    server-start/--output) words="table json csv" ;;
    server-stop/--deadline) return ;;
    server-stop/--controller) return ;;
    server-stop/--token-file) compopt -o default; return ;;
    server-stop/--ca-file) compopt -o default; return ;;
    server-stop/--certificate) compopt -o default; return ;;
    server-stop/--key) compopt -o default; return ;;
    server-stop/--timeout) return ;;
    server-stop/--output) words="table json csv" ;;
    server-restart/--deadline) return ;;
    server-restart/--controller) return ;;
    server-restart/--token-file) compopt -o default; return ;;
    server-restart/--ca-file) compopt -o default; return ;;
    server-restart/--certificate) compopt -o default; return ;;
    server-restart/--key) compopt -o default; return ;;
    server-restart/--timeout) return ;;
    server-restart/--output) words="table json csv" ;;
    server-attach-isolated-device/--type) words="GPU-HPC GPU-VGA PCI" ;;
    server-attach-isolated-device/--controller) return ;;
    server-attach-isolated-device/--token-file) compopt -o default; return ;;
    server-attach-isolated-device/--ca-file) compopt -o default; return ;;
    server-attach-isolated-device/--certificate) compopt -o default; return ;;
    server-attach-isolated-device/--key) compopt -o default; return ;;
    server-attach-isolated-device/--timeout) return ;;
    server-attach-isolated-device/--output) words="table json csv" ;;
    server-detach-isolated-device/--controller) return ;;
    server-detach-isolated-device/--token-file) compopt -o default; return ;;
    server-detach-isolated-device/--ca-file) compopt -o default; return ;;
    server-detach-isolated-device/--certificate) compopt -o default; return ;;
    server-detach-isolated-device/--key) compopt -o default; return ;;
    server-detach-isolated-device/--timeout) return ;;
    server-detach-isolated-device/--output) words="table json csv" ;;
    host-list/--status) words="online offline" ;;
    host-list/--search) return ;;
    host-list/--limit) return ;;
    host-list/--offset) return ;;
    host-list/--order) words="desc asc" ;;
    host-list/--field) return ;;
    host-list/--controller) return ;;
    host-list/--token-file) compopt -o default; return ;;
    host-list/--ca-file) compopt -o default; return ;;
    host-list/--certificate) compopt -o default; return ;;
    host-list/--key) compopt -o default; return ;;
    host-list/--timeout) return ;;
    host-list/--output) words="table json csv" ;;
    host-show/--controller) return ;;
    host-show/--token-file) compopt -o default; return ;;
    host-show/--ca-file) compopt -o default; return ;;
    host-show/--certificate) compopt -o default; return ;;
    host-show/--key) compopt -o default; return ;;
    host-show/--timeout) return ;;
    host-show/--output) words="table json csv" ;;
    host-enable/--controller) return ;;
    host-enable/--token-file) compopt -o default; return ;;
    host-enable/--ca-file) compopt -o default; return ;;
    host-enable/--certificate) compopt -o default; return ;;
    host-enable/--key) compopt -o default; return ;;
    host-enable/--timeout) return ;;
    host-enable/--output) words="table json csv" ;;
    host-disable/--controller) return ;;
    host-disable/--token-file) compopt -o default; return ;;
    host-disable/--ca-file) compopt -o default; return ;;
    host-disable/--certificate) compopt -o default; return ;;
    host-disable/--key) compopt -o default; return ;;
    host-disable/--timeout) return ;;
    host-disable/--output) words="table json csv" ;;
    host-update/--tag) return ;;
    host-update/--cpu-overcommit) return ;;
    host-update/--memory-overcommit) return ;;
    host-update/--reserve-cpu) return ;;
    host-update/--reserve-mem) return ;;
    host-update/--reserve-storage) return ;;
    host-update/--controller) return ;;
    host-update/--token-file) compopt -o default; return ;;
    host-update/--ca-file) compopt -o default; return ;;
    host-update/--certificate) compopt -o default; return ;;
    host-update/--key) compopt -o default; return ;;
    host-update/--timeout) return ;;
    host-update/--output) words="table json csv" ;;
    host-maintenance/--deadline) return ;;
    host-maintenance/--controller) return ;;
    host-maintenance/--token-file) compopt -o default; return ;;
    host-maintenance/--ca-file) compopt -o default; return ;;
    host-maintenance/--certificate) compopt -o default; return ;;
    host-maintenance/--key) compopt -o default; return ;;
    host-maintenance/--timeout) return ;;
    host-maintenance/--output) words="table json csv" ;;
    host-probe-isolated-devices/--controller) return ;;
    host-probe-isolated-devices/--token-file) compopt -o default; return ;;
    host-probe-isolated-devices/--ca-file) compopt -o default; return ;;
    host-probe-isolated-devices/--certificate) compopt -o default; return ;;
    host-probe-isolated-devices/--key) compopt -o default; return ;;
    host-probe-isolated-devices/--timeout) return ;;
    host-probe-isolated-devices/--output) words="table json csv" ;;
    host-probe/--controller) return ;;
    host-probe/--token-file) compopt -o default; return ;;
    host-probe/--ca-file) compopt -o default; return ;;
    host-probe/--certificate) compopt -o default; return ;;
    host-probe/--key) compopt -o default; return ;;
    host-probe/--timeout) return ;;
    host-probe/--output) words="table json csv" ;;
    host-delete/--controller) return ;;
    host-delete/--token-file) compopt -o default; return ;;
    host-delete/--ca-file) compopt -o default; return ;;
    host-delete/--certificate) compopt -o default; return ;;
    host-delete/--key) compopt -o default; return ;;
    host-delete/--timeout) return ;;
    host-delete/--output) words="table json csv" ;;
    scheduler-forecast/--hypervisor) words="kvm" ;;
    scheduler-forecast/--isolated-device) words=$(_berthctl_names isolated-device-list id) ;;
    scheduler-forecast/--ncpu) return ;;
    scheduler-forecast/--mem-spec) return ;;
    scheduler-forecast/--disk) return ;;
    scheduler-forecast/--net) return ;;
    scheduler-forecast/--boot) words="bios uefi" ;;
    scheduler-forecast/--os) words="linux windows" ;;
    scheduler-forecast/--project) return ;;
    scheduler-forecast/--host) words=$(_berthctl_names host-list name) ;;
    scheduler-forecast/--prefer-host) words=$(_berthctl_names host-list name) ;;
    scheduler-forecast/--tag) return ;;
    scheduler-forecast/--prefer-tag) return ;;
    scheduler-forecast/--avoid-tag) return ;;
    scheduler-forecast/--anti-affinity) return ;;
    scheduler-forecast/--numa) words="none prefer require" ;;
    scheduler-forecast/--pcie-root) words="none prefer require" ;;
    scheduler-forecast/--pcie-switch) words="none prefer require" ;;
    scheduler-forecast/--fabric) words="none prefer require" ;;
    scheduler-forecast/--expected-lifetime) return ;;
    scheduler-forecast/--count) return ;;
    scheduler-forecast/--explain-host) words=$(_berthctl_names host-list name) ;;
    scheduler-forecast/--controller) return ;;
    scheduler-forecast/--token-file) compopt -o default; return ;;
    scheduler-forecast/--ca-file) compopt -o default; return ;;
    scheduler-forecast/--certificate) compopt -o default; return ;;
    scheduler-forecast/--key) compopt -o default; return ;;
    scheduler-forecast/--timeout) return ;;
    scheduler-forecast/--output) words="table json csv" ;;
    usage/--controller) return ;;
    usage/--token-file) compopt -o default; return ;;
    usage/--ca-file) compopt -o default; return ;;
    usage/--certificate) compopt -o default; return ;;
    usage/--key) compopt -o default; return ;;
    usage/--timeout) return ;;
    usage/--output) words="table json csv" ;;
    snapshot/--out) compopt -o default; return ;;
    snapshot/--controller) return ;;
    snapshot/--token-file) compopt -o default; return ;;
    snapshot/--ca-file) compopt -o default; return ;;
    snapshot/--certificate) compopt -o default; return ;;
    snapshot/--key) compopt -o default; return ;;
    snapshot/--timeout) return ;;
    snapshot/--output) words="table json csv" ;;
    events/--from) return ;;
    events/--controller) return ;;
    events/--token-file) compopt -o default; return ;;
    events/--ca-file) compopt -o default; return ;;
    events/--certificate) compopt -o default; return ;;
    events/--key) compopt -o default; return ;;
    events/--timeout) return ;;
    events/--output) words="table json csv" ;;
    help/--controller) return ;;
    help/--token-file) compopt -o default; return ;;
    help/--ca-file) compopt -o default; return ;;
    help/--certificate) compopt -o default; return ;;
    help/--key) compopt -o default; return ;;
    help/--timeout) return ;;
    help/--output) words="table json csv" ;;
    completion/--controller) return ;;
    completion/--token-file) compopt -o default; return ;;
    completion/--ca-file) compopt -o default; return ;;
    completion/--certificate) compopt -o default; return ;;
    completion/--key) compopt -o default; return ;;
    completion/--timeout) return ;;
    completion/--output) words="table json csv" ;;
    pki-init/--host) return ;;
    pki-init/--name) return ;;
    pki-init/--days) return ;;
    pki-init/--controller) return ;;
    pki-init/--token-file) compopt -o default; return ;;
    pki-init/--ca-file) compopt -o default; return ;;
    pki-init/--certificate) compopt -o default; return ;;
    pki-init/--key) compopt -o default; return ;;
    pki-init/--timeout) return ;;
    pki-init/--output) words="table json csv" ;;
    pki-issue/--role) words="controller host client" ;;
    pki-issue/--name) return ;;
    pki-issue/--days) return ;;
    pki-issue/--controller) return ;;
    pki-issue/--token-file) compopt -o default; return ;;
    pki-issue/--ca-file) compopt -o default; return ;;
    pki-issue/--certificate) compopt -o default; return ;;
    pki-issue/--key) compopt -o default; return ;;
    pki-issue/--timeout) return ;;
    pki-issue/--output) words="table json csv" ;;
    version/--controller) return ;;
    version/--token-file) compopt -o default; return ;;
    version/--ca-file) compopt -o default; return ;;
    version/--certificate) compopt -o default; return ;;
    version/--key) compopt -o default; return ;;
    version/--timeout) return ;;
    version/--output) words="table json csv" ;;
    *) case $command in
    isolated-device-list)
      options="--gpu --unused --host --server --dev-type --model --addr --vendor-device-id --numa-node --state --search --limit --offset --order --details --field --controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        *) ;;
      esac ;;
    isolated-device-show)
      options="--controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        *) words=$(_berthctl_names isolated-device-list id) ;;
      esac ;;
    isolated-device-update)
      options="--reserved-mem --reserved-storage --dev-type --help --reserved-cpu --controller --token-file --ca-file --certificate --key --timeout --output"
      case $place in
        *) words=$(_berthctl_names isolated-device-list id) ;;
      esac ;;
    isolated-device-enable)
      options="--controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        *) words=$(_berthctl_names isolated-device-list id) ;;
      esac ;;
    isolated-device-disable)
      options="--controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        *) words=$(_berthctl_names isolated-device-list id) ;;
      esac ;;
    isolated-device-delete)
      options="--controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        *) words=$(_berthctl_names isolated-device-list id) ;;
      esac ;;
    isolated-device-purge)
      options="--purge --controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        *) words=$(_berthctl_names isolated-device-list id) ;;
      esac ;;
    server-list)
      options="--gpu --host --project --status --search --limit --offset --order --details --field --controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        *) ;;
      esac ;;
    server-show)
      options="--controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        *) words=$(_berthctl_names server-list name) ;;
      esac ;;
    server-create)
      options="--hypervisor --isolated-device --ncpu --mem-spec --disk --net --boot --os --project --host --prefer-host --tag --prefer-tag --avoid-tag --anti-affinity --numa --pcie-root --pcie-switch --fabric --expected-lifetime --count --auto-start --metadata --user-data --qemu-argument --wait-for-capacity --priority --no-keep --dry-run --explain-host --wait --deadline --controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        0) return ;;
      esac ;;
    server-delete)
      options="--wait --deadline --controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        *) words=$(_berthctl_names server-list name) ;;
      esac ;;
    server-start)
      options="--wait --deadline --controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        *) words=$(_berthctl_names server-list name) ;;
      esac ;;
    server-stop)
      options="--wait --deadline --controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        *) words=$(_berthctl_names server-list name) ;;
      esac ;;
    server-restart)
      options="--wait --deadline --controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        *) words=$(_berthctl_names server-list name) ;;
      esac ;;
    server-attach-isolated-device)
      options="--type --controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        0) words=$(_berthctl_names server-list name) ;;
        1) words=$(_berthctl_names isolated-device-list id) ;;
      esac ;;
    server-detach-isolated-device)
      options="--controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        0) words=$(_berthctl_names server-list name) ;;
        1) words=$(_berthctl_names isolated-device-list id) ;;
      esac ;;
    host-list)
      options="--enabled --status --search --limit --offset --order --details --field --controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        *) ;;
      esac ;;
    host-show)
      options="--controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        *) words=$(_berthctl_names host-list name) ;;
      esac ;;
    host-enable)
      options="--controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        *) words=$(_berthctl_names host-list name) ;;
      esac ;;
    host-disable)
      options="--controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        *) words=$(_berthctl_names host-list name) ;;
      esac ;;
    host-update)
      options="--tag --no-tags --cpu-overcommit --memory-overcommit --reserve-cpu --reserve-mem --reserve-storage --controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        0) words=$(_berthctl_names host-list name) ;;
      esac ;;
    host-maintenance)
      options="--off --stop-servers --wait --deadline --controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        0) words=$(_berthctl_names host-list name) ;;
      esac ;;
    host-probe-isolated-devices)
      options="--controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        *) words=$(_berthctl_names host-list name) ;;
      esac ;;
    host-probe)
      options="--controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        *) words=$(_berthctl_names host-list name) ;;
      esac ;;
    host-delete)
      options="--controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        *) words=$(_berthctl_names host-list name) ;;
      esac ;;
    scheduler-forecast)
      options="--hypervisor --isolated-device --ncpu --mem-spec --disk --net --boot --os --project --host --prefer-host --tag --prefer-tag --avoid-tag --anti-affinity --numa --pcie-root --pcie-switch --fabric --expected-lifetime --count --explain-host --controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        0) return ;;
      esac ;;
    usage)
      options="--controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        *) ;;
      esac ;;
    snapshot)
      options="--out --controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        *) ;;
      esac ;;
    events)
      options="--follow --from --controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        *) ;;
      esac ;;
    help)
      options="--controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        0) words=$commands ;;
      esac ;;
    completion)
      options="--controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        0) return ;;
      esac ;;
    pki-init)
      options="--host --name --days --controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        0) compopt -o default; return ;;
      esac ;;
    pki-issue)
      options="--role --name --days --controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        0) compopt -o default; return ;;
        1) return ;;
      esac ;;
    version)
      options="--controller --token-file --ca-file --certificate --key --timeout --output --help"
      case $place in
        *) ;;
      esac ;;
    esac
    [[ $current == -* ]] && words=$options ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _berthctl berthctl climc
