#!/usr/bin/env python3
"""Inside the lab VM, after doctor.py: the units as they are shipped, under a real systemd, with their sandboxes.

usage: units.py BINARIES SOURCE

systemd is process 1 of a PID namespace of its own, with stubs for the targets that a whole system has. What it proves: within
the unit's sandbox berth-host reads sysfs, binds, resets and checks devices through vfio, writes its state and reaches libvirt.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
from live_cluster import eventually  # noqa: E402

BINARIES, SOURCE = map(pathlib.Path, sys.argv[1:3])
PACKAGING = SOURCE / "packaging"
UNITS = pathlib.Path("/run/units")
PATIENCE = 240
TARGETS = ("sysinit", "basic", "shutdown", "network-online", "multi-user")


def run(*command, expected=0):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=PATIENCE)
    if expected is not None and done.returncode != expected:
        raise AssertionError(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Systemd:
    """Process 1 of its own PID, mount, cgroup, IPC and host name namespaces; the devices and the network are the VM's."""

    def __init__(self):
        UNITS.mkdir()
        for target in TARGETS:
            (UNITS / f"{target}.target").write_text(f"[Unit]\nDescription={target}\nDefaultDependencies=no\n")
        for unit in (PACKAGING / "systemd").glob("*.service"):
            shutil.copy(unit, UNITS)
            extra = UNITS / f"{unit.name}.d"
            extra.mkdir()
            (extra / "log.conf").write_text(f"[Service]\nStandardOutput=append:/run/{unit.stem}.log\n"
                                            f"StandardError=append:/run/{unit.stem}.log\n")
        inside = ("mount -t proc proc /proc && mkdir -p /run/systemd && mount -t tmpfs tmpfs /run/systemd && "
                  "exec /lib/systemd/systemd --system --unit=basic.target --log-target=console --show-status=no")
        self.log = open("/run/systemd.log", "wb")
        self.outer = subprocess.Popen(
            ["unshare", "--fork", "--pid", "--mount", "--cgroup", "--ipc", "--uts", "--kill-child", "bash", "-c", inside],
            env=os.environ | {"SYSTEMD_UNIT_PATH": str(UNITS), "container": "lab"}, stdout=self.log, stderr=self.log)
        self.pid = eventually("systemd", lambda: run("pgrep", "-P", self.outer.pid).strip(), PATIENCE)
        eventually("systemd's answer", lambda: self.ctl("list-units", expected=None), PATIENCE)

    def ctl(self, *words, expected=0):
        return run("nsenter", "-t", self.pid, "-m", "-p", "-C", "systemctl", *words, expected=expected)

    def show(self, unit, name):
        return self.ctl("show", "--value", "-p", name, unit).strip()

    def stop(self):
        self.outer.kill()
        self.outer.wait()
        self.log.close()


def climc(*words):
    return run(BINARIES / "berthctl", *words)


def items(kind):
    return json.loads(climc(kind, "-o", "json"))["items"]


