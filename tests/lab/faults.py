#!/usr/bin/env python3
"""Inside the lab VM (topology dgx-mini): what goes wrong with devices, seen through the real programs.

usage: faults.py BINARIES SOURCE GUEST-IMAGE

Each fault is played for real (a driver that does not let go, a kernel that refuses a reset, a neighbour that the host
drives, somebody else's domain, a card that is pulled), to its state, its reason, its metrics and a refusal, and then to
recovery when the cause has gone.
"""
import pathlib
import re
import subprocess
import tempfile
import unittest

from lab_host import PATIENCE, LabStory, lab, run, virsh
from live_cluster import eventually

SYSFS = pathlib.Path("/sys/bus/pci")
FOREIGN = "theirs"


def metric(text, name, **labels):
    """The sum of the series of this name that have these labels, of a page in Prometheus' format; None if there is none."""
    found = None
    for line in text.splitlines():
        series = re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
        if series is None:
            continue
        has = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', series[1] or ""))
        if labels.items() <= has.items():
            found = (found or 0) + float(series[2])
    return found


def capability(address, number):
    """Where a function's PCI capability of this number lies (PCI Local Bus Specification 3.0, section 6.7)."""
    config = (SYSFS / "devices" / address / "config").read_bytes()
    at = config[0x34]
    while at and config[at] != number:
        at = config[at + 1]
    assert at, f"{address} has no capability {number:#x}"
    return at


def driver_of(address):
    link = SYSFS / "devices" / address / "driver"
    return link.readlink().name if link.exists() else ""


def give_to(driver, address):
    """As an administrator would: away from vfio-pci, to a driver of the host."""
    function = SYSFS / "devices" / address
    (function / "driver_override").write_text(driver)
    if driver_of(address):
        (function / "driver/unbind").write_text(address)
    (SYSFS / "drivers_probe").write_text(address)
    assert driver_of(address) == driver, f"{address} is on `{driver_of(address)}`"


class Holder:
    """A process that opens /dev/labhold as soon as its driver is asked to let go, and keeps it open until let_go()."""

    def __init__(self):
        self._process = subprocess.Popen(["bash", "-c", "exec 3</dev/labhold; read"], stdin=subprocess.PIPE)
        self.pid = self._process.pid
        users = pathlib.Path("/sys/module/labhold/parameters/users")
        eventually("the holder's open", lambda: users.read_text().strip() == "1", PATIENCE)

    def let_go(self):
        """May be repeated."""
        self._process.stdin.close()
        self._process.wait(PATIENCE)


def foreign_domain(address):
    """A domain that berth did not make, with one device. It finds nothing to boot from, and stays."""
    bus, slot, function = re.fullmatch(r"0000:(..):(..)\.(.)", address).groups()
    return f"""<domain type='qemu'><name>{FOREIGN}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
      <os><type arch='x86_64' machine='q35'>hvm</type></os>
      <devices><emulator>/usr/bin/qemu-system-x86_64</emulator><memballoon model='none'/>
        <hostdev mode='subsystem' type='pci' managed='yes'><driver name='vfio'/>
          <source><address domain='0' bus='0x{bus}' slot='0x{slot}' function='0x{function}'/></source></hostdev>
      </devices></domain>"""


