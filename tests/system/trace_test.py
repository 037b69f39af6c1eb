#!/usr/bin/env python3
"""The main job on real input: Alibaba's GPU nodes as simulated hosts, the trace's pods as servers through the HTTP API,
then the independent checker over API and store.

usage: trace_test.py BINARIES SOURCE DATA
DATA holds Alibaba's tables (cluster-trace-gpu-v2023). Exit code 77 = skipped (no data).
"""
import json
import pathlib
import sys

from live_cluster import LiveCluster, eventually

SKIPPED = 77
PODS = 8152
GPUS = 6212


def main():
    binaries, source, data = map(pathlib.Path, sys.argv[1:4])
    nodes, pods = data / "openb_node_list_gpu_node.csv", data / "openb_pod_list_default.csv"
    if not (nodes.exists() and pods.exists()):
        print(f"skipped: no trace in {data}")
        return SKIPPED
    with LiveCluster(binaries, source, {"*": None}, start=[]) as cluster:
        inventory = cluster.directory / "nodes.yaml"
        cluster.run("berth-sim", "convert", "alibaba", "--nodes", nodes, "--inventory", inventory)
        cluster.start_fleet(inventory)
        eventually("every GPU is free", lambda: cluster.get("/v1/usage")["devices_free"] == GPUS, 180)
        report_file = cluster.directory / "report.json"
        url = f"http://127.0.0.1:{cluster.port}"
        print(cluster.run("berth-sim", "submit", "--controller", url, "--pods", pods, "--concurrency", 64,
                          "--report", report_file).stdout)
        report = json.loads(report_file.read_text())
        print(json.dumps(report, indent=1)[:2000])
        usage = eventually("the cluster is quiet", lambda: quiet(cluster))
        assert usage["servers"] == PODS, usage
        assert usage["devices_allocated"] > 0.85 * GPUS, usage
        print(cluster.run("berth-check", "--controller", url, "--store", cluster.directory / "controller.db").stdout)
    return 0


def quiet(cluster):
    """The usage, once no event came between two looks."""
    first = cluster.get("/v1/usage")
    second = cluster.get("/v1/usage")
    deploying = cluster.get("/v1/servers?status=deploying&limit=1")["total"]
    return first if first["sequence"] == second["sequence"] and deploying == 0 else None


if __name__ == "__main__":
    sys.exit(main())
