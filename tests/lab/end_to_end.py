#!/usr/bin/env python3
"""Inside the lab VM (topology dgx-mini): a controller and a host agent on the VM's real devices and libvirt.

usage: end_to_end.py BINARIES SOURCE GUEST-IMAGE

The commands of the feature's page, a guest that says what it sees on its bus, and everything that can die in between: the
agent, libvirtd, the controller, a device.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
from live_cluster import LiveCluster, eventually  # noqa: E402

BINARIES, SOURCE, IMAGE = sys.argv[1:4]
DISKS = pathlib.Path("/var/lib/berth-disks")
IMAGES = pathlib.Path("/var/lib/berth-images")
CONSOLES = pathlib.Path("/var/log/berth-consoles")
PATIENCE = 240  # everything runs in emulation, the guest in emulation within it


def run(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def virsh(*words):
    return run("virsh", "-c", "qemu:///system", *words)


def start_libvirtd():
    os.makedirs("/run/libvirt", exist_ok=True)
    subprocess.run(["/usr/sbin/libvirtd", "-d"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually("libvirtd's answer", lambda: subprocess.run(
        ["virsh", "-c", "qemu:///system", "version"], capture_output=True).returncode == 0, PATIENCE)


def stop_libvirtd():
    pid = int(pathlib.Path("/run/libvirtd.pid").read_text())
    os.kill(pid, 15)
    eventually("libvirtd's end", lambda: not pathlib.Path(f"/proc/{pid}").exists(), PATIENCE)


def make_pools():
    for name, directory in (("berth", DISKS), ("berth-images", IMAGES)):
        directory.mkdir(parents=True, exist_ok=True)
        if name == "berth-images":
            shutil.copy(IMAGE, directory / "guest")
        virsh("pool-define-as", name, "dir", "--target", directory)
        virsh("pool-start", name)


def lab(*words):
    return run("labctl", *words)


class RealCluster(LiveCluster):
    """The VM itself as the only host."""

    def start_host(self, name, _machine):
        pki = self.directory / "pki"
        state = self.directory / f"state-{name}"
        state.mkdir(exist_ok=True)
        port_file = self.directory / f"{name}.port"
        port_file.unlink(missing_ok=True)
        self._spawn(name, "berth-host", "--controller", f"127.0.0.1:{self.port}", "--name", name, "--state-dir", state,
                    "--servers-emulation", "true", "--use-boot-vga", "true", "--servers-disk-directory", DISKS, "--servers-console-logs", CONSOLES,
                    "--tls-certificate", pki / f"{name}.crt", "--tls-key", pki / f"{name}.key",
                    "--tls-ca", pki / "ca.crt", "--metrics-listen", "127.0.0.1:0", "--metrics-port-file", port_file)
        self.host_metrics[name] = self._port_from(name, port_file)


class EndToEnd(unittest.TestCase):
    """One story: each test goes on where the one before it ended (they run in the order of their names)."""

    @classmethod
    def setUpClass(cls):
        subprocess.run(["/usr/sbin/virtlogd", "-d"], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        start_libvirtd()
        make_pools()
        CONSOLES.mkdir(parents=True, exist_ok=True)
        cls.cluster = RealCluster(BINARIES, SOURCE, {"lab": None}).__enter__()
        cls.at = dict(line.split() for line in lab("map").splitlines())

    @classmethod
    def tearDownClass(cls):
        for name in ("controller", "lab"):
            log = (cls.cluster.directory / f"{name}.log").read_text()
            print(f"--- {name}.log\n{log[-6000:]}", flush=True)
        cls.cluster.__exit__()

    # --- Asking

    def climc(self, *words, expected=0):
        done = self.cluster.cli(*words)
        print(f"$ climc {' '.join(words)}\n{done.stdout}{done.stderr}", flush=True)
        self.assertEqual(done.returncode, expected, " ".join(words))
        return done.stdout

    def devices(self):
        return {one["pci_address"]: one for one in self.cluster.get("/v1/isolated-devices?limit=100")["items"]}

    def device(self, name):
        return self.devices()[self.at[name]]

    def server(self):
        return self.cluster.get("/v1/servers/vm")

    def await_device(self, name, state):
        return eventually(f"{name} {state}", lambda: self.device(name)["state"] == state, PATIENCE)

    def await_server(self, status):
        eventually(f"the server {status}", lambda: self.server()["status"] == status, PATIENCE)

    def console(self):
        log = CONSOLES / f"{self.server()['id']}.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def displays(self, server):
        """What the guest of this server has for a display: its PCI functions of class VGA, as vendor:device."""
        boot = (CONSOLES / f"{self.cluster.get('/v1/servers/' + server)['id']}.log").read_text(errors="replace")
        return re.findall(r"([0-9a-f]{4}:[0-9a-f]{4}) class 0300", boot.rpartition("GUEST boot")[2])

    def guest_sees(self):
        """The GPUs on the guest's bus at its latest boot, as vendor:device."""
        boot = self.console().rpartition("GUEST boot")[2]
        return sorted(re.findall(r"\b(10de:2330|1002:740f|10de:20b5)\b", boot))

    def await_boot(self, number):
        eventually(f"boot {number}", lambda: self.console().count("GUEST ready") >= number, PATIENCE)

    def domain(self):
        return virsh("domid", f"berth-{self.server()['id']}").strip()

    def links(self):
        return (self.cluster.directory / "lab.log").read_text().count("linked to the controller")

    def await_link(self, number):
        eventually(f"link {number}", lambda: self.links() >= number
                   and self.cluster.get("/v1/hosts/lab")["status"] == "online", PATIENCE)

    # --- The story

    def test_1_devices_are_found_and_made_clean(self):
        eventually("the host", lambda: len(self.devices()) >= 4, PATIENCE)
        for name in ("gpu0", "gpu1", "gpu3", "gpu5"):
            self.await_device(name, "free")
        one = self.device("gpu1")
        self.assertEqual(one["vendor_device_id"], "10de:2330")
        self.assertEqual(one["numa_node"], 0)
        self.assertTrue(one["pcie_switch"])
        self.climc("isolated-device-list", "--gpu")

    def test_2_a_server_with_two_devices_sees_exactly_these(self):
        two = [self.device(name)["id"] for name in ("gpu1", "gpu3")]
        self.climc("server-create", "--hypervisor", "kvm", "--isolated-device", two[0], "--isolated-device", two[1],
                   "--mem-spec", "64m", "--disk", "guest:64m", "--auto-start", "vm")
        self.await_server("running")
        self.await_boot(1)
        self.assertEqual(self.guest_sees(), ["1002:740f", "10de:2330"], self.console())
        self.assertEqual(self.device("gpu1")["state"], "in_use")

        self.assertEqual(self.displays("vm"), ["1234:1111"], "GPU-HPC keeps the emulated display")

    def test_2b_a_gpu_that_is_the_display_replaces_the_emulated_one(self):
        self.await_device("gpu6", "free")
        card = self.device("gpu6")["id"]
        self.climc("isolated-device-update", "--dev-type", "GPU-VGA", card)
        self.climc("server-create", "--hypervisor", "kvm", "--isolated-device", card, "--mem-spec", "64m",
                   "--disk", "guest:64m", "--auto-start", "desk")
        eventually("the guest's list", lambda: self.displays("desk") != [], PATIENCE)
        self.assertEqual(self.displays("desk"), ["10de:1c82"])
        self.climc("server-delete", "desk")
        self.await_device("gpu6", "free")

    def test_3_the_agent_dies_and_adopts(self):
        before = self.domain()
        self.cluster.kill("lab")
        self.cluster.start_host("lab", None)
        self.await_link(2)
        self.await_server("running")
        self.await_device("gpu1", "in_use")
        self.assertEqual(self.domain(), before, "the guest was not interrupted")

    def test_4_libvirtd_goes_and_comes_back(self):
        before = self.domain()
        stop_libvirtd()
        start_libvirtd()
        self.assertEqual(self.domain(), before)
        self.climc("server-restart", "vm")
        self.await_boot(2)
        self.await_server("running")

    def test_5_the_controller_dies_and_comes_back(self):
        before = self.domain()
        self.cluster.kill("controller")
        self.cluster.start_controller()
        self.await_link(3)
        self.assertEqual(self.server()["status"], "running")
        self.assertEqual(self.domain(), before)

    def test_6_stop_detach_start(self):
        self.climc("server-detach-isolated-device", "vm", self.device("gpu1")["id"], expected=1)
        self.climc("server-stop", "vm")
        self.await_server("ready")
        self.climc("server-detach-isolated-device", "vm", self.device("gpu1")["id"])
        self.await_device("gpu1", "free")
        self.climc("server-start", "vm")
        self.await_server("running")
        self.await_boot(3)
        self.assertEqual(self.guest_sees(), ["1002:740f"], self.console())

    def test_7_a_device_that_is_pulled_is_lost_and_comes_back_clean(self):
        before = {name: self.device(name)["state"] for name in ("gpu0", "gpu1", "gpu5")}
        lab("surprise", "gpu3")
        self.await_device("gpu3", "lost")
        eventually("the server's mark", lambda: self.server()["status"] == "dev_fail", PATIENCE)
        self.assertEqual({name: self.device(name)["state"] for name in before}, before, "others are untouched")
        self.climc("server-delete", "vm")
        eventually("its end", lambda: self.cluster.request("GET", "/v1/servers/vm")[0] == 404, PATIENCE)
        lab("plug", "gpu3")
        self.await_device("gpu3", "free")

    def test_8_nothing_is_left(self):
        self.assertEqual(virsh("list", "--all", "--name").split(), [])
        self.assertEqual(list(DISKS.iterdir()), [])
        for name in ("gpu0", "gpu1", "gpu3", "gpu5"):
            self.assertEqual(self.device(name)["state"], "free", name)

    def test_9_a_killed_agents_devices_are_given_back(self):
        settings = self.cluster.directory / "release.yaml"
        state = self.cluster.directory / "state-lab"
        settings.write_text(f"state_dir: {state}\n")
        taken = re.findall(r"^function (\S+)", (state / "devices").read_text(), re.MULTILINE)
        self.assertGreaterEqual(len(taken), 4)

        def release():
            done = subprocess.run([f"{BINARIES}/berth-host", "release", "--config", settings], capture_output=True,
                                  text=True, timeout=PATIENCE)
            print(f"$ berth-host release\n{done.stdout}{done.stderr}", flush=True)
            return done.returncode

        self.assertEqual(release(), 3, "the agent runs")
        self.cluster.kill("lab")
        self.assertEqual(release(), 0)
        for address in taken:
            function = pathlib.Path("/sys/bus/pci/devices") / address
            self.assertFalse((function / "driver").exists(), address)
            self.assertEqual((function / "driver_override").read_text().strip(), "(null)", address)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2, failfast=True)
