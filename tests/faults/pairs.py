"""Two faults in one run, drawn at random: `python -m tests.faults.pairs --seed 1 --seconds 60`, from the repository's folder."""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator
from functools import cache

from tests.faults import mailroom, postroom
from tests.faults.letters import LETTERS
from tests.faults.scenes import SCENES
from tests.faults.seam import Fault, faults_of

_FAULTS = tuple(Fault)
_LETTERS_SHARE = 0.2


@cache
def _incoming(number: int) -> tuple[str, ...]:
    return tuple(mailroom.play(SCENES[number], mailroom.seams({}))[1].calls)


@cache
def _outgoing(number: int) -> tuple[str, ...]:
    return tuple(postroom.play(LETTERS[number], {})[1].calls)


def pairs(seed: int) -> Iterator[list[str]]:
    """Play scenarios with two faults each, the second one also while the first is being made good; yield what is broken after each."""
    draw = random.Random(seed)
    while True:
        yield _letter(draw) if draw.random() < _LETTERS_SHARE else _mail(draw)


def _mail(draw: random.Random) -> list[str]:
    number = draw.randrange(len(SCENES))
    scene, planted = SCENES[number], _planted(draw, _incoming(number))
    if scene.spared & set(planted.values()):
        return []
    try:
        house, _, came = mailroom.play(scene, mailroom.seams(planted))
        broken = mailroom.broken_rules(house, came)
    except AssertionError as restless:
        broken = [str(restless)]
    return [f"{scene.name}, {planted}: {one}" for one in broken]


def _letter(draw: random.Random) -> list[str]:
    number = draw.randrange(len(LETTERS))
    scene, planted = LETTERS[number], _planted(draw, _outgoing(number))
    office, _ = postroom.play(scene, planted)
    return [f"{scene.name}, {planted}: {one}" for one in postroom.broken_rules(office)]


def _planted(draw: random.Random, calls: tuple[str, ...]) -> dict[int, Fault]:
    first = draw.randrange(len(calls))
    second = first + 1 + draw.randrange(2 * len(calls))
    return {first: draw.choice(faults_of(calls[first])), second: draw.choice(_FAULTS)}


def main() -> int:
    """Play for some time; print what is broken and how many runs it took."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--seconds", type=float, default=60)
    given = options.parse_args()
    runs = found = 0
    end = time.monotonic() + given.seconds
    for broken in pairs(given.seed):
        runs, found = runs + 1, found + bool(broken)
        for one in broken:
            print(one)
        if time.monotonic() > end:
            break
    print(f"{runs} runs with two faults (seed {given.seed}): {found} broken")
    return int(found > 0)


if __name__ == "__main__":
    raise SystemExit(main())
