"""The lab VM as the only host of a live cluster: what the end-to-end tests inside it share."""
import os
import pathlib
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


def lab(*words):
    return run("labctl", *words)


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
    """They outlive libvirtd, and so a test that ran before in the same boot."""
    there = virsh("pool-list", "--all", "--name").split()
    for name, directory in (("berth", DISKS), ("berth-images", IMAGES)):
        if name in there:
            continue
        directory.mkdir(parents=True, exist_ok=True)
        if name == "berth-images":
            shutil.copy(IMAGE, directory / "guest")
        virsh("pool-define-as", name, "dir", "--target", directory)
        virsh("pool-start", name)


class RealCluster(LiveCluster):
    """The VM itself as the only host, `lab`. `flags`: more of the agent's."""

    def __init__(self, *flags):
        super().__init__(BINARIES, SOURCE, {"lab": None})
        self.flags = flags

    def start_host(self, name, _machine):
        pki = self.directory / "pki"
        state = self.directory / f"state-{name}"
        state.mkdir(exist_ok=True)
        port_file = self.directory / f"{name}.port"
        port_file.unlink(missing_ok=True)
        self._spawn(name, "berth-host", "--controller", f"127.0.0.1:{self.port}", "--name", name, "--state-dir", state,
                    "--servers-emulation", "true", "--use-boot-vga", "true", "--servers-disk-directory", DISKS, "--servers-console-logs", CONSOLES,
                    "--tls-certificate", pki / f"{name}.crt", "--tls-key", pki / f"{name}.key",
                    "--tls-ca", pki / "ca.crt", "--metrics-listen", "127.0.0.1:0", "--metrics-port-file", port_file,
                    *self.flags)
        self.host_metrics[name] = self._port_from(name, port_file)


class LabStory(unittest.TestCase):
    """One story: each test goes on where the one before it ended (they run in the order of their names)."""

    flags = ()

    @classmethod
    def setUpClass(cls):
        subprocess.run(["/usr/sbin/virtlogd", "-d"], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        start_libvirtd()
        make_pools()
        CONSOLES.mkdir(parents=True, exist_ok=True)
        cls.at = dict(line.split() for line in lab("map").splitlines())
        cls.before_the_agent()
        cls.cluster = RealCluster(*cls.flags).__enter__()

    @classmethod
    def before_the_agent(cls):
        """What the agent shall find."""

    @classmethod
    def tearDownClass(cls):
        print("--- events")
        for line in cls.cluster.cli("events").stdout.splitlines():
            print(line[:300])
        for name in ("controller", "lab"):
            log = (cls.cluster.directory / f"{name}.log").read_text()
            print(f"--- {name}.log\n{log[-6000:]}", flush=True)
        cls.cluster.__exit__()
        stop_libvirtd()

    def climc(self, *words, expected=0, show=True):
        """What our command-line tool said: its output, or its error if it is to fail."""
        done = self.cluster.cli(*words)
        said = done.stdout + done.stderr if show or done.returncode != expected else ""
        print(f"$ climc {' '.join(words)}\n{said}", flush=True)
        self.assertEqual(done.returncode, expected, " ".join(words))
        return done.stdout if expected == 0 else done.stderr

    def devices(self):
        return {one["pci_address"]: one for one in self.cluster.get("/v1/isolated-devices?limit=100")["items"]}

    def device(self, name):
        return self.devices()[self.at[name]]

    def await_device(self, name, state):
        try:
            return eventually(f"{name} {state}", lambda: (one := self.device(name))["state"] == state and one, PATIENCE)
        except AssertionError:
            print(f"--- {name} is not {state}: {self.device(name)}", flush=True)
            raise
