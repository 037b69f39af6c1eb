#!/usr/bin/env python3
"""Every command of the GPU passthrough page, as written there, against separate processes.

usage: page_test.py BINARIES SOURCE
"""
import pathlib
import re
import sys

from live_cluster import LiveCluster, eventually

GTX = "273f4f72-06b6-49aa-8456-4beceec44997"
QUADRO = "a77333e9-08d9-45c6-87eb-a7d8d902c5f5"
ON_THE_PAGE_TO_UPDATE = "b46a7374-6da2-46a4-8eda-abd16c502e0b"

LIST = """\
+--------------------------------------+----------+---------------------+---------+------------------+--------------------------------------+
|                  ID                  | Dev_type |        Model        |  Addr   | Vendor_device_id |               Host_id                |
+--------------------------------------+----------+---------------------+---------+------------------+--------------------------------------+
| 273f4f72-06b6-49aa-8456-4beceec44997 | GPU-HPC  | GeForce GTX 1050 Ti | 41:00.0 | 10de:1c82        | 3bce9607-2597-469f-8d9b-977345456739 |
| a77333e9-08d9-45c6-87eb-a7d8d902c5f5 | GPU-HPC  | Quadro FX 580       | 05:00.0 | 10de:0659        | 3bce9607-2597-469f-8d9b-977345456739 |
+--------------------------------------+----------+---------------------+---------+------------------+--------------------------------------+
"""
USAGE = ("Usage: climc isolated-device-update [--reserved-mem RESERVED_MEM] [--reserved-storage RESERVED_STORAGE] "
         "[--dev-type {GPU-HPC,GPU-VGA}] [--help] [--reserved-cpu RESERVED_CPU] <ID> ...\n")


class Page:
    def __init__(self, cluster):
        self.cluster = cluster

    def climc(self, line, expected=0):
        """Runs a command line of the page; returns its standard output."""
        done = self.cluster.cli(*line.split())
        print(f"$ climc {line}\n{done.stdout}{done.stderr}", flush=True)
        assert done.returncode == expected, f"exit code {done.returncode}, expected {expected}: climc {line}"
        return done.stdout

    def device(self, device):
        return self.cluster.get(f"/v1/isolated-devices/{device}")

    def run(self):
        self.list()
        server = self.create()
        self.set_type()
        self.list_gpu_servers(server)
        self.attach(server)
        self.only_when_stopped(server)
        self.survive_a_crash(server)
        self.unmount(server)

    def list(self):
        assert self.climc("isolated-device-list --gpu") == LIST

    def create(self):
        # The page's line ends in three dots; they stand for the other parameters and are taken as their defaults.
        self.climc(f"server-create --hypervisor kvm --isolated-device {GTX} ...")
        server = self.device(GTX)["guest"]
        eventually("the server is deployed", lambda: self.cluster.get(f"/v1/servers/{server}")["status"] == "ready")
        return server

    def set_type(self):
        assert self.climc("isolated-device-update", expected=2) == USAGE
        self.cluster.start_host("l40s", "l40s-4")
        eventually("the page's example device", lambda: self.device(ON_THE_PAGE_TO_UPDATE)["state"] == "free")
        self.climc(f"isolated-device-update --dev-type GPU-VGA {ON_THE_PAGE_TO_UPDATE}")
        assert self.device(ON_THE_PAGE_TO_UPDATE)["dev_type"] == "GPU-VGA"

    def list_gpu_servers(self, server):
        assert re.search(rf"\| {re.escape(server)} +\|", self.climc("server-list --gpu"))

    def attach(self, server):
        self.climc(f"server-attach-isolated-device {server} {QUADRO}")
        assert self.device(QUADRO)["guest"] == server

    def only_when_stopped(self, server):
        self.climc(f"server-start --wait {server}")
        assert self.device(QUADRO)["state"] == "in_use"
        self.climc(f"server-detach-isolated-device {server} {QUADRO}", expected=1)
        assert self.device(QUADRO)["guest"] == server
        self.climc(f"server-stop --wait {server}")

    def survive_a_crash(self, server):
        before = self.cluster.get(f"/v1/servers/{server}")
        self.cluster.kill("controller")
        self.cluster.start_controller()
        after = self.cluster.get(f"/v1/servers/{server}")
        assert [d["id"] for d in after["devices"]] == [d["id"] for d in before["devices"]]
        assert {key: after[key] for key in ("id", "name", "host_id", "created_at", "power")} == \
               {key: before[key] for key in ("id", "name", "host_id", "created_at", "power")}
        eventually("the hosts return", lambda: self.cluster.get("/v1/usage")["hosts_online"] == 2)

    def unmount(self, server):
        self.climc(f"server-detach-isolated-device {server} {QUADRO}")
        assert "guest" not in self.device(QUADRO)
        eventually("the device is verified and free", lambda: self.device(QUADRO)["state"] == "free")


def main():
    binaries, source = map(pathlib.Path, sys.argv[1:3])
    with LiveCluster(binaries, source, {"page": "page-machine", "l40s": "l40s-4"}, start=["page"]) as cluster:
        eventually("the page's two devices are free", lambda: cluster.get("/v1/usage")["devices_free"] == 2)
        Page(cluster).run()
    print("page_test: every command of the page ran as written")


if __name__ == "__main__":
    main()