class Units(unittest.TestCase):
    """One story: each test goes on where the one before it ended (they run in the order of their names)."""

    @classmethod
    def setUpClass(cls):
        for program in ("berth-host", "berth-controller"):
            place = pathlib.Path("/usr/bin", program)
            place.touch()
            run("mount", "--bind", BINARIES / program, place)
        run("systemd-sysusers", PACKAGING / "sysusers.d/berth.conf")
        cls.link_by_certificates()
        cls.systemd = Systemd()

    @staticmethod
    def link_by_certificates():
        """As packaging/README.md has it, with both programs on one machine."""
        pki = pathlib.Path("/etc/berth/pki")
        run(BINARIES / "berthctl", "pki-init", pki, "--host", "lab")
        for path in (pki, pki / "controller.key"):
            shutil.chown(path, group="berth")
            path.chmod(0o750 if path.is_dir() else 0o640)
        sample = (PACKAGING / "controller.yaml").read_text()
        pathlib.Path("/etc/berth/controller.yaml").write_text(
            f"{sample}\ntls: {{certificate: {pki}/controller.crt, key: {pki}/controller.key, client_ca: {pki}/ca.crt}}\n")
        with open("/etc/berth/host.yaml", "a") as settings:
            settings.write(f"\nname: lab\ntls: {{certificate: {pki}/lab.crt, key: {pki}/lab.key, ca: {pki}/ca.crt}}\n")
        os.environ.update(BERTH_CONTROLLER="https://127.0.0.1:8750", BERTH_CA_FILE=str(pki / "ca.crt"))

    @classmethod
    def tearDownClass(cls):
        for log in ("systemd", "berth-controller", "berth-host"):
            path = pathlib.Path(f"/run/{log}.log")
            print(f"--- {log}\n{path.read_text(errors='replace')[-4000:] if path.exists() else 'none'}", flush=True)
        cls.systemd.stop()

    def active(self, unit):
        return eventually(f"{unit} to run", lambda: self.systemd.show(unit, "SubState") == "running", PATIENCE)

    def test_1_the_controller_runs_as_its_own_user_without_rights(self):
        self.systemd.ctl("start", "berth-controller")
        self.active("berth-controller")
        eventually("the controller's answer", lambda: run(BINARIES / "berthctl", "host-list", "-o", "json", expected=None),
                   PATIENCE)
        state = pathlib.Path("/var/lib/berth")
        self.assertEqual(state.stat().st_mode & 0o777, 0o700)
        self.assertEqual(state.owner(), "berth")
        self.assertTrue((state / "controller.db").exists())
        pid = self.systemd.show("berth-controller", "MainPID")
        status = run("nsenter", "-t", self.systemd.pid, "-m", "-p", "cat", f"/proc/{pid}/status")
        self.assertIn("CapEff:\t0000000000000000", status)
        self.assertIn("NoNewPrivs:\t1", status)

    def test_2_the_agent_makes_devices_clean_within_its_sandbox(self):
        at = dict(line.split() for line in run("labctl", "map").splitlines())
        self.systemd.ctl("start", "berth-host")
        self.active("berth-host")
        for name in ("gpu0", "gpu1", "gpu3", "gpu5"):  # bound, reset and checked, all through sysfs and vfio
            eventually(f"{name} free", lambda: any(one["pci_address"] == at[name] and one["state"] == "free"
                                                   for one in items("isolated-device-list")), PATIENCE)
            driver = pathlib.Path("/sys/bus/pci/devices", at[name], "driver").resolve().name
            self.assertEqual(driver, "vfio-pci")
        state = pathlib.Path("/var/lib/berth-host")
        self.assertEqual(state.stat().st_mode & 0o777, 0o700)
        self.assertTrue((state / "devices").exists())

    def test_3_the_agent_reaches_libvirt_within_its_sandbox(self):
        gpu = next(one["id"] for one in items("isolated-device-list") if one["state"] == "free")
        climc("server-create", "--hypervisor", "kvm", "--isolated-device", gpu, "--mem-spec", "64m", "--disk", "64m", "vm")
        eventually("the server ready", lambda: [one["status"] for one in items("server-list")] == ["ready"], PATIENCE)
        self.assertIn("berth-", run("virsh", "-c", "qemu:///system", "list", "--all", "--name"))
        self.assertIn("-disk0.qcow2", run("virsh", "-c", "qemu:///system", "vol-list", "berth"))

    def test_4_the_sandbox_holds(self):
        """What the unit takes away is away: a shell in berth-host's place, with the same settings."""
        probe = (UNITS / "berth-host.service").read_text().replace(
            "ExecStart=/usr/bin/berth-host --config /etc/berth/host.yaml",
            "ExecStart=/bin/bash -c 'for f in /usr/probe /etc/probe /var/lib/probe; do touch $f && echo \"wrote $f\"; done; "
            "touch /var/lib/berth-host/probe && echo \"state\"; head -c 1 /dev/kmsg /dev/mem && echo \"device\"; "
            "exec 3<>/dev/vfio/vfio && echo \"vfio\"; mount -t tmpfs none /mnt && echo \"mounted\"; "
            "chown 1 /var/lib/berth-host/probe && echo \"chown\"; ls -A /root | grep -q . && echo \"home\"; exit 0'"
        ).replace("Type=exec", "Type=oneshot").replace("Restart=on-failure", "Restart=no")
        (UNITS / "probe.service").write_text(probe + "\n[Service]\nStandardOutput=file:/run/probe.log\nStandardError=null\n")
        self.systemd.ctl("daemon-reload")
        self.systemd.ctl("start", "probe")
        self.assertEqual(pathlib.Path("/run/probe.log").read_text().split("\n"), ["state", "vfio", ""])

    def test_5_a_dead_agent_is_started_again_and_a_wrong_one_is_not(self):
        before = self.systemd.show("berth-host", "MainPID")
        self.systemd.ctl("kill", "--signal=KILL", "berth-host")
        eventually("a new agent", lambda: self.systemd.show("berth-host", "MainPID") not in ("0", before), PATIENCE)
        log = pathlib.Path("/run/berth-host.log")
        eventually("its link", lambda: log.read_text().count("linked to the controller") == 2, PATIENCE)
        self.systemd.ctl("stop", "berth-host")
        self.assertEqual(self.systemd.show("berth-host", "Result"), "success")
        settings = pathlib.Path("/etc/berth/host.yaml")
        good = settings.read_text()
        settings.write_text("nonsense: true\n")
        self.systemd.ctl("start", "berth-host", expected=None)
        eventually("its refusal", lambda: self.systemd.show("berth-host", "ActiveState") == "failed", PATIENCE)
        self.assertEqual(self.systemd.show("berth-host", "ExecMainStatus"), "2")
        settings.write_text(good)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2, failfast=True)
