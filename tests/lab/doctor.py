#!/usr/bin/env python3
"""Inside the lab VM: `berth-host doctor` on a real kernel, before and after what it says is done; then the agent under a
real systemd, with the unit as it is shipped.

usage: doctor.py BINARIES SOURCE
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import unittest

BINARIES, SOURCE = map(pathlib.Path, sys.argv[1:3])
TOPOLOGY = pathlib.Path(os.environ.get("BERTH_LAB_TOPOLOGY", "")).stem
COMMAND_LINE = pathlib.Path("/proc/cmdline").read_text()
SETTINGS = pathlib.Path("/etc/berth/host.yaml")
PATIENCE = 240


def eventually(what, holds, seconds=PATIENCE):
    for _ in range(seconds * 4):
        if value := holds():
            return value
        time.sleep(0.25)
    raise AssertionError(f"waited {seconds} s for {what}")


def run(*command, expected=0, **more):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=PATIENCE, **more)
    if expected is not None and done.returncode != expected:
        raise AssertionError(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def start_libvirtd():
    for daemon in ("virtlogd", "libvirtd"):
        subprocess.run([f"/usr/sbin/{daemon}", "-d"], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually("libvirtd's answer", lambda: subprocess.run(
        ["virsh", "-c", "qemu:///system", "version"], capture_output=True).returncode == 0)


class Answer:
    """What the doctor says now, and its exit status."""

    def __init__(self, *words):
        done = subprocess.run([BINARIES / "berth-host", "doctor", "--json", *words], capture_output=True, text=True,
                              timeout=PATIENCE)
        self.status = done.returncode
        self.page = json.loads(done.stdout)

    def __getitem__(self, check):
        name, _, subject = check.partition(" ")
        for one in self.page["checks"]:
            if one["check"] == name and one["subject"] == subject:
                return one
        raise KeyError(check)

    def verdicts(self, *checks):
        return [self[check]["verdict"] for check in checks]

    def problems(self):
        return [f"{one['check']} {one['subject']}: {one['seen']}"
                for one in self.page["checks"] if one["verdict"] == "problem"]


class Doctor(unittest.TestCase):
    """One story: each test goes on where the one before it ended (they run in the order of their names)."""

    @classmethod
    def setUpClass(cls):
        SETTINGS.parent.mkdir(exist_ok=True)
        SETTINGS.unlink(missing_ok=True)
        shutil.rmtree("/var/lib/berth-host", ignore_errors=True)

    def test_1_the_kernel_as_it_was_booted(self):
        answer = Answer()
        print(run(BINARIES / "berth-host", "doctor", expected=None), flush=True)
        self.assertEqual(answer.status, 1)
        with_iommu = "intel_iommu=on" in COMMAND_LINE
        self.assertEqual(answer.verdicts("iommu_firmware", "iommu_groups"), ["ok" if with_iommu else "problem"] * 2)
        self.assertEqual(answer["iommu_kernel"]["verdict"], "ok", "AMD's processor needs no argument")
        remapped = answer["interrupt_remapping"]["verdict"]
        if not with_iommu:
            self.assertEqual(remapped, "not_applicable")
        elif "intremap=off" in COMMAND_LINE:
            self.assertEqual(remapped, "problem")
            self.assertEqual(answer["interrupt_remapping"]["kernel_arguments"]["remove"], ["intremap=off"])
        else:
            self.assertEqual(remapped, "ok")

    def test_2_vfio_goes_and_comes_back(self):
        loaded = [name for name in ("vfio_pci", "vfio_iommu_type1") if pathlib.Path("/sys/module", name).exists()]
        self.assertEqual(len(loaded), 2, "the lab loads them")
        self.assertEqual(Answer().verdicts("vfio_modules", "vfio_device_node"), ["warning", "ok"])
        run("modprobe", "-r", *loaded)
        gone = Answer()
        self.assertEqual(gone["vfio_modules"]["verdict"], "problem")
        command = next(line for line in gone["vfio_modules"]["remedy"] if line.startswith("modprobe"))
        run("bash", "-c", command)
        run("bash", "-c", next(line for line in gone["vfio_modules"]["remedy"] if "modules-load.d" in line))
        self.assertEqual(Answer().verdicts("vfio_modules", "vfio_device_node"), ["ok", "ok"])
        os.chmod("/dev/vfio/vfio", 0o600)
        self.assertEqual(Answer()["vfio_device_node"]["verdict"], "problem")
        os.chmod("/dev/vfio/vfio", 0o666)

    def test_3_the_settings(self):
        self.assertEqual(Answer()["settings"]["verdict"], "warning")
        text = (SOURCE / "packaging/host.yaml").read_text().replace("servers:", "servers:\n  emulation: true")
        SETTINGS.write_text(text.replace("disable_gpu: false", "disable_gpu: true"))
        self.assertEqual(Answer().verdicts("settings", "disable_gpu"), ["ok", "problem"])
        SETTINGS.write_text(text)
        self.assertEqual(Answer().verdicts("settings", "disable_gpu", "cpu"), ["ok", "ok", "warning"])
        self.assertEqual(Answer("--config", "/no/such/host.yaml")["cpu"]["verdict"], "problem", "the lab has no KVM")

    def test_4_nouveau(self):
        shutil.copy(SOURCE / "packaging/modprobe.d/berth.conf", "/usr/lib/modprobe.d/berth.conf")
        self.assertEqual(Answer()["nouveau"]["verdict"], "ok")


@unittest.skipUnless(TOPOLOGY == "dgx-mini", "needs GPUs that can be passed through")
class Services(unittest.TestCase):
    """After Doctor, on the same machine."""

    def test_1_libvirt_and_its_pools(self):
        down = Answer()
        self.assertEqual(down.status, 1)
        self.assertEqual(down.verdicts("libvirt", "memlock", "storage_pool berth"),
                         ["problem", "not_applicable", "unknown"])
        start_libvirtd()
        no_pools = Answer()
        self.assertEqual(no_pools.verdicts("libvirt", "memlock", "storage_pool berth", "storage_pool berth-images"),
                         ["ok", "ok", "problem", "problem"])
        self.assertEqual(no_pools.status, 1)
        for pool in ("berth", "berth-images"):
            for command in no_pools[f"storage_pool {pool}"]["remedy"]:
                run("bash", "-c", command)
        ready = Answer()
        self.assertEqual(ready.problems(), [])
        self.assertEqual(ready.status, 0)
        print(run(BINARIES / "berth-host", "doctor"), flush=True)

    def test_2_pools_that_are_not_as_they_should_be(self):
        run("virsh", "pool-autostart", "berth", "--disable")
        self.assertEqual(Answer()["storage_pool berth"]["verdict"], "warning")
        run("virsh", "pool-destroy", "berth")
        stopped = Answer()
        self.assertEqual(stopped["storage_pool berth"]["verdict"], "problem")
        for command in stopped["storage_pool berth"]["remedy"]:
            run("bash", "-c", command)
        os.chmod("/var/lib/libvirt/berth", 0o700)
        closed = Answer()
        self.assertEqual(closed["storage_pool berth"]["verdict"], "problem")
        run("bash", "-c", closed["storage_pool berth"]["remedy"][0])
        self.assertEqual(Answer().status, 0)

    def test_3_no_answer_is_not_ready(self):
        """A libvirtd that is stopped in its tracks: the doctor does not hang, and does not say that all is well."""
        pid = int(pathlib.Path("/run/libvirtd.pid").read_text())
        os.kill(pid, signal.SIGSTOP)
        try:
            silent = Answer()
        finally:
            os.kill(pid, signal.SIGCONT)
        self.assertEqual(silent.verdicts("libvirt", "storage_pool berth"), ["unknown", "unknown"])
        self.assertEqual(silent.status, 3)

    def test_4_a_gpu_with_the_hosts_driver_and_one_on_vfio(self):
        at = dict(line.split() for line in run("labctl", "map").splitlines())
        self.assertEqual(Answer()[f"gpu {at['gpu3']}"]["verdict"], "ok")
        device = pathlib.Path("/sys/bus/pci/devices", at["gpu3"])
        (device / "driver_override").write_text("vfio-pci\n")
        pathlib.Path("/sys/bus/pci/drivers_probe").write_text(at["gpu3"] + "\n")
        bound = Answer()
        self.assertIn("driver vfio-pci", bound[f"gpu {at['gpu3']}"]["seen"])
        self.assertEqual(bound.status, 0)
        (device / "driver/unbind").write_text(at["gpu3"] + "\n")
        (device / "driver_override").write_text("\n")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2, failfast=True)
