"""Run MiniStack until standard input closes: it then dies with its functions, however its parent died.

Started by ministack.py with the emulator's own interpreter as `python launcher.py RUN_FOLDER`: standard library and ministack only.
The parent holds the other end of standard input and never writes; the kernel closes it even when the parent is killed by SIGKILL.
"""

import os
import subprocess
import sys
import threading


def die_with_the_parent(run_folder: str) -> None:
    """Wait for the end of standard input, then let a small shell outside our process group end the whole group."""
    while os.read(0, 4096):
        pass
    # A busy function does not notice that its emulator is gone, so the whole group is killed, ourselves included.
    subprocess.Popen(  # noqa: S603 - fixed words, our own group and folder
        ["/bin/sh", "-c", 'kill -KILL "-$1"; sleep 0.2; rm -rf -- "$2"', "sh", str(os.getpgrp()), run_folder],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def main() -> None:
    """Become the leader of a process group of our own, watch the parent, run the emulator in this process."""
    os.setsid()
    threading.Thread(target=die_with_the_parent, args=(sys.argv[1],), daemon=True).start()
    from ministack.app import main as serve  # type: ignore[import-not-found]  # noqa: PLC0415 - of the emulator's environment, after the watch began

    sys.argv = ["ministack"]
    serve()


if __name__ == "__main__":
    main()
