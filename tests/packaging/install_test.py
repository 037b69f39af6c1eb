#!/usr/bin/env python3
"""`cmake --install` into an empty folder, and what systemd and kmod say to the files that are there then.

usage: install_test.py BUILD SOURCE        needs all programs built
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD, SOURCE = map(pathlib.Path, sys.argv[1:3])
PROGRAMS = ["berth-check", "berth-controller", "berth-host", "berth-sim", "berth-store", "berthctl"]
OTHERS = """
lib/modprobe.d/berth.conf
lib/modules-load.d/berth.conf
lib/systemd/system/berth-controller.service
lib/systemd/system/berth-host.service
lib/sysusers.d/berth.conf
share/bash-completion/completions/berthctl
share/bash-completion/completions/climc
share/berth/dashboards/alerts.yaml
share/berth/dashboards/berth.json
share/doc/berth/controller.yaml
share/doc/berth/host.yaml
share/fish/vendor_completions.d/berthctl.fish
share/zsh/vendor-completions/_berthctl
""".split()


def run(*command, **more):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120, **more)


def needs(program):
    return unittest.skipUnless(shutil.which(program), f"{program} is not here")


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="berth-install-")
        cls.root = pathlib.Path(cls.temporary.name)
        done = run("cmake", "--install", BUILD, "--prefix", "/usr", env=os.environ | {"DESTDIR": str(cls.root)})
        assert done.returncode == 0, done.stdout + done.stderr
        cls.usr = cls.root / "usr"

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def succeeds(self, *command, **more):
        done = run(*command, **more)
        self.assertEqual(done.returncode, 0, f"{command}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def test_exactly_these_files(self):
        docs = [f"share/doc/berth/{path.relative_to(SOURCE / 'docs')}" for path in (SOURCE / "docs").rglob("*")
                if path.is_file()]
        wanted = [f"bin/{program}" for program in PROGRAMS + ["climc"]] + OTHERS + docs
        there = [str(path.relative_to(self.usr)) for path in self.root.rglob("*") if not path.is_dir()]
        self.assertEqual(sorted(there), sorted(wanted))

    def test_readme_names_each_kind_of_file(self):
        """packaging/README.md says where everything goes."""
        readme = (SOURCE / "packaging/README.md").read_text()
        for folder in ("share/doc/berth", "share/berth/dashboards", "lib/systemd/system", "lib/sysusers.d",
                       "lib/modules-load.d", "lib/modprobe.d"):
            self.assertTrue((self.usr / folder).is_dir(), folder)
            self.assertIn(f"`/usr/{folder}`", readme)

    def test_programs_run_from_there(self):
        for program in PROGRAMS:
            self.succeeds(self.usr / "bin" / program, "--help")
        self.assertEqual(os.readlink(self.usr / "bin/climc"), "berthctl")
        self.assertIn("isolated-device-list", self.succeeds(self.usr / "bin/climc", "help"))

    def test_samples_are_accepted(self):
        for name in ("controller", "host"):
            self.succeeds(self.usr / "bin" / f"berth-{name}", "--config", self.usr / f"share/doc/berth/{name}.yaml", "--check")
        wrong = self.root / "wrong.yaml"
        wrong.write_text("contoller: x\n")
        self.assertEqual(run(self.usr / "bin/berth-host", "--config", wrong, "--check").returncode, 2)

    def test_doctor_accepts_the_sample(self):
        tree = self.root / "tree"
        (tree / "etc/berth").mkdir(parents=True)
        shutil.copy(self.usr / "share/doc/berth/host.yaml", tree / "etc/berth")
        shutil.copytree(self.usr / "lib", tree / "usr/lib")
        try:
            answer = run(self.usr / "bin/berth-host", "doctor", "--root", tree).stdout
        finally:
            shutil.rmtree(tree)
        for line in ("OK       settings", "OK       disable_gpu", "OK       nouveau"):
            self.assertIn(line, answer)

    def test_no_path_of_the_build_is_in_a_text(self):
        for path in self.usr.rglob("*"):
            if path.is_file() and path.parent.name != "bin":
                text = path.read_text()
                for place in (str(SOURCE), str(BUILD), str(self.root)):
                    self.assertNotIn(place, text, path)

    def units(self):
        """Copies of the units that name the programs where they are now; verify wants them to exist."""
        for unit in sorted((self.usr / "lib/systemd/system").glob("*.service")):
            copy = self.root / unit.name
            copy.write_text(unit.read_text().replace("/usr/bin/", f"{self.usr}/bin/"))
            self.addCleanup(copy.unlink)
            yield copy

    @needs("systemd-analyze")
    def test_units_are_right(self):
        for unit in self.units():
            said = self.succeeds("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit)
            self.assertEqual(said.strip(), "")

    @needs("systemd-analyze")
    def test_units_expose_little(self):
        for name, most in (("berth-controller", 13), ("berth-host", 34)):  # tenths; a unit without a sandbox has 96
            self.succeeds("systemd-analyze", "security", "--no-pager", "--offline=true", f"--threshold={most}",
                          self.usr / f"lib/systemd/system/{name}.service")

    @needs("systemd-sysusers")
    def test_sysusers_makes_the_controllers_user(self):
        said = self.succeeds("systemd-sysusers", "--dry-run", f"--root={self.root}")
        self.assertIn("berth", said)

    @needs("modprobe")
    def test_modprobe_understands_its_file(self):
        said = self.succeeds("modprobe", "-C", self.usr / "lib/modprobe.d", "--showconfig")
        self.assertIn("blacklist nouveau\n", said)
        self.assertNotIn("ignoring", said)

    @needs("modprobe")
    def test_modules_at_boot_are_those_that_modprobe_knows(self):
        """Where the running kernel has its modules installed."""
        release = os.uname().release
        if not pathlib.Path("/lib/modules", release, "modules.dep").exists():
            self.skipTest(f"the modules of {release} are not here")
        for line in (self.usr / "lib/modules-load.d/berth.conf").read_text().splitlines():
            if line and not line.startswith("#"):
                self.succeeds("modprobe", "--dry-run", line)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
