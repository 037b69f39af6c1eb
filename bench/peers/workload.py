#!/usr/bin/env python3
"""Writes a demand as berth's CSV: servers of 1, 2, 4 and 8 GPUs that keep nine tenths of HOSTS hosts of 8 GPUs busy.

usage: workload.py HOSTS ARRIVALS
"""
import random
import sys

SIZES = (1, 1, 1, 1, 2, 2, 4, 4, 8, 8)
LIFETIME_S = 3600

hosts, arrivals = int(sys.argv[1]), int(sys.argv[2])
dice = random.Random(1)
per_second = 0.9 * hosts * 8 / (sum(SIZES) / len(SIZES)) / LIFETIME_S
now = 0.0
print("arrive_s,lifetime_s,gpus")
for _ in range(arrivals):
    now += dice.expovariate(per_second)
    print(f"{now:.6f},{dice.expovariate(1 / LIFETIME_S):.6f},{dice.choice(SIZES)}")
