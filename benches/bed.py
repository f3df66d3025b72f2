"""What the measuring scripts share: building, pinning, starting and ending servers."""

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

sys.dont_write_bytecode = True

ROOT = Path(__file__).resolve().parent.parent
SERVER_CORE, LOAD_CORE = 0, 1
# Above this share of the time that something else had the server's core, the machine was not quiet.
DISTURBED = 0.05
# The answer of the server under test is turned into the answer of the bare server by these: see src/requests.rs.
CALL_ID, CALL_MESSAGE = "7263410", '"the quick brown fox asks the lazy dog for an echo"'


def build(*arguments):
    """Builds with the profile that is measured and returns the directory of the programs.

    Counting binaries get a directory of their own, so that a later timing run can never pick one up.
    """
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    if "count-allocations" in arguments:
        target = target / "counting"
    environment = dict(os.environ, CARGO_TARGET_DIR=str(target))
    command = ["cargo", "build", "--quiet", "--profile", "measure", *arguments]
    subprocess.run(command, cwd=ROOT, check=True, env=environment)
    return target / "measure"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pinned(core, command):
    return ["taskset", "--cpu-list", str(core), *map(str, command)]


@contextmanager
def server(command, port):
    """A server on the server's core, ready to be connected to; ended by its own id when the block ends."""
    log = tempfile.TemporaryFile()
    # taskset replaces itself with the program, so the id is the program's.
    process = subprocess.Popen(pinned(SERVER_CORE, command), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_for(process, port, log)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def wait_for(process, port, log, patience=20.0):
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    log.seek(0)
    raise SystemExit(f"the server does not listen on {port}:\n{log.read().decode(errors='replace')}")


def ask(command, core=LOAD_CORE):
    """Runs a program on the load's core, or on another one, and returns the JSON that it prints."""
    ran = subprocess.run(pinned(core, command), stdout=subprocess.PIPE)
    if ran.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))} failed: {ran.stdout.decode(errors='replace')}")
    return json.loads(ran.stdout)


def measuring_options(parser, connections):
    """The options of scripts that hold servers against each other."""
    parser.add_argument("--connections", nargs="+", type=int, default=connections)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--retries", type=int, default=0, help="take at most this many pairs of a row again if another "
                        "process had the server's core for more than 5 %% of the time of either run (default: 0)")
    parser.add_argument("--warmup", type=float, default=0.3)


def heading():
    print("kind        conns  server      rps    p50us    p99us   cpu us/req  load us/req  waiting")


def rounds(options, programs, kind, label, connections, servers):
    """Measures all servers in turns, prints their medians, and returns the runs of each turn.

    `servers` has the port and the process id of each by its name.
    """
    turns, retries = [], options.retries
    while len(turns) < options.runs:
        turn = {name: ask([
            programs / "load", "--target", f"127.0.0.1:{port}", "--kind", kind, "--connections", connections,
            "--seconds", options.seconds, "--warmup", options.warmup, "--pid", pid,
        ]) for name, (port, pid) in servers.items()}
        # Judged by what others did to the machine and never by the result, or the choice would bend the figures.
        if retries and any(run["server_waiting_share"] > DISTURBED for run in turn.values()):
            retries -= 1
        else:
            turns.append(turn)
    for name in servers:
        middle = {key: statistics.median(turn[name][key] for turn in turns)
                  for key in ("rps", "p50_us", "p99_us", "server_cpu_us", "load_cpu_us", "server_waiting_share")}
        print(f"{label:11} {connections:5}  {name:7} {middle['rps']:7.0f}  {middle['p50_us']:7.0f}  "
              f"{middle['p99_us']:7.0f}   {middle['server_cpu_us']:10.2f}  {middle['load_cpu_us']:11.2f}  "
              f"{middle['server_waiting_share']:6.1%}", flush=True)
    if retries < options.retries:
        print(f"  {options.retries - retries} disturbed turns were taken again")
    return turns


def explain_waiting():
    print("waiting: the share of the time in which the server was ready and something else had its core; above 5 % the"
          "\nmachine was not quiet, and only the ratios mean anything")


def print_ratios(rows):
    """`rows`: label, connections, and the turns in which `bare` and `server` were measured."""
    print("\nserver / bare, pair by pair: min, median, max")
    print("kind        conns  requests per second      bare cpu / server cpu")
    for label, connections, turns in rows:
        speed = [turn["server"]["rps"] / turn["bare"]["rps"] for turn in turns]
        thrift = [turn["bare"]["server_cpu_us"] / turn["server"]["server_cpu_us"] for turn in turns]
        print(f"{label:11} {connections:5}  {spread(speed)}    {spread(thrift)}")


def spread(values):
    return f"{min(values):6.3f} {statistics.median(values):6.3f} {max(values):6.3f}"


def once(programs, kind, port):
    """One request and its answer."""
    return ask([programs / "load", "--target", f"127.0.0.1:{port}", "--kind", kind, "--once"])


def header_names(answer):
    return sorted(name.lower() for name, _ in answer["headers"])


def template_of(answer):
    """The answer of one server as a template for the bare one (src/answer.rs)."""
    body = answer["body"]
    if answer["status"] != 200 or body.count(CALL_ID) != 1 or body.count(CALL_MESSAGE) != 1:
        raise SystemExit(f"this is no plain echo of the call: {answer}")
    return body.replace(CALL_ID, "{id}").replace(CALL_MESSAGE, "{message}")


def check_machine():
    if os.cpu_count() < 2:
        raise SystemExit("two cores are needed: one for the server and one for the load")
    if not shutil.which("taskset"):
        raise SystemExit("taskset is needed (util-linux)")
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"note: the load of the machine is {load:.1f}; figures taken beside other work mean little", file=sys.stderr)
