"""What the measuring scripts share: building, pinning, starting and ending servers."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

sys.dont_write_bytecode = True

ROOT = Path(__file__).resolve().parent.parent
SERVER_CORE, LOAD_CORE = 0, 1
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


def ask(command):
    """Runs a program on the load's core and returns the JSON that it prints."""
    ran = subprocess.run(pinned(LOAD_CORE, command), stdout=subprocess.PIPE)
    if ran.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))} failed: {ran.stdout.decode(errors='replace')}")
    return json.loads(ran.stdout)


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
