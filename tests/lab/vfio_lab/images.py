"""Kernel, initramfs and our kernel modules, kept in a cache folder; several runs may ask at once."""
import contextlib
import fcntl
import gzip
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from .errors import CannotRun, LabError

SOURCE = pathlib.Path(__file__).resolve().parent.parent
LAB_MODULES = ["labpci", "labhold"]  # ours, in labpci/
# What the initramfs loads to reach the 9p root; dependencies are added from modules.dep.
BOOT_MODULES = ["virtio_pci", "9pnet_virtio", "9p", "overlay", "virtio_console"]


class Images:
    """The images of one cache folder, made on demand. `kernel` is an unpacked kernel package."""

    def __init__(self, cache: pathlib.Path):
        self.cache = cache
        self.kernel = cache / "kernel"

    @property
    def version(self) -> str:
        return next((self.kernel / "lib/modules").iterdir()).name

    @property
    def vmlinuz(self) -> pathlib.Path:
        return next((self.kernel / "boot").glob("vmlinuz-*"))

    @property
    def initramfs(self) -> pathlib.Path:
        return self.cache / "initramfs.gz"

    @property
    def kvm_is_no_use(self) -> pathlib.Path:
        """Exists after a boot with KVM failed on this machine: it is not tried again."""
        return self.cache / "kvm-is-no-use"

    @contextlib.contextmanager
    def _locked(self):
        self.cache.mkdir(parents=True, exist_ok=True)
        with open(self.cache / "lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def prepare(self) -> None:
        """Fetches and builds what is missing or older than its source."""
        with self._locked():
            if not self.kernel.is_dir():
                self._unpack(self._package())
            source = SOURCE / "in_vm/init"
            newest = max(source.stat().st_mtime, self.vmlinuz.stat().st_ctime)
            if not self.initramfs.exists() or self.initramfs.stat().st_mtime < newest:
                self._build_initramfs(source)

    def modules(self) -> pathlib.Path:
        """The folder with labpci.ko and labhold.ko for the cached kernel; needs the headers of that very version."""
        folder = self.cache / f"labpci-{self.version}"
        sources = [SOURCE / "labpci" / f"{name}.c" for name in LAB_MODULES]
        with self._locked():
            if all(_is_up_to_date(folder / f"{source.stem}.ko", source) for source in sources):
                return folder
            headers = pathlib.Path(f"/usr/src/linux-headers-{self.version}")
            if not headers.is_dir():
                raise CannotRun(f"the lab's modules need the package linux-headers-{self.version}; if another version is "
                                f"installed, remove {self.cache} so that the matching kernel is fetched")
            folder.mkdir(exist_ok=True)
            for source in sources:
                shutil.copy(source, folder)
            objects = " ".join(f"{name}.o" for name in LAB_MODULES)
            (folder / "Makefile").write_text(f"obj-m := {objects}\n", encoding="utf-8")
            made = subprocess.run(["make", "-s", "-C", headers, f"M={folder}", "modules"],
                                  capture_output=True, text=True, check=False)
            if made.returncode:
                raise LabError("the lab's modules do not build:\n" + made.stderr)
        return folder

    def _package(self) -> pathlib.Path:
        """The kernel package that apt considers current, downloaded once."""
        there = sorted(self.cache.glob("linux-image-*.deb"))
        if there:
            return there[-1]
        said = subprocess.run(["apt-cache", "depends", "linux-image-amd64"],
                              capture_output=True, text=True, check=False).stdout
        name = re.search(r"Depends: (linux-image-\S+)", said)
        if not name:
            raise CannotRun("apt knows no linux-image-amd64: run apt-get update")
        got = subprocess.run(["apt-get", "-qq", "download", name[1]], cwd=self.cache,
                             capture_output=True, text=True, check=False)
        there = sorted(self.cache.glob("linux-image-*.deb"))
        if got.returncode or not there:
            raise CannotRun(f"apt-get cannot download {name[1]}: {got.stderr.strip()}")
        return there[-1]

    def _unpack(self, package: pathlib.Path) -> None:
        new = self.cache / "kernel.new"
        shutil.rmtree(new, ignore_errors=True)
        subprocess.run(["dpkg", "-x", package, new], check=True)
        version = next((new / "lib/modules").iterdir()).name
        subprocess.run(["depmod", "-b", new, version], check=True)
        new.rename(self.kernel)

    def _build_initramfs(self, init: pathlib.Path) -> None:
        modules = self.kernel / "lib/modules" / self.version
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name in ("bin", "mod"):
                (root / name).mkdir()
            shutil.copy("/bin/busybox", root / "bin/busybox")
            files = [modules / name for name in load_order((modules / "modules.dep").read_text("utf-8"), BOOT_MODULES)]
            for file in files:
                shutil.copy(file, root / "mod")
            (root / "modules").write_text("".join(file.name + "\n" for file in files), encoding="utf-8")
            shutil.copy(init, root / "init")
            names = "".join(str(path.relative_to(root)) + "\n" for path in sorted(root.rglob("*")))
            packed = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=root, input=names.encode(),
                                    capture_output=True, check=True).stdout
        new = self.initramfs.with_suffix(".new")
        new.write_bytes(gzip.compress(packed, 1))
        new.rename(self.initramfs)


def _is_up_to_date(made: pathlib.Path, source: pathlib.Path) -> bool:
    return made.exists() and made.stat().st_mtime >= source.stat().st_mtime


def load_order(modules_dep: str, names: list[str]) -> list[str]:
    """The files for `names` and all they depend on, in the order they load; built-in ones have none."""
    needs = {}
    for line in modules_dep.splitlines():
        file, _, dependencies = line.partition(":")
        key = os.path.basename(file).split(".ko")[0].replace("-", "_")
        needs[key] = list(reversed(dependencies.split())) + [file]  # the file lists the deepest one last
    order = []
    for name in names:
        order += [file for file in needs.get(name.replace("-", "_"), []) if file not in order]
    return order