class Faults(LabStory):
    """gpu1: a stuck unbind. gpu5: a refused reset, a NIC on its card. gpu6: a reset that does not help. gpu4: a
    neighbour in its group. gpu3: another domain, then pulled out."""

    flags = ("--devices-offer", "1234:1111",  # gpu4
             "--devices-resets", "10de:20b5=pm")  # gpu5: no second method that would help

    @classmethod
    def before_the_agent(cls):
        lab("link", "gpu6", 5, 16, 5, 16)
        lab("hold", "gpu1")
        cls.holder = Holder()

    @classmethod
    def tearDownClass(cls):
        cls.holder.let_go()  # or the agent cannot end
        super().tearDownClass()

    # --- Asking

    def say(self, text):
        print(f"--- {text}", flush=True)

    def cluster_metric(self, name, **labels):
        return metric(self.cluster.get_text("/metrics"), name, **labels)

    def host_metric(self, name, **labels):
        """0 for a counter that has not counted yet."""
        return metric(self.cluster.get_text("/metrics", self.cluster.host_metrics["lab"]), name, **labels) or 0

    def failures(self, operation, reason):
        return self.host_metric("berth_device_operation_failures_total", operation=operation, reason=reason)

    def resets(self, name, method):
        return self.host_metric("berth_device_resets_total", model=self.device(name)["model"], method=method)

    def alert_fires(self, alert):
        """Whether the rule in dashboards/alerts.yaml would begin to fire now."""
        rules = (self.cluster.source / "dashboards/alerts.yaml").read_text()
        rule = re.search(rf'alert: {alert}\n\s+expr: sum by \(host, model\) \((\w+)\{{state="(\w+)"\}}\) > 0\n', rules)
        assert rule, f"{alert} is not what this test understands"
        return self.cluster_metric(rule[1], state=rule[2]) > 0

    def await_metric(self, value, name, **labels):
        """The controller's figures are of a snapshot, which follows the cluster."""
        eventually(f"{name} {labels} = {value}", lambda: self.cluster_metric(name, **labels) == value, PATIENCE)

    def await_fault(self, name, state, reason):
        """The device in that state, alone in it, for that reason; it is unhealthy, and refused with the reason."""
        device = self.await_device(name, state)
        self.say(f"{name} is {state}: {device['state_reason']}")
        self.assertRegex(device["state_reason"], reason)
        self.await_metric(1, "berth_devices", state=state)
        self.await_metric(0, "berth_device_healthy", device_id=device["id"])
        refused = self.create("refused", name, expected=1)
        self.assertRegex(refused, reason)
        return device

    def await_free(self, name):
        """And nothing of the fault is left in the metrics."""
        device = self.await_device(name, "free")
        self.assertNotIn("state_reason", device)
        self.await_metric(1, "berth_device_healthy", device_id=device["id"])
        for state in ("quarantined", "unusable", "lost"):
            self.await_metric(0, "berth_devices", state=state)
        self.say(f"{name} is free again")

    def states(self, *names):
        return {name: self.device(name)["state"] for name in names}

    # --- Acting

    def create(self, server, device, expected=0):
        return self.climc("server-create", "--hypervisor", "kvm", "--isolated-device", self.device(device)["id"],
                          "--mem-spec", "64m", "--disk", "guest:64m", server, expected=expected, show=expected != 0)

    def delete(self, server):
        self.climc("server-delete", server, show=False)
        eventually("its end", lambda: self.cluster.request("GET", f"/v1/servers/{server}")[0] == 404, PATIENCE)

    def use_and_return(self, device):
        """What is given back is reset and verified, whether it was used or not."""
        self.create("passing", device)
        self.await_device(device, "reserved")
        self.delete("passing")

    def probe(self):
        self.climc("host-probe", "lab", show=False)

    # --- The story

    def test_1_an_unbind_that_does_not_end(self):
        eventually("the host", lambda: len(self.devices()) >= 6, PATIENCE)
        for name in ("gpu0", "gpu3", "gpu4", "gpu5", "gpu6"):
            self.await_device(name, "free")
        self.say("the others are free while the kernel still waits for gpu1's holder")
        pid = self.holder.pid
        self.await_fault("gpu1", "quarantined", rf"{self.at['gpu1']}: the kernel has not come back from an earlier "
                         rf"`writing to unbind` \(it is held: process {pid} \(bash\) has /dev/labhold open\)")
        self.assertEqual(self.failures("bind", "outcome_unknown"), 1, "the kernel is asked once")
        self.assertEqual(self.failures("verify", "outcome_unknown"), 3, "looks whether it came back")
        self.assertEqual(self.failures("bind", "bind_failed"), 0)
        self.assertEqual(self.host_metric("berth_device_operations_in_progress", operation="bind"), 0)
        self.assertTrue(self.alert_fires("BerthDeviceQuarantined"))

        self.holder.let_go()
        self.probe()
        self.await_free("gpu1")
        self.assertEqual(driver_of(self.at["gpu1"]), "vfio-pci")
        self.assertFalse(self.alert_fires("BerthDeviceQuarantined"))

    def test_2_a_reset_that_the_kernel_refuses(self):
        control = f"{capability(self.at['gpu5'], 1) + 4:x}"  # of power management; 8: No_Soft_Reset
        failed, done = self.failures("reset", "reset_failed"), self.resets("gpu5", "pm")
        lab("set", "gpu5", control, 8, 8)
        self.use_and_return("gpu5")
        self.await_fault("gpu5", "quarantined", rf"reset pm failed: {self.at['gpu5']}: .*the kernel does not offer this")
        self.assertEqual(self.failures("reset", "reset_failed"), failed + 1)
        self.assertEqual(self.resets("gpu5", "pm"), done)
        self.assertTrue(self.alert_fires("BerthDeviceQuarantined"))

        lab("set", "gpu5", control, 8, 0)
        self.probe()
        self.await_free("gpu5")
        self.assertEqual(self.resets("gpu5", "pm"), done + 1)

    def test_3_a_device_that_no_reset_repairs(self):
        ladder = ("flr", "bus", "rescan")
        done = {method: self.resets("gpu6", method) for method in ladder}
        lab("link", "gpu6", 5, 8, 5, 16)
        self.use_and_return("gpu6")
        self.await_fault("gpu6", "quarantined", r"verification failed: .*link")
        for method in ladder:
            self.assertEqual(self.resets("gpu6", method), done[method] + 1, method)
        self.assertTrue(self.alert_fires("BerthDeviceQuarantined"))

        lab("link", "gpu6", 5, 16, 5, 16)
        self.probe()
        self.await_free("gpu6")
        self.assertEqual(self.resets("gpu6", "flr"), done["flr"] + 2, "the first method is enough now")

    def test_4_a_neighbour_in_the_group_that_the_host_drives(self):
        nic = self.at["nic0"]
        run("modprobe", "e1000")
        give_to("e1000", nic)
        self.await_fault("gpu4", "unusable", rf"IOMMU group \d+ also holds {nic} \(.*driver e1000\)")
        self.probe()
        self.assertEqual(driver_of(nic), "e1000", "the host's")
        (SYSFS / "drivers/e1000/unbind").write_text(nic)
        self.await_free("gpu4")
        self.assertEqual(driver_of(nic), "vfio-pci")

    def test_5_a_network_card_on_the_same_board_that_the_host_uses(self):
        nic = self.at["gpu5n"]
        run("modprobe", "e1000e")
        give_to("e1000e", nic)
        run("udevadm", "settle")  # it renames the interface
        interface = eventually("its interface", lambda: next((SYSFS / "devices" / nic / "net").iterdir()).name, PATIENCE)
        run("ip", "link", "set", interface, "up")
        self.await_fault("gpu5", "unusable", rf"goes together with {nic} \(.*driver e1000e.*\), "
                                             rf"which is in use by the host: .*{interface}")
        self.probe()
        self.assertEqual(driver_of(nic), "e1000e")
        run("ip", "link", "set", interface, "down")
        self.await_free("gpu5")
        self.assertEqual(driver_of(nic), "vfio-pci")

    def test_6_a_device_in_somebody_elses_domain(self):
        self.create("late", "gpu3")
        self.await_device("gpu3", "reserved")
        with tempfile.NamedTemporaryFile("w") as xml:
            xml.write(foreign_domain(self.at["gpu3"]))
            xml.flush()
            virsh("define", xml.name)
        virsh("start", FOREIGN)
        domain = virsh("domid", FOREIGN)
        held = rf"domain {FOREIGN}"

        device = self.await_device("gpu3", "unusable")
        self.say(f"gpu3 is unusable: {device['state_reason']}")
        self.assertRegex(device["state_reason"], held)
        self.climc("server-start", "late", show=False)
        eventually("the refusal", lambda: self.cluster.get("/v1/servers/late")["status"] == "dev_fail", PATIENCE)
        self.assertRegex(self.cluster.get("/v1/servers/late")["status_reason"], held)
        self.delete("late")
        self.await_fault("gpu3", "unusable", held)
        self.probe()
        self.assertEqual(virsh("domid", FOREIGN), domain, "it was not touched")
        self.assertEqual(virsh("domstate", FOREIGN).strip(), "running")

        virsh("destroy", FOREIGN)
        self.await_free("gpu3")
        virsh("undefine", FOREIGN)

    def test_7_a_device_that_is_missing(self):
        before = self.states("gpu0", "gpu1", "gpu5")
        vanished = self.host_metric("berth_device_health_events_total", kind="vanished")
        lab("surprise", "gpu3")
        self.await_fault("gpu3", "lost", rf"1002:740f at {self.at['gpu3']} is no longer there")
        self.assertEqual(self.host_metric("berth_device_health_events_total", kind="vanished"), vanished + 1)
        self.assertTrue(self.alert_fires("BerthDeviceLost"))
        self.probe()
        self.await_metric(1, "berth_drift_devices", kind="missing")
        self.assertRegex(self.create("refused", "gpu3", expected=1), "missing from its host's inventory")
        self.assertEqual(self.states("gpu0", "gpu1", "gpu5"), before, "others are untouched")

        lab("plug", "gpu3")
        self.await_free("gpu3")
        self.await_metric(0, "berth_drift_devices", kind="missing")
        self.assertFalse(self.alert_fires("BerthDeviceLost"))

    def test_8_nothing_is_left(self):
        self.assertEqual(virsh("list", "--all", "--name").split(), [])
        self.assertEqual(set(self.states("gpu0", "gpu1", "gpu3", "gpu4", "gpu5", "gpu6").values()), {"free"})


if __name__ == "__main__":
    unittest.main(argv=[__file__], verbosity=2, failfast=True)
