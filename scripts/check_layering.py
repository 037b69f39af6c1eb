#!/usr/bin/env python3
"""Holds the source tree against the include law of docs/architecture.md.

Fails when a folder includes a folder that its row does not allow, or uses something banned there.
Debian puts CAF, libvirt and Prometheus in the default include path, so linking alone does not stop that.
"""
import argparse
import pathlib
import re
import sys

PURE = {"model", "scheduler", "control"}
ALLOWED = {
    "model": set(),
    "scheduler": {"model"},
    "control": {"model", "scheduler"},
    "hostbackend": {"model"},
    "proto": {"model"},
    "store": {"model", "proto"},
    "metrics": {"model"},
    "net": set(),
    "api": {"model", "metrics", "net"},
}
ALLOWED["actors"] = set(ALLOWED) | {"actors"}
ALLOWED["sim"] = ALLOWED["actors"] | {"sim"}
ALLOWED["cli"] = {"model", "net"}
ALLOWED["apps"] = ALLOWED["sim"] | {"cli"}

# What a folder must not name, by pattern; the message names the way out.
CLOCK = (r"\b(system|steady|high_resolution)_clock::now\b|\bgettimeofday\b|\bclock_gettime\b", "take the time as an argument")
SLEEP = (r"\bsleep_for\b|\bsleep_until\b|\busleep\b|[^_]\bsleep\(", "nothing here may wait")
DICE = (r"\brandom_device\b|\bmt19937\b|\bstd::shuffle\b|_distribution<", "take model::random as an argument")
THREADS = (r"#include <(thread|mutex|shared_mutex|condition_variable|future)>", "threads live in actors/, net/, store/ and hostbackend/linux/")
CAF = (r"#include [<\"]caf/", "CAF lives in actors/ and sim/")
LIBVIRT = (r"#include <libvirt/", "libvirt lives in hostbackend/linux/")
PROMETHEUS = (r"#include <prometheus/", "prometheus-cpp lives in metrics/")
BOOST = (r"#include <boost/", "Boost lives in net/, cli/ and apps/")
PROTOBUF = (r"\.pb\.h\"|#include <google/protobuf", "protobuf lives in proto/ and store/")

BANNED = {folder: [CLOCK, SLEEP, DICE, THREADS, CAF, LIBVIRT, PROMETHEUS, BOOST, PROTOBUF] for folder in PURE}
BANNED["hostbackend"] = [CLOCK, DICE, CAF, PROMETHEUS, BOOST, PROTOBUF]
BANNED["proto"] = [CLOCK, SLEEP, DICE, THREADS, CAF, LIBVIRT, PROMETHEUS, BOOST]
BANNED["store"] = [DICE, CAF, LIBVIRT, PROMETHEUS, BOOST]
BANNED["metrics"] = [CLOCK, SLEEP, DICE, CAF, LIBVIRT, BOOST, PROTOBUF]
BANNED["net"] = [DICE, CAF, LIBVIRT, PROMETHEUS, PROTOBUF]
BANNED["api"] = [SLEEP, DICE, CAF, LIBVIRT, PROMETHEUS, BOOST, PROTOBUF]
BANNED["actors"] = [CLOCK, SLEEP, DICE, LIBVIRT, PROMETHEUS, BOOST, PROTOBUF]
BANNED["sim"] = [CLOCK, SLEEP, DICE, LIBVIRT, PROMETHEUS, BOOST, PROTOBUF]
BANNED["cli"] = [CAF, LIBVIRT, PROMETHEUS, PROTOBUF]

# A line may carry its own argued exception: "// layering: <why>".
EXCEPTION = re.compile(r"//.*layering: \S")


def faults(root: pathlib.Path):
    for folder, allowed in sorted(ALLOWED.items()):
        for path in sorted((root / folder).rglob("*.[ch]pp")):
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                if EXCEPTION.search(line):
                    continue
                where = f"{path.relative_to(root)}:{number}"
                included = re.match(r'\s*#include "([a-z]+)/', line)
                if included and included[1] in ALLOWED and included[1] != folder and included[1] not in allowed:
                    yield f"{where}: {folder}/ may not include {included[1]}/"
                code = line.split("//")[0] if "#include" not in line else line
                for pattern, remedy in BANNED.get(folder, []):
                    if re.search(pattern, code):
                        yield f"{where}: banned in {folder}/ ({remedy}): {line.strip()}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path.cwd())
    found = list(faults(parser.parse_args().root))
    print("\n".join(found) if found else "layering: clean")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
