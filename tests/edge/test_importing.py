"""What is imported late is whole, however many threads need it first."""

from __future__ import annotations

import subprocess
import sys

THREADS = """
from concurrent.futures import ThreadPoolExecutor
from email_router.edge.connect.importing import in_turn
with ThreadPoolExecutor(4) as threads:
    names = [module.__name__ for module in threads.map(in_turn, ["msal", "exchangelib", "msal", "exchangelib"])]
print(*names)
"""


def test_threads_that_need_what_imports_in_a_circle_at_once_all_get_it_whole() -> None:
    done = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("msal exchangelib msal exchangelib\n", "")
