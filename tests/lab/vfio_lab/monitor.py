"""The outer QEMU's monitor, and the requests of `labctl` that it answers."""
import json
import pathlib
import socket
import subprocess
import time

from .errors import LabError
from .topology import Topology

START_SECONDS = 20
REPLY_SECONDS = 60


class Monitor:
    """QMP: replies are awaited, events are collected."""

    def __init__(self, path: pathlib.Path, qemu: subprocess.Popen):
        self._socket = connect(path, qemu)
        self._socket.settimeout(REPLY_SECONDS)
        self._stream = self._socket.makefile("rw", encoding="utf-8")
        self.events: list[dict] = []
        self._read()  # the greeting
        self.execute("qmp_capabilities")

    def execute(self, command: str, **arguments):
        return self.send({"execute": command, "arguments": arguments})

    def send(self, request: dict):
        self._stream.write(json.dumps(request) + "\n")
        self._stream.flush()
        while True:
            reply = self._read()
            if "event" in reply:
                self.events.append(reply)
            elif "error" in reply:
                raise LabError(reply["error"]["desc"])
            else:
                return reply["return"]

    def _read(self) -> dict:
        line = self._stream.readline()
        if not line:
            raise LabError("QEMU closed its monitor")
        return json.loads(line)


def connect(path: pathlib.Path, qemu: subprocess.Popen) -> socket.socket:
    """A connection to a socket that QEMU makes while it starts."""
    end = time.monotonic() + START_SECONDS
    while True:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(path))
            return connection
        except OSError as error:
            connection.close()
            if qemu.poll() is not None:
                raise LabError("QEMU ended at once") from error
            if time.monotonic() > end:
                raise LabError(f"QEMU did not open {path} within {START_SECONDS} s") from error
            time.sleep(0.05)


class Broker:
    """Answers the requests of `labctl` inside the VM."""

    def __init__(self, monitor: Monitor, topology: Topology):
        self._monitor = monitor
        self._topology = topology

    def answer(self, line: str) -> list[str]:
        """The lines of the reply, the last of which is =ok or =error REASON."""
        try:
            return self._obey(line) + ["=ok"]
        except (LabError, ValueError, KeyError) as error:
            return ["=error " + str(error)]

    def _obey(self, line: str) -> list[str]:
        request, _, argument = line.strip().partition(" ")
        argument = argument.strip()
        if request == "map":
            places = self.addresses(with_absent=argument == "all")
            return [f"{name} {places[name]}" for name in sorted(places)]
        if request == "identities":
            places = self.addresses(with_absent=True)
            return [f"{name} {places[name]} {identity}" for name, identity in self._topology.identities.items()]
        if request == "plug":
            self._monitor.execute("device_add", **self._device(argument))
            return []
        if request == "unplug":
            self._monitor.execute("device_del", id=self._device(argument)["id"])
            return []
        if request == "qmp":
            return [json.dumps(self._monitor.send(json.loads(argument)))]
        if request == "hmp":
            return self._monitor.execute("human-monitor-command", **{"command-line": argument}).splitlines()
        if request == "events":
            events, self._monitor.events = self._monitor.events, []
            return [json.dumps(event) for event in events]
        raise LabError(f"unknown request '{request}'")

    def _device(self, name: str) -> dict[str, str]:
        if name not in self._topology.devices:
            raise LabError(f"no device '{name}' in the topology")
        return self._topology.devices[name]

    def addresses(self, with_absent: bool) -> dict[str, str]:
        """Name -> address, as the VM's firmware and kernel numbered the buses."""
        places, buses = {}, {}

        def walk(devices):
            for device in devices:
                name, bridge = device.get("qdev_id"), device.get("pci_bridge", {})
                if name:
                    places[name] = f"0000:{device['bus']:02x}:{device['slot']:02x}.{device['function']:x}"
                    buses[name] = bridge.get("bus", {}).get("secondary")
                walk(bridge.get("devices", []))

        for root in self._monitor.execute("query-pci"):
            walk(root["devices"])
        known = {name: at for name, at in places.items() if name in self._topology.devices or name in self._topology.places}
        if with_absent:
            for name, device in self._topology.devices.items():
                bus = buses.get(device["bus"])
                if name not in known and bus:
                    slot, _, function = device["addr"].partition(".")
                    known[name] = f"0000:{bus:02x}:{int(slot, 16):02x}.{function}"
        return known
