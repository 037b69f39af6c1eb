"""Hosts of 8 GPUs by how many are free: the best fit of the peers."""


class Rooms:
    def __init__(self, hosts):
        self.free = [8] * hosts
        self.with_free = [set() for _ in range(9)]
        self.with_free[8] = set(range(hosts))

    def take(self, gpus):
        """A host with as few free GPUs as will do, less `gpus`; None: there is none."""
        for free in range(gpus, 9):
            if self.with_free[free]:
                host = next(iter(self.with_free[free]))
                self.change(host, -gpus)
                return host
        return None

    def change(self, host, gpus):
        self.with_free[self.free[host]].discard(host)
        self.free[host] += gpus
        self.with_free[self.free[host]].add(host)
