#!/usr/bin/env python3
"""A real Prometheus scrapes a live controller and its hosts; every query of the dashboard and of the alerts runs on it,
and promtool checks what each of them exposes.

usage: prometheus_test.py BINARIES SOURCE
Exit code 77 = skipped (no prometheus and promtool installed).
"""
import itertools
import json
import math
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

from live_cluster import LiveCluster, eventually, free_port

SKIPPED = 77
HOSTS = {"page": "page-machine", "dgx": "dgx-a100", "l40s": "l40s-4"}
DEVICES = 14


class Prometheus:
    """A Prometheus server of our own, on a port and a directory of its own, scraping every second."""

    def __init__(self, targets):
        self.targets = targets

    def __enter__(self):
        self._temporary = tempfile.TemporaryDirectory(prefix="berth-prometheus-")
        directory = pathlib.Path(self._temporary.name)
        (directory / "prometheus.yml").write_text(json.dumps({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [{"job_name": "berth", "static_configs": [{"targets": self.targets}]}],
        }))
        self.port = free_port()
        self._log = open(directory / "log", "wb")
        self._process = subprocess.Popen(
            ["prometheus", f"--config.file={directory}/prometheus.yml", f"--storage.tsdb.path={directory}/data",
             f"--web.listen-address=127.0.0.1:{self.port}"], stdout=self._log, stderr=self._log)
        eventually("every target scraped", lambda: self.value("sum(up)") == len(self.targets))
        return self

    def __exit__(self, *unused):
        self._process.terminate()
        self._process.wait(20)
        self._log.close()
        self._temporary.cleanup()

    def query(self, expression):
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(url, timeout=10) as reply:
            answer = json.load(reply)
        assert answer["status"] == "success", answer
        return answer["data"]["result"]

    def value(self, expression):
        result = self.query(expression)
        return float(result[0]["value"][1]) if result else math.nan


def panel_queries(source):
    """(panel title, expression) of every target, with Grafana's variables filled in."""
    dashboard = json.loads((source / "dashboards" / "berth.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"].replace("$__rate_interval", "30s")
            yield panel["title"], re.sub(r"\$(host|model)", ".*", expression)


def alert_queries(source):
    """(alert name, expression). promtool's own reading is not machine-readable, so this one reads the few keys."""
    import yaml
    for group in yaml.safe_load((source / "dashboards" / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


def check_exposition(cluster):
    """promtool finds no fault in what the controller and every host really answer."""
    for name, port in {"controller": cluster.port, **cluster.host_metrics}.items():
        text = cluster.get_text("/metrics", port)
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
        found = (checked.stdout + checked.stderr).strip()
        assert checked.returncode == 0 and not found, f"{name}'s /metrics: {found}"


# Series without a panel that a cluster in use must have moved, or must at least show.
MOVED = ("berth_host_link_frames_received_total", "berth_host_link_frames_sent_total", "berth_host_links",
         "berth_host_links_accepted_total", "berth_device_resets_total", "berth_device_allocated_seconds_total",
         "berth_actor_message_wait_seconds_count", "berth_build_info",
         "berth_inventory_last_success_timestamp_seconds")
SHOWN = ("berth_host_link_frames_dropped_total", "berth_host_link_frames_missed_total", "berth_actor_restarts_total",
         "berth_actor_mailbox_messages", "berth_device_health_events_total", "berth_host_commands_refused_total")


def make_history(cluster):
    """Something for every panel to show: servers that run, one that is refused, a device in turnover."""
    status, server = cluster.request("POST", "/v1/servers", {
        "name": "train", "vcpus": 4, "memory_mib": 4096, "auto_start": True, "devices": [{"model": "L40S", "count": 4}]})
    assert status == 201, (status, server)
    eventually("train running", lambda: cluster.get("/v1/servers/train")["status"] == "running")
    status, refused = cluster.request("POST", "/v1/servers", {
        "name": "too-big", "devices": [{"model": "A100", "count": 9}]})
    assert (status, refused["status"]) == (201, "sched_fail"), (status, refused)
    for name in ("a", "b"):
        assert cluster.request("POST", "/v1/servers", {"name": name, "devices": [{"model": "A100"}]})[0] == 201
    assert cluster.request("DELETE", "/v1/servers/b")[0] == 202


def has_number(result):
    return any(not math.isnan(float(series["value"][1])) for series in result)


def check_panels(cluster, prometheus, source):
    empty = list(panel_queries(source))
    turns = itertools.count()

    def all_filled():
        # Rates are of the last half minute: on a slow machine what happened before this began is out of sight.
        name = f"passing-{next(turns)}"
        assert cluster.request("POST", "/v1/servers", {"name": name, "devices": [{"model": "A100"}]})[0] == 201
        assert cluster.request("DELETE", f"/v1/servers/{name}")[0] == 202
        empty[:] = [(title, query) for title, query in empty if not has_number(prometheus.query(query))]
        return not empty

    try:
        eventually("every panel filled", all_filled, 45)
    except AssertionError:
        raise AssertionError("empty panels: " + "; ".join(f"{title}: {query}" for title, query in empty)) from None


def main():
    binaries, source = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    if not (shutil.which("prometheus") and shutil.which("promtool")):
        print("skipped: prometheus and promtool are not installed")
        return SKIPPED
    with LiveCluster(binaries, source, HOSTS) as cluster:
        eventually("all devices free", lambda: cluster.get("/v1/usage")["devices_free"] == DEVICES)
        targets = [f"127.0.0.1:{port}" for port in (cluster.port, *cluster.host_metrics.values())]
        with Prometheus(targets) as prometheus:
            # Rates need a sample from before anything happens.
            eventually("Prometheus sees the fleet", lambda: prometheus.value("sum(berth_devices)") == DEVICES)
            make_history(cluster)
            eventually("Prometheus sees the running server",
                       lambda: prometheus.value('berth_servers{state="running"}') == 1)
            eventually("Prometheus sees five allocated devices",
                       lambda: prometheus.value("sum(berth_device_allocated)") == 5)
            check_panels(cluster, prometheus, source)
            check_exposition(cluster)
            for name in MOVED:
                eventually(f"{name} moves", lambda: prometheus.value(f"sum({name})") > 0)
            for name in SHOWN:
                assert has_number(prometheus.query(f"sum({name})")), f"{name} is not exported"
            assert prometheus.value("sum(berth_actor_restarts_total)") == 0
            for name, expression in alert_queries(source):
                firing = prometheus.query(expression)
                assert not firing, f"{name} is active on a healthy cluster: {firing}"
            cluster.kill("dgx")
            eventually("a dead agent shows as an offline host",
                       lambda: prometheus.value('berth_hosts{state="offline"}') == 1, 30)
    print("prometheus_test: every panel filled, every alert quiet, every exposition clean, a dead agent visible")
    return 0


if __name__ == "__main__":
    sys.exit(main())
