#!/usr/bin/env python3
"""A real Prometheus reads the blocks that promtool makes of a simulation's OpenMetrics, and every query of the dashboard
runs on it: those that docs/sim-outputs.md lists as filled have values, all others have none.

usage: prometheus_test.py SOURCE
Exit code 77 = skipped (no prometheus and promtool installed).
"""
import json
import math
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

SKIPPED = 77
START = 1704067200  # of the golden result, which lasts three hours
AT = START + 2 * 3600
STEP = 3600  # between its moments


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Prometheus:
    """Over the blocks alone: it scrapes nothing."""

    def __init__(self, blocks, directory):
        (directory / "prometheus.yml").write_text("{}")
        self.port = free_port()
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={directory}/prometheus.yml", f"--storage.tsdb.path={blocks}",
             "--storage.tsdb.retention.time=100y", f"--query.lookback-delta={2 * STEP}s",
             f"--web.listen-address=127.0.0.1:{self.port}"], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)

    def __enter__(self):
        said = []
        for line in self.process.stdout:  # it says so when it is ready, and little after that
            said.append(line)
            if "Server is ready to receive web requests" in line:
                return self
        raise RuntimeError("prometheus did not start: " + "".join(said))

    def __exit__(self, *unused):
        self.process.terminate()
        self.process.wait(20)
        self.process.stdout.close()

    def query(self, expression):
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode({"query": expression, "time": AT})
        with urllib.request.urlopen(url, timeout=10) as reply:
            return json.load(reply)["data"]["result"]


def panel_queries(source):
    """(panel title, expression) of every target, with Grafana's variables filled in."""
    for panel in json.loads((source / "dashboards" / "berth.json").read_text())["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"].replace("$__rate_interval", f"{4 * STEP}s")
            yield panel["title"], re.sub(r"\$(host|model)", ".*", expression)


def listed(source):
    """The panels that the handbook says are filled."""
    text = (source / "docs" / "sim-outputs.md").read_text(encoding="utf-8")
    part = text.split("Panels of the dashboard that are filled:", 1)[1].split("\n\n", 2)[1]
    return {line[2:].split(":")[0].strip() for line in part.splitlines() if line.startswith("* ")}


def has_number(result, expression):
    values = [float(series["value"][1]) for series in result]
    # `or on () vector(0)` stands for nothing.
    nothing = "or on () vector(0)" in expression and [series["metric"] for series in result] == [{}]
    return not nothing and any(not math.isnan(value) for value in values)


def main():
    source = pathlib.Path(sys.argv[1])
    if not (shutil.which("prometheus") and shutil.which("promtool")):
        print("skipped: prometheus and promtool are not installed")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="berth-blocks-") as temporary:
        directory = pathlib.Path(temporary)
        subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics",
                        source / "tests/sim/report/golden/metrics.om", directory / "blocks"],
                       check=True, stdout=subprocess.DEVNULL)
        with Prometheus(directory / "blocks", directory) as prometheus:
            filled = {title for title, query in panel_queries(source) if has_number(prometheus.query(query), query)}
            held = prometheus.query('sum by (run) (berth_devices{state="in_use",model="A100"})')
            runs = {series["metric"]["run"]: float(series["value"][1]) for series in held}
    assert runs == {"best-fit/1": 4, "spread/1": 6}, runs
    assert filled == listed(source), f"filled, but not listed: {filled - listed(source)}; " \
                                     f"listed, but empty: {listed(source) - filled}"
    print(f"prometheus_test: {len(filled)} panels filled, as listed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
