"""A controller and simulated hosts as separate processes, for tests that look at the programs from outside.

Every wait polls an observable condition with a deadline; nothing sleeps and hopes.
"""
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request


def eventually(what, condition, seconds=60.0):
    """Polls until condition() is truthy and returns it; an exception counts as not yet."""
    deadline = time.monotonic() + seconds
    last = None
    while time.monotonic() < deadline:
        try:
            last = condition()
            if last:
                return last
        except (OSError, KeyError, ValueError, urllib.error.URLError) as error:
            last = error
        time.sleep(0.05)  # the interval between two looks
    raise AssertionError(f"{what} did not happen within {seconds} s; last seen: {last!r}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class LiveCluster:
    """Context manager. Logs and state are in self.directory until the end."""

    def __init__(self, binaries, source, hosts, start=None):
        """hosts: {name: machine file's stem under machines/}; all get certificates, those in `start` (default all) run."""
        self.binaries = pathlib.Path(binaries)
        self.source = pathlib.Path(source)
        self.hosts = hosts
        self.start = hosts if start is None else start
        self.processes = {}
        self.host_metrics = {}

    def __enter__(self):
        self._temporary = tempfile.TemporaryDirectory(prefix="berth-system-")
        self.directory = pathlib.Path(self._temporary.name)
        try:
            names = [word for name in self.hosts for word in ("--host", name)]
            self.run("berthctl", "pki-init", self.directory / "pki", *names)
            self.port = None
            self.start_controller()
            for name in self.start:
                self.start_host(name, self.hosts[name])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *unused):
        for process in self.processes.values():
            process.terminate()
        for name, process in self.processes.items():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._temporary.cleanup()

    def run(self, program, *words):
        """Runs one of our programs to its end; its output as text."""
        return subprocess.run([self.binaries / program, *map(str, words)], check=True, capture_output=True, text=True)

    def _spawn(self, name, program, *words):
        log = open(self.directory / f"{name}.log", "ab")
        self.processes[name] = subprocess.Popen(
            [self.binaries / program, *map(str, words)], stdout=log, stderr=log, cwd=self.source)
        log.close()

    def _port_from(self, name, path):
        def look():
            assert self.processes[name].poll() is None, (self.directory / f"{name}.log").read_text()
            return int(path.read_text())
        return eventually(f"{name}'s port file", look)

    def start_controller(self):
        pki = self.directory / "pki"
        port_file = self.directory / "controller.port"
        port_file.unlink(missing_ok=True)
        self._spawn("controller", "berth-controller", "--listen", f"127.0.0.1:{self.port or 0}",
                    "--listen-port-file", port_file, "--store-path", self.directory / "controller.db",
                    "--tls-certificate", pki / "controller.crt", "--tls-key", pki / "controller.key",
                    "--tls-client-ca", pki / "ca.crt", "--hosts-fleet-certificates", "true", "--hosts-heartbeat-interval", "500ms", "--hosts-lease", "5s")
        self.port = self._port_from("controller", port_file)
        eventually("readiness", lambda: self.get_text("/readyz"))

    def start_fleet(self, inventory):
        """One process that plays every host of the inventory file, at once; needs the host '*' for its certificate."""
        pki = self.directory / "pki"
        state = self.directory / "state-fleet"
        state.mkdir()
        self._spawn("fleet", "berth-host", "--controller", f"127.0.0.1:{self.port}", "--simulated", "true",
                    "--simulated-inventory", inventory, "--simulated-time-scale", "0", "--state-dir", state,
                    "--tls-certificate", pki / "fleet.crt", "--tls-key", pki / "fleet.key", "--tls-ca", pki / "ca.crt",
                    "--metrics-listen", "127.0.0.1:0")

    def start_host(self, name, machine):
        pki = self.directory / "pki"
        state = self.directory / f"state-{name}"
        state.mkdir(exist_ok=True)
        port_file = self.directory / f"{name}.port"
        self._spawn(name, "berth-host", "--controller", f"127.0.0.1:{self.port}", "--name", name,
                    "--simulated", "true", "--simulated-machine", self.source / "machines" / f"{machine}.yaml",
                    "--simulated-time-scale", "0.05", "--state-dir", state,
                    "--tls-certificate", pki / f"{name}.crt", "--tls-key", pki / f"{name}.key",
                    "--tls-ca", pki / "ca.crt", "--metrics-listen", "127.0.0.1:0", "--metrics-port-file", port_file)
        self.host_metrics[name] = self._port_from(name, port_file)

    def kill(self, name):
        self.processes[name].kill()
        self.processes[name].wait()

    def get_text(self, path, port=None):
        with urllib.request.urlopen(f"http://127.0.0.1:{port or self.port}{path}", timeout=30) as reply:
            return reply.read().decode()

    def get(self, path):
        return json.loads(self.get_text(path))

    def request(self, method, path, body=None):
        """(status, parsed body); error statuses are values, not exceptions."""
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=data, method=method,
                                       headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(asked, timeout=30) as reply:
                return reply.status, json.loads(reply.read() or b"{}")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"{}")

    def cli(self, *words):
        environment = dict(os.environ, BERTH_CONTROLLER=f"http://127.0.0.1:{self.port}")
        return subprocess.run([self.binaries / "climc", *words], capture_output=True, text=True, env=environment)
