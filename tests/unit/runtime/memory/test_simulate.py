"""The simulator: small cases worked out by hand, laws that hold for all, workloads, and what it refuses."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from infc import cli
from infc.errors import InfcError
from infc.runtime.memory.simulate import Hardware, Simulation, Workload, read_workload
from infc.runtime.memory.simulate.engine import Simulation as Engine
from infc.runtime.memory.tier import Tier

from support.memory import POLICIES, few

DEVICE, DISK = Tier("device", 20, 100.0), Tier("disk", None, 10.0)


def workload(*calls: tuple[float, int], sizes: tuple[int, ...] = (10, 10, 10)) -> Workload:
    at, model = zip(*calls, strict=True)
    return Workload(np.array(at), np.array(model), np.array(sizes))


def simulate(load: Workload, *, policy: str = "lru", **options: object):
    fleet = {"tiers": (DEVICE, DISK), "devices": 1, **options}
    return Simulation(load, Hardware(**fleet), policy, chunk=5).run()


def test_one_device_by_hand() -> None:
    # Each model: 10 bytes, two chunks, 1 s from disk and 0.1 s of computing. Two models fit.
    result = simulate(workload((0, 0), (10, 1), (20, 0), (30, 2), (40, 1)))
    device, disk = result.tiers
    assert (device.touches, device.hits, device.evictions) == (10, 2, 4)
    assert (disk.touches, disk.hits, disk.read, result.reload) == (8, 8, 40, 40)
    assert result.stall == pytest.approx(4.0)
    assert result.compute == pytest.approx(0.5)
    assert result.queue == 0
    assert result.warm == pytest.approx(0.2)
    assert result.latency[0] == pytest.approx(1.1)


def test_a_call_waits_for_the_one_before() -> None:
    result = simulate(workload((0, 0), (0.5, 0)))
    assert result.queue == pytest.approx(0.6)  # the first takes 1 s of loading and 0.1 s of computing


def test_a_window_hides_loading_behind_computing() -> None:
    # 1 s of computing, 1 s of loading, five chunks of each: all but the first load is hidden.
    load = workload((0, 0), sizes=(25,))
    fleet = {"tiers": (Tier("device", 10, 1000.0), Tier("disk", None, 25.0)), "compute": 1.0}
    assert simulate(load, **fleet, window=0).stall == pytest.approx(1.0)
    assert simulate(load, **fleet, window=5).stall == pytest.approx(0.2)


def test_free_room_is_filled_while_a_call_waits() -> None:
    load = workload((0, 0), (0, 1))
    tiers = {"tiers": (DEVICE, DISK), "compute": 5.0}
    assert simulate(load, **tiers, window=0).stall == pytest.approx(2.0)
    # Model 1 is loaded while model 0 computes; of model 0 itself only the first half could not be hidden.
    assert simulate(load, **tiers, window=10).stall == pytest.approx(0.5)


def test_the_host_s_memory_is_shared_by_its_devices() -> None:
    load = workload((0, 0), (0, 0), (0, 0), (0, 0))
    tiers = (DEVICE, Tier("dram", 100, 1000.0), DISK)
    one = simulate(load, tiers=tiers, devices=2, devices_per_host=2)
    two = simulate(load, tiers=tiers, devices=2, devices_per_host=1)
    assert one.tiers[2].read == 10
    assert two.tiers[2].read == 20


def test_the_devices_of_a_host_share_its_disk() -> None:
    load = workload((0, 0), (0, 1), (0, 2), (0, 3), sizes=(10, 10, 10, 10))
    tiers = (Tier("device", 20, 1e9), Tier("dram", 100, 1e9), DISK)
    one = simulate(load, tiers=tiers, devices=4, devices_per_host=4)
    four = simulate(load, tiers=tiers, devices=4, devices_per_host=1)
    assert one.seconds == pytest.approx(4.0)  # 40 bytes at 10 a second, whichever devices they go to
    assert four.seconds < 3


def test_fine_tunes_share_chunks() -> None:
    load = Workload(np.array([0.0, 1, 2]), np.array([0, 1, 2]), np.array([40, 40, 40]), family=2, shared=0.5)
    result = simulate(load, tiers=(Tier("device", 1000, 100.0), DISK))
    assert result.reload == 40 + 20 + 40


@few
@given(
    calls=st.lists(st.tuples(st.floats(0, 100), st.integers(0, 5)), min_size=1, max_size=30),
    sizes=st.lists(st.integers(1, 30), min_size=6, max_size=6),
    devices=st.integers(1, 5),
    window=st.integers(0, 20),
    policy=st.sampled_from(POLICIES),
)
def test_what_holds_for_every_fleet(calls: list, sizes: list, devices: int, window: int, policy: str) -> None:
    if policy == "trace-belady":
        devices, tiers = 1, (DEVICE, DISK)
    else:
        tiers = (DEVICE, Tier("dram", 40, 50.0, 0.01), DISK)
    load = workload(*sorted(calls, key=lambda call: call[0]), sizes=tuple(sizes))
    fleet = Hardware(tiers, devices, 2, window)
    engine = Engine(load, fleet, policy, chunk=5)
    result = engine.run()
    assert result.calls == len(calls)
    for device in engine._devices:
        assert device.content.used <= 20
    for above, below in zip(result.tiers, result.tiers[1:], strict=False):
        missed = above.touches - above.hits
        assert below.touches == missed if not window else below.touches >= missed
    assert result.tiers[0].touched_bytes == sum(sizes[model] for _, model in calls)
    assert result.reload >= sum(sizes[model] for model in {model for _, model in calls})
    assert min(result.stall, result.queue, *result.latency) >= 0
    assert result.seconds >= result.compute / devices - 1e-9
    again = Simulation(load, fleet, policy, chunk=5).run()
    assert msgspec.structs.replace(again, wall=0) == msgspec.structs.replace(result, wall=0)


@pytest.mark.parametrize("kind", ["zipf", "diurnal", "bursts"])
def test_made_up_workloads(kind: str) -> None:
    text = f"{kind}:models=50,requests=20000,rate=20,size=1GB,spread=0.5,seed=3"
    load = read_workload(text)
    assert len(load.at) == 20_000
    assert (np.diff(load.at) >= 0).all()
    assert load.seconds == pytest.approx(1000, rel=0.1)
    assert np.median(load.sizes) == pytest.approx(1e9, rel=0.3)
    counts = np.bincount(load.model, minlength=50)
    assert counts[0] / counts[9] == pytest.approx(10, rel=0.7)
    assert counts[:10].sum() > counts[10:].sum()
    same = read_workload(text)
    assert (same.at == load.at).all() and (same.model == load.model).all() and (same.sizes == load.sizes).all()
    assert (read_workload(text + "1").model != load.model).any()


def test_diurnal_models_have_their_hour() -> None:
    load = read_workload("diurnal:models=1,requests=40000,rate=1,period=20000,depth=1")
    counts, _ = np.histogram(load.at % 20000, 10)
    assert counts.max() > 5 * counts.min()


def test_bursts_are_close_together() -> None:
    load = read_workload("bursts:models=1000,requests=5000,rate=1,burst=20,gap=0.1,s=0")
    assert np.median(np.diff(load.at)) < 0.2


def test_a_log_is_read(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text("at,model,size\n12.5,b,7\n10,a,5\n11,b,6\n")
    load = read_workload(str(path))
    assert load.at.tolist() == [0, 1, 2.5]
    assert load.model.tolist() == [1, 0, 0]
    assert load.sizes.tolist() == [7, 5]
    path.write_text("at,model\n0,a\n")
    assert read_workload(f"{path}:size=3GB,spread=0").sizes.tolist() == [3_000_000_000]


def test_azure_traces_are_read(tmp_path: Path) -> None:
    path = tmp_path / "azure.csv"
    minutes = ",".join(map(str, range(1, 1441)))
    counts = ",".join("2" if minute == 3 else "0" for minute in range(1440))
    path.write_text(f"HashOwner,HashApp,HashFunction,Trigger,{minutes}\no,a,f,http,{counts}\no,a,g,queue,{counts}\n")
    load = read_workload(str(path))
    assert len(load.at) == 4
    assert load.seconds < 60
    assert sorted(load.model.tolist()) == [0, 0, 1, 1]
    path.write_text("app,func,end_timestamp,duration\na,f,10.5,0.5\nb,f,3,1\n")
    load = read_workload(str(path))
    assert load.at.tolist() == [0, 8]
    assert load.model.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "unknown header ''"),
        ("a,b\n1,2\n", "unknown header 'a,b'"),
        ("at,model\n", "has a header and no calls"),
        ("at,model\nx,a\n", "line 2: 'x,a' is not what the header promises"),
        ("at,model\n0,a\nnan,a\n", "line 3: 'nan,a'"),
        ("at,model\n0,a,b\n", "line 2: '0,a,b'"),
        ("at,model,size\n0,a,0\n", "line 2: '0,a,0'"),
        ("at,model,size\n0,a,1e99\n", "line 2: '0,a,1e99'"),
        ("app,func,end_timestamp,duration\na,f,1\n", "line 2: 'a,f,1'"),
        ('at,model\n0,"a\n', "unexpected end of data"),
        ("at,model\n0,\0\n" + "x" * 2_000_000, "this is no CSV file"),
    ],
)
def test_a_file_that_is_no_trace_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "calls.csv"
    path.write_text(content)
    with pytest.raises(InfcError) as caught:
        read_workload(str(path))
    assert message in caught.value.message


def command(*arguments: object) -> Result:
    return CliRunner().invoke(cli.main, ["memory", "simulate", *map(str, arguments)])


SMALL = ("--trace", "zipf:models=20,requests=200,rate=1", "--chunk", "64MiB", "--tier", "device=2GB:1TB/s",
         "--tier", "disk=all:1GB/s")  # fmt: skip


def test_the_command_compares_policies_and_draws_them(tmp_path: Path) -> None:
    result = command(*SMALL, "--policy", "lru", "--policy", "balanced", "--plot", tmp_path / "p.png")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "200 calls of 20 models" in result.stdout
    assert all(name in result.stdout for name in ("lru", "balanced", "device hits", "reloaded"))
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    document = json.loads(command(*SMALL, "--policy", "lru", "--json", "--warmup", 0.5).stdout)
    assert document["results"][0]["calls"] == 100


def test_all_that_is_called_is_overloaded_is_said() -> None:
    result = command("--trace", "zipf:models=20,requests=1000,rate=1e6", *SMALL[2:])
    assert result.exit_code == 0
    assert "more calls than the fleet can answer" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--trace", "nothing.csv"), "trace 'nothing.csv': No such file or directory"),
        (("--trace", "/dev/zero"), "is no regular file"),
        (("--trace", "zipf", "--compute", "nan"), "is no number of seconds"),
        (("--trace", "zipf:modles=3"), "contains unknown field `modles`"),
        (("--trace", "zipf:models=0"), "Expected `int` >= 1"),
        (("--trace", "zipf:models=many"), "Expected `int`"),
        (("--trace", "zipf:rate=nan"), "trace 'zipf:rate=nan'"),
        (("--trace", "zipf:models"), "'models' is no option"),
        (("--trace", "zipf:size=big"), "'big' is no size"),
        (("--trace", "zipf:size=0B"), "size is '0B', expected 1 byte to 64 TiB"),
        (("--trace", "zipf", "--policy", "fifo"), "no policy 'fifo'"),
        (("--trace", "zipf", "--chunk", "1"), "more than the 1048576 it may have"),
        (("--trace", "zipf", "--chunk", "0"), "a chunk of 0 bytes"),
        (("--trace", "zipf", "--tier", "disk=all:1GB/s"), "1 tiers, expected two or more"),
        (("--trace", "zipf", "--tier", "a=1:1GB/s", "--tier", "b=1:1GB/s"), "the last of which holds everything"),
        (("--trace", "zipf", "--tier", "a=1:1GB/s", "--tier", "a=all:1GB/s"), "two tiers have one name"),
        (("--trace", "zipf", "--policy", "trace-belady"), "which depends on the others"),
        ((*SMALL, "--plot", "/nowhere/p.png"), "cannot write the plot /nowhere/p.png"),
        ((*SMALL, "--plot", "p.what"), "cannot write the plot p.what"),
    ],
)
def test_what_cannot_be_simulated_is_refused(arguments: tuple[str, ...], message: str) -> None:
    result = command(*arguments)
    code = 1 if arguments[-1].endswith((".csv", ".png", ".what", "/zero")) else 2
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert message in result.stderr
    assert "Traceback" not in result.stderr
