"""Topology files, and the QEMU devices that they stand for. The format is described in ../README.md."""
import re
import shlex

from .errors import LabError

KINDS = ("vm", "node", "root", "port", "switch", "bridge", "dev", "fn")
VM_DEFAULTS = {"cpus": "2", "memory": "2560", "cpu": "EPYC", "iommu": "intel", "aw": "48", "autoload": "no",
               "cmdline": "", "thread": "single", "modprobe": "vfio-pci vfio_iommu_type1"}
# Attributes of a root port that QEMU spells otherwise.
PORT_PROPERTIES = {"speed": "x-speed", "width": "x-width", "pref64": "pref64-reserve", "bus-reserve": "bus-reserve",
                   "hotplug": "hotplug"}
FIRST_FREE_SLOT = 8  # of pcie.0: those before are the lab's own


class Item:
    """One line: kind, positional words, key=value attributes, the lines below it."""

    def __init__(self, words: list[str], indent: int):
        self.kind = words[0]
        self.indent = indent
        self.words = [word for word in words[1:] if "=" not in word]
        self.attributes = dict(word.split("=", 1) for word in words[1:] if "=" in word)
        self.below: list["Item"] = []

    @property
    def name(self) -> str:
        return self.words[0]


def parse(text: str) -> list[Item]:
    """The outermost items of a topology file."""
    top, open_items = [], []
    for number, line in enumerate(text.splitlines(), 1):
        words = shlex.split(line, comments=True)
        if not words:
            continue
        if words[0] not in KINDS:
            raise LabError(f"topology line {number}: unknown kind '{words[0]}'; there are: {' '.join(KINDS)}")
        item = Item(words, len(line) - len(line.lstrip()))
        if item.kind != "vm" and not item.words:
            raise LabError(f"topology line {number}: '{item.kind}' needs a name")
        if item.kind in ("dev", "fn") and len(item.words) < 2:
            raise LabError(f"topology line {number}: '{item.kind} {item.name}' needs a QEMU model")
        while open_items and open_items[-1].indent >= item.indent:
            open_items.pop()
        (open_items[-1].below if open_items else top).append(item)
        open_items.append(item)
    return top


