#!/usr/bin/env python3
"""Inside the lab VM (topology dgx-mini): a controller and a host agent on the VM's real devices and libvirt.

usage: end_to_end.py BINARIES SOURCE GUEST-IMAGE

The commands of the feature's page, a guest that says what it sees on its bus, and everything that can die in between: the
agent, libvirtd, the controller, a device.
"""
import pathlib
import re
import subprocess
import unittest

from lab_host import BINARIES, CONSOLES, DISKS, PATIENCE, LabStory, lab, start_libvirtd, stop_libvirtd, virsh
from live_cluster import eventually


class EndToEnd(LabStory):

    flags = ("--hot-plug", "true")

    # --- Asking

    def server(self):
        return self.cluster.get("/v1/servers/vm")

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

    def tell_guest(self, letter, answer):
        """Types a letter on the guest's serial console, and gives what it says from then until the answer."""
        before = len(self.console())
        terminal = virsh("ttyconsole", f"berth-{self.server()['id']}").strip()
        with open(terminal, "w", encoding="ascii") as line:  # QEMU reads while somebody has it open
            line.write(letter)
            line.flush()
            eventually(f"the guest's {answer}", lambda: answer in self.console()[before:], PATIENCE)
        return self.console()[before:]

    def attached(self):
        return sorted(one["id"] for one in self.server()["devices"])

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

    def test_2c_a_device_goes_and_comes_while_the_server_runs(self):
        before = self.domain()
        gpu1, gpu3 = (self.device(name)["id"] for name in ("gpu1", "gpu3"))
        self.assertIn("has 2 functions", self.climc("server-detach-isolated-device", "vm", gpu1, expected=1))

        self.tell_guest("E", "GUEST stubborn")
        self.climc("server-detach-isolated-device", "vm", gpu3)
        self.await_device("gpu3", "releasing")
        eventually("that it is taken back", lambda: self.device("gpu3")["state"] == "in_use", PATIENCE)
        self.assertEqual(self.attached(), sorted([gpu1, gpu3]), "it stays whose guest has it")
        self.assertIn("did not let go", (self.cluster.directory / "controller.log").read_text())

        self.tell_guest("e", "GUEST cooperative")
        self.climc("server-detach-isolated-device", "vm", gpu3)
        self.await_device("gpu3", "free")
        self.assertEqual(self.attached(), [gpu1])
        self.assertNotIn("1002:740f", self.tell_guest("s", "GUEST end"))

        self.climc("server-attach-isolated-device", "vm", gpu3)
        self.await_device("gpu3", "in_use")
        self.assertIn("1002:740f", self.tell_guest("s", "GUEST end"))
        self.assertEqual(self.server()["status"], "running")
        self.assertEqual(self.domain(), before, "the guest was not interrupted")

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
    unittest.main(argv=[__file__], verbosity=2, failfast=True)
