"""What `bench/memory.py` simulates: its figures do not depend on the machine."""

from infc.runtime.memory.simulate import Hardware, Simulation, read_workload
from infc.runtime.memory.tier import Tier

from harness import Row, Side, row


def policies(quick: bool) -> list[Row]:
    """Bytes brought in by each policy, on one device that holds a quarter of 40 models' bytes, for several seeds.

    Without a goal: policies that weigh cost keep what is dear to bring back, not the most bytes. See `reload_cost`.
    """
    rows: list[Row] = []
    for kind in ("zipf", "diurnal", "bursts"):
        reloads: dict[str, list[float]] = {}
        for seed in range(1 if quick else 5):
            load = read_workload(f"{kind}:models=40,requests={400 if quick else 4000},rate=0.1,seed={seed}")
            tiers = (Tier("dram", load.bytes // 4, 25e9), Tier("disk", None, 2.5e9))
            for policy in ("lru", "lfu", "gdsf", "balanced", "trace-belady"):
                result = Simulation(load, Hardware(tiers), policy, chunk=16 << 20, warmup=0.25).run()
                reloads.setdefault(policy, []).append(result.reload / 1e9)
        sides = {("infc " if name == "balanced" else "") + name: Side.of(each) for name, each in reloads.items()}
        ratio = sides["infc balanced"].median / sides["lru"].median
        figure = f"bytes reloaded against LRU, memory for 25 % of the bytes, {kind}, simulated"
        rows.append(row(figure, "×", ratio, sides))
    return rows


def reload_cost(quick: bool) -> Row:
    """Seconds that calls wait for weights, where misses differ: the disk holds half of all bytes, and what it has not
    comes from a store over a network, at 200 MB/s and 20 ms a chunk.
    """
    waits: dict[str, list[float]] = {}
    for seed in range(1 if quick else 3):
        load = read_workload(f"zipf:models=40,requests={400 if quick else 4000},rate=0.01,seed={seed}")
        disk, store = Tier("disk", load.bytes // 2, 2.5e9, 1e-4), Tier("store", None, 2e8, 0.02)
        hardware = Hardware((Tier("dram", load.bytes // 4, 25e9), disk, store))
        for policy in ("lru", "lfu", "gdsf", "balanced"):
            result = Simulation(load, hardware, policy, chunk=16 << 20, warmup=0.25).run()
            waits.setdefault(policy, []).append(result.stall)
    sides = {("infc " if name == "balanced" else "") + name: Side.of(each) for name, each in waits.items()}
    figure = "seconds of reloading, GDSF against LRU, memory for 25 % of the bytes, a disk and a store below, simulated"
    return row(figure, "×", sides["gdsf"].median / sides["lru"].median, sides, ("<=", 0.65))


def limits(quick: bool) -> list[Row]:
    """Seconds that one model's calls wait for weights, with room for a part of them: the trace's policy against LRU."""
    sides: dict[str, Side] = {}
    ratios: list[float] = []
    for percent in (50, 75, 90, 99):
        load = read_workload(f"zipf:models=1,requests={20 if quick else 100},rate=0.01,spread=0")
        tiers = (Tier("dram", load.bytes * percent // 100, 25e9), Tier("disk", None, 2.5e9))
        waits = {policy: Simulation(load, Hardware(tiers), policy).run().stall for policy in ("lru", "balanced")}
        ratios.append(waits["balanced"] / waits["lru"])
        sides[f"infc balanced, room for {percent} %"] = Side.of([waits["balanced"]])
        sides[f"lru, room for {percent} %"] = Side.of([waits["lru"]])
    figure = "waiting for weights near the working set, balanced against LRU, simulated"
    return [
        row(f"{figure}, at its worst", "×", max(ratios), sides),
        row(f"{figure}, at its best", "×", min(ratios)),
    ]
