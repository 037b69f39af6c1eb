#!/usr/bin/env python3
"""The demand of a CSV on hosts of 8 GPUs in SimPy 3: a process that lets servers arrive, and one for each server.

usage: des_simpy.py HOSTS DEMAND.csv      prints events, seconds of processor time, refused servers, peak memory in MiB
"""
import csv
import resource
import sys
import time

import simpy
from fleet_rooms import Rooms


class Fleet:
    def __init__(self, hosts, demand):
        self.environment = simpy.Environment()
        self.rooms = Rooms(hosts)
        self.demand = demand
        self.events = 0
        self.refused = 0
        self.environment.process(self.arrive())

    def arrive(self):
        for when, lifetime, gpus in self.demand:
            yield self.environment.timeout(when - self.environment.now)
            self.events += 1
            host = self.rooms.take(gpus)
            if host is None:
                self.refused += 1
            else:
                self.environment.process(self.live(host, lifetime, gpus))

    def live(self, host, lifetime, gpus):
        yield self.environment.timeout(lifetime)
        self.events += 1
        self.rooms.change(host, gpus)


with open(sys.argv[2], newline="", encoding="ascii") as table:
    rows = [(float(row["arrive_s"]), float(row["lifetime_s"]), int(row["gpus"])) for row in csv.DictReader(table)]
fleet = Fleet(int(sys.argv[1]), rows)
begin = time.process_time()
fleet.environment.run()
took = time.process_time() - begin
print(fleet.events, f"{took:.6f}", fleet.refused, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
