"""One boot: starts QEMU, streams the command's output, serves `labctl`, ends within the deadline."""
import ctypes
import dataclasses
import os
import pathlib
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from .errors import CannotRun, LabError
from .images import SOURCE, Images
from .monitor import Broker, Monitor, connect
from .topology import Topology

TIMED_OUT, LAB_FAILED, INTERRUPTED = 124, 125, 130
# A VM that has not reached user space after this time with KVM never will (nested KVM can be that slow).
KVM_BOOT_SECONDS = 25
TO_QEMU_END_SECONDS = 10
PR_SET_PDEATHSIG = 1
NOISE = "TCG doesn't support requested feature"  # QEMU, of the CPU models that it knows


@dataclasses.dataclass
class Job:
    """What to run and how. `out` is shared read-write with the VM."""
    topology_file: pathlib.Path
    overrides: dict[str, str]
    command: list[str]
    environment: dict[str, str]
    out: pathlib.Path
    timeout_s: float
    accel: str  # auto, kvm, tcg
    nice: int
    stats: bool


class Interrupted(Exception):
    """Somebody wants us to end."""


class KvmIsNoUse(Exception):
    """The VM did not boot with KVM."""


def run(job: Job, images: Images) -> int:
    """The command's status, or one of those above."""
    topology = Topology(job.topology_file.read_text(encoding="utf-8"), job.overrides)
    images.prepare()
    modules = str(images.modules()) if topology.identities else ""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    if _try_kvm(job, images):
        try:
            return Boot(job, images, topology, modules, kvm=True).run()
        except KvmIsNoUse as reason:
            images.kvm_is_no_use.write_text(f"{reason}\n", encoding="utf-8")
            _say(f"no boot with KVM ({reason}); going on without, here and in later runs")
    return Boot(job, images, topology, modules, kvm=False).run()


def _try_kvm(job: Job, images: Images) -> bool:
    if job.accel == "auto":
        return os.access("/dev/kvm", os.R_OK | os.W_OK) and not images.kvm_is_no_use.exists()
    if job.accel == "kvm" and not os.access("/dev/kvm", os.R_OK | os.W_OK):
        raise CannotRun("--accel kvm: /dev/kvm cannot be opened")
    return job.accel == "kvm"


def _interrupt(*_):
    raise Interrupted


def _say(text: str) -> None:
    print("vfio-lab: " + text, file=sys.stderr, flush=True)


