"""Start a function as Lambda does: Amazon's own runtime client in a process that sees the function, its layers, and nothing else.

The client asks a small server for the event and posts its answer there (docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html).
"""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

BOOTSTRAP = """
import atexit, json, os, sys
said = sys.argv.pop(1)
sys.path[:] = json.loads(sys.argv.pop(1)) + [one for one in sys.path if one]

def tell():
    import resource
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = {"files": [one for one in files if one], "library": os.path.dirname(os.__file__)}
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    told |= {"peak": int(peak.split()[1]) / 1024, "seconds": used.ru_utime + used.ru_stime}
    open(said, "w").write(json.dumps(told))

atexit.register(tell)
from awslambdaric.__main__ import main
from awslambdaric.lambda_runtime_client import LambdaRuntimeClient as Client
ask, asked = Client.wait_next_invocation, []

def ask_once(self):
    if asked:
        sys.exit()
    asked.append(self)
    return ask(self)

Client.wait_next_invocation = ask_once
main(sys.argv)
"""
"""-S and -E leave Python its standard library; what else is on the path is given, in Lambda's order.  The process ends where it would wait
for its second event: the client bears no other word of the server there."""
VERSION = "/2018-06-01/runtime"
ENDS_WITHIN = 60


@dataclass(frozen=True)
class Answer:
    """What the function said.  `kind` is response, error (of this event) or init (it never started)."""

    kind: str
    body: Any


@dataclass(frozen=True)
class Invoked:
    """An answer, and what the process was at its end: the files of all modules, Python's own folder, its peak in MB, its CPU seconds."""

    answer: Answer
    files: Sequence[str] = ()
    library: str = ""
    peak: float = 0
    seconds: float = 0
    log: str = ""


@dataclass
class RuntimeApi:
    """Gives the event to whoever asks, and keeps what is answered."""

    event: object
    answers: queue.Queue[Answer] = field(default_factory=queue.Queue)

    def __enter__(self) -> str:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(api: RuntimeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = (
            -1
        )  # a head and a body in one write: the client waits 40 ms for the second of two (Nagle's algorithm)

        def do_GET(self) -> None:
            said = {
                "Content-Type": "application/json",
                "Lambda-Runtime-Aws-Request-Id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
                "Lambda-Runtime-Deadline-Ms": "4102444800000",
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:000000000000:function:tried",
            }
            self._say(200, json.dumps(api.event).encode(), said)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"null")
            kind = "init" if self.path == f"{VERSION}/init/error" else self.path.rpartition("/")[2]
            api.answers.put(Answer(kind, body))
            self._say(202, b"{}")

        def _say(self, code: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
            self.send_response(code)
            for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def invoke(
    python: str, path: Sequence[Path], handler: str, event: object, environment: Mapping[str, str], scratch: Path
) -> Invoked:
    """Start the first folder of `path` as a function, hand it one event, and end it."""
    said = scratch / "said.json"
    said.unlink(missing_ok=True)
    api = RuntimeApi(event)
    with api as address:
        given = {
            "AWS_LAMBDA_RUNTIME_API": address,
            "AWS_LAMBDA_FUNCTION_NAME": "tried",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "LAMBDA_TASK_ROOT": str(path[0]),
            "_HANDLER": handler,
            "HOME": str(scratch),
            "TMPDIR": str(scratch),
        }
        started = [python, "-S", "-E", "-c", BOOTSTRAP, str(said), json.dumps([str(one) for one in path]), handler]
        done = subprocess.run(
            started,
            cwd=path[0],
            env={**environment, **given},
            capture_output=True,
            text=True,
            timeout=ENDS_WITHIN,
            check=False,
        )
    log = done.stdout + done.stderr
    assert not api.answers.empty(), f"the function ended with {done.returncode} and said nothing:\n{log}"
    return Invoked(api.answers.get(), log=log, **json.loads(said.read_text()))