class Topology:
    """A parsed file as QEMU arguments. `devices`: the properties of each device, also of absent ones;
    `places`: ports and switches; `identities`: what labpci makes of a device."""

    def __init__(self, text: str, overrides: dict[str, str]):
        self.vm = dict(VM_DEFAULTS)
        self.nodes: list[Item] = []
        self.devices: dict[str, dict[str, str]] = {}
        self.places: list[str] = []
        self.identities: dict[str, str] = {}
        self._arguments: list[str] = []
        self._ports = 0
        self._slot = FIRST_FREE_SLOT
        items = parse(text)
        for item in items:
            if item.kind == "vm":
                self.vm.update(item.attributes)
            elif item.kind == "node":
                self.nodes.append(item)
        self.vm.update(overrides)
        unknown = set(self.vm) - set(VM_DEFAULTS)
        if unknown:
            raise LabError(f"no vm setting '{min(unknown)}'; there are: {' '.join(VM_DEFAULTS)}")
        for item in items:
            if item.kind == "root":
                self._root(item)

    def arguments(self, kvm: bool) -> list[str]:
        """QEMU's machine, memory and devices."""
        vm = self.vm
        acceleration = "kvm" if kvm else f"tcg,thread={vm['thread']},tb-size=512"
        memory = sum(int(node.attributes["memory"]) for node in self.nodes) if self.nodes else int(vm["memory"])
        result = ["-machine", "q35" + (",kernel-irqchip=split" if kvm else ""), "-accel", acceleration,
                  "-cpu", "host,-arch-capabilities" if kvm else vm["cpu"], "-smp", vm["cpus"], "-m", f"{memory}M",
                  "-nodefaults", "-display", "none", "-vga", "none", "-no-reboot",
                  "-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"]
        for node in self.nodes:
            result += ["-object", f"memory-backend-ram,id=memory{node.name},size={node.attributes['memory']}M"]
            cpus = "".join(f",cpus={cpu}" for cpu in node.attributes.get("cpus", "").split(",") if cpu)
            result += ["-numa", f"node,nodeid={node.name},memdev=memory{node.name}{cpus}"]
        if vm["iommu"] == "intel":
            result += ["-device", f"intel-iommu,intremap=on,caching-mode=on,aw-bits={vm['aw']}"]
        return result + self._arguments

    def kernel_arguments(self) -> str:
        words = ["console=ttyS0 quiet loglevel=3 panic=-1 nokaslr mitigations=off no_timer_check"]
        if self.vm["iommu"] == "intel":
            words.append("intel_iommu=on iommu=nopt")
        return " ".join(words + [self.vm["cmdline"]])

    def _add(self, properties: dict) -> None:
        words = [properties["driver"]] + [f"{key}={value}" for key, value in properties.items() if key != "driver"]
        self._arguments += ["-device", ",".join(words)]

    def _root(self, root: Item) -> None:
        built_in = root.name == "pcie.0"
        if not built_in:
            node = {"numa_node": root.attributes["node"]} if "node" in root.attributes else {}
            self._add({"driver": "pxb-pcie", "id": root.name, "bus": "pcie.0", "addr": hex(self._slot),
                       "bus_nr": root.attributes.get("bus", "0x40"), **node})
            self._slot += 1
        for index, item in enumerate(root.below):
            self._child(item, root.name, self._slot + index if built_in else index)
        if built_in:
            self._slot += len(root.below)

    def _child(self, item: Item, bus: str, slot: int, in_switch: bool = False) -> None:
        if item.kind == "port":
            self._port(item, bus, slot, in_switch)
        elif item.kind == "switch":
            self._add({"driver": "x3130-upstream", "id": item.name, "bus": bus, "addr": hex(slot)})
            self.places.append(item.name)
            for index, below in enumerate(item.below):
                if below.kind != "port":  # a device straight below a switch: it gets a port
                    port = Item(["port", f"{item.name}.p{index}"], 0)
                    port.below = [below]
                    below = port
                self._child(below, item.name, index, in_switch=True)
        elif item.kind == "bridge":
            self._add({"driver": "pcie-pci-bridge", "id": item.name, "bus": bus, "addr": hex(slot)})
            for index, below in enumerate(item.below):
                self._child(below, item.name, index + 1)
        elif item.kind == "dev":
            functions = [item] + [below for below in item.below if below.kind == "fn"]
            for number, function in reversed(list(enumerate(functions))):  # function 0 last: it completes the slot
                self._function(function, bus, f"{slot:#x}.{number}", len(functions) > 1, "absent" in item.words)
        else:
            raise LabError(f"topology: '{item.kind} {item.name}' does not belong there")

    def _port(self, item: Item, bus: str, slot: int, in_switch: bool) -> None:
        self._ports += 1
        properties = {"driver": "xio3130-downstream" if in_switch else "pcie-root-port", "id": item.name, "bus": bus,
                      "addr": hex(slot), "chassis": self._ports, "slot": self._ports}
        if not in_switch:
            properties |= {PORT_PROPERTIES[key]: value for key, value in item.attributes.items() if key in PORT_PROPERTIES}
            if item.attributes.get("acs") == "off":
                properties["disable-acs"] = "on"
        self._add(properties)
        self.places.append(item.name)
        for below in item.below:
            self._child(below, item.name, 0)

    def _function(self, item: Item, bus: str, address: str, multifunction: bool, absent: bool) -> None:
        model = item.words[1]
        properties = {"driver": model, "id": item.name, "bus": bus, "addr": address}
        if multifunction and address.endswith(".0"):
            properties["multifunction"] = "on"
        if model.startswith("virtio-"):  # or its DMA would bypass the IOMMU
            properties |= {"iommu_platform": "on", "disable-legacy": "on"}
        if model == "nvme":
            properties |= {"serial": item.name, "drive": f"drive-{item.name}"}
            self._arguments += ["-blockdev", f"driver=null-co,node-name=drive-{item.name},size=67108864,read-zeroes=on"]
        properties |= {key: value for key, value in item.attributes.items() if key != "as"}
        if "as" in item.attributes:
            if not re.fullmatch(r"[0-9a-f]{4}:[0-9a-f]{4}(/[0-9a-f]{6}(/[0-9a-f]{4}:[0-9a-f]{4})?)?", item.attributes["as"]):
                raise LabError(f"topology: '{item.name}': as={item.attributes['as']} is not VVVV:DDDD[/CCCCCC[/SVVV:SDDD]]")
            self.identities[item.name] = item.attributes["as"].replace("/", " ")
        self.devices[item.name] = properties
        if not absent:
            self._add(properties)