class Boot:
    """One QEMU and the files it shares with us, in `out`/.lab."""

    def __init__(self, job: Job, images: Images, topology: Topology, modules: str, kvm: bool):
        self._job, self._images, self._topology, self._modules, self._kvm = job, images, topology, modules, kvm
        self._files = job.out / ".lab"
        self._begin = time.monotonic()

    def run(self) -> int:
        self._write_files()
        sockets = pathlib.Path(tempfile.mkdtemp(prefix="vfio-lab."))
        status, trouble = None, ""
        with open(self._files / "qemu.log", "wb") as log, self._open("stdout") as out, self._open("stderr") as err:
            self._tails = [(out, sys.stdout.buffer), (err, sys.stderr.buffer)]
            qemu = self._start(sockets, log)
            try:
                status = self._serve(qemu, sockets)
            except Interrupted:
                status, trouble = INTERRUPTED, "interrupted"
            except (LabError, OSError) as error:
                if self._kvm and self._job.accel == "auto" and not self._booted():
                    raise KvmIsNoUse(str(error)) from error
                status, trouble = LAB_FAILED, str(error)
            finally:
                _end(qemu)
                self._pump()
                shutil.rmtree(sockets, ignore_errors=True)
        if status is None:
            status, trouble = self._status_of_command()
        elif status == TIMED_OUT:
            trouble = f"timed out after {self._job.timeout_s:.0f} s"
        if trouble:
            self._complain(trouble)
        if self._job.stats:
            self._print_stats()
        return status

    def _write_files(self) -> None:
        shutil.rmtree(self._files, ignore_errors=True)
        self._files.mkdir(parents=True)
        for name in ("stage2", "labctl"):
            shutil.copy(SOURCE / "in_vm" / name, self._files)
        for name in ("stdout", "stderr", "console.log"):
            (self._files / name).touch()
        settings = {"LAB_KERNEL": self._images.kernel, "LAB_MODULES": self._modules,
                    "LAB_AUTOLOAD": self._topology.vm["autoload"], "LAB_MODPROBE": self._topology.vm["modprobe"]}
        (self._files / "settings").write_text(
            "".join(f"{key}={shlex.quote(str(value))}\n" for key, value in settings.items()), encoding="utf-8")
        environment = {"BERTH_LAB": "1", "BERTH_LAB_TOPOLOGY": str(self._job.topology_file.resolve())}
        environment |= self._job.environment
        exports = "".join(f"export {key}={shlex.quote(value)}\n" for key, value in environment.items())
        (self._files / "command").write_text(
            f"{exports}cd {shlex.quote(os.getcwd())} || exit 125\nexec {shlex.join(self._job.command)}\n", encoding="utf-8")

    def _start(self, sockets: pathlib.Path, log) -> subprocess.Popen:
        share = "local,security_model=none,multidevs=remap"
        command = ["nice", "-n", str(self._job.nice), "qemu-system-x86_64", *self._topology.arguments(self._kvm),
                   "-kernel", str(self._images.vmlinuz), "-initrd", str(self._images.initramfs),
                   "-append", self._topology.kernel_arguments(),
                   "-serial", f"file:{self._files}/console.log",
                   "-fsdev", f"{share},id=hostroot,path=/,readonly=on",
                   "-device", "virtio-9p-pci,fsdev=hostroot,mount_tag=hostroot,bus=pcie.0,addr=0x3",
                   "-fsdev", f"{share},id=labout,path={self._job.out}",
                   "-device", "virtio-9p-pci,fsdev=labout,mount_tag=labout,bus=pcie.0,addr=0x4",
                   "-device", "virtio-serial-pci,bus=pcie.0,addr=0x5",
                   "-chardev", f"socket,id=ctl,path={sockets}/ctl,server=on,wait=off",
                   "-device", "virtserialport,chardev=ctl,name=lab.ctl",
                   "-qmp", f"unix:{sockets}/qmp,server=on,wait=off"]
        libc = ctypes.CDLL(None)
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))

    def _serve(self, qemu: subprocess.Popen, sockets: pathlib.Path) -> int | None:
        """Until QEMU ends (None) or the time is up (124)."""
        broker = Broker(Monitor(sockets / "qmp", qemu), self._topology)
        unread = b""
        with connect(sockets / "ctl", qemu) as control:
            while qemu.poll() is None:
                elapsed = time.monotonic() - self._begin
                if elapsed > self._job.timeout_s:
                    return TIMED_OUT
                if self._kvm and elapsed > KVM_BOOT_SECONDS and not self._booted():
                    raise LabError(f"no user space within {KVM_BOOT_SECONDS} s of KVM")
                if select.select([control], [], [], 0.2)[0]:
                    data = control.recv(65536)
                    if not data:
                        qemu.wait(TO_QEMU_END_SECONDS)
                    *lines, unread = (unread + data).split(b"\n")
                    for line in lines:
                        reply = broker.answer(line.decode(errors="replace"))
                        control.sendall(("\n".join(reply) + "\n").encode())
                self._pump()
        if self._kvm and not self._booted():
            raise LabError("QEMU ended during the boot")
        return None

    def _open(self, name: str):
        return open(self._files / name, "rb")

    def _pump(self) -> None:
        for source, sink in self._tails:
            sink.write(source.read())
            sink.flush()

    def _booted(self) -> bool:
        return (self._files / "phases").exists()

    def _status_of_command(self) -> tuple[int, str]:
        try:
            return int((self._files / "status").read_text(encoding="utf-8")), ""
        except (OSError, ValueError):
            return LAB_FAILED, "the VM ended without a result"

    def _complain(self, trouble: str) -> None:
        _say(f"{trouble}; the last lines of console and QEMU log:")
        for name in ("console.log", "qemu.log"):
            lines = [line for line in (self._files / name).read_text(errors="replace").splitlines() if NOISE not in line]
            sys.stderr.write("".join(f"  {line}\n" for line in lines[-40:]))

    def _print_stats(self) -> None:
        phases = self._files / "phases"
        said = "; ".join(phases.read_text(encoding="utf-8").splitlines()) if phases.exists() else "none"
        _say(f"{'kvm' if self._kvm else 'tcg'}, {time.monotonic() - self._begin:.1f} s, phases (uptime): {said}")


def _end(qemu: subprocess.Popen) -> None:
    if qemu.poll() is None:
        qemu.terminate()
        try:
            qemu.wait(TO_QEMU_END_SECONDS)
        except subprocess.TimeoutExpired:
            qemu.kill()
            qemu.wait()
