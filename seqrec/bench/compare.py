"""A case's sides run in turn, and the rows that come of it: one for each peer."""

from __future__ import annotations

from dataclasses import asdict
from statistics import median
from typing import Any

from seqrec.bench.cases import Case, Plan, Reach
from seqrec.bench.place import Place
from seqrec.bench.rounds import Times, in_turn
from seqrec.errors import SeqrecError

Row = dict[str, Any]


def compare(case: Case, place: Place, rounds: int) -> tuple[list[Row], list[SeqrecError]]:
    """The rows of a case, none where seqrec itself fails, and what went wrong."""
    try:
        place.say(f"{case.name}: preparing")
        plan = case.make(place)
        if plan.gflop:
            place.measure_limits()
    except SeqrecError as error:
        return [], [error]
    times, failed = in_turn(plan.sides, rounds, place.threads, lambda said: place.say(f"{case.name}: {said}"))
    peers = [side.name for side in plan.sides[1:]] or [""]
    mine = times.get("seqrec")
    rows = [row(case, plan, peer, mine, times.get(peer)) for peer in peers] if mine else []
    return rows, list(failed.values())


def row(case: Case, plan: Plan, peer: str, mine: Times, its: Times | None) -> Row:
    """What is known of seqrec beside one peer; null where the peer is none or was not measured."""
    made: Row = {"case": case.name, "peer": peer or None}
    seconds, its_seconds = median(mine.seconds), median(its.seconds) if its else None
    made["ratio"] = its_seconds / seconds if its_seconds else None
    made |= {"seqrec_s": seconds, "peer_s": its_seconds, "rounds": len(mine.seconds)}
    for name, side in (("seqrec", mine), ("peer", its)):
        made[f"{name}_range_s"] = [min(side.seconds), max(side.seconds)] if side else None
        made[f"{name}_mb"] = median(side.mb) if side and side.mb else None
        made[f"{name}_cer"] = side.facts.get("cer") if side else None
    made["amount"] = dict(plan.amount)
    if plan.gflop:
        made["gflop"] = plan.gflop
    if reach := case.reach.get(peer):
        made["reach"] = {key: value for key, value in asdict(reach).items() if value is not None}
        made["reached"] = reached(reach, made)
    return made | {"seqrec": mine.facts, "other": its.facts if its else None}


def add_shares(rows: list[Row], limit: float) -> None:
    """Add to rows that have operations which share of `limit`, in GFLOP/s, each side reaches."""
    for row in rows:
        if "gflop" in row:
            row["limit_gflop_per_s"] = limit
            for side in ("seqrec", "peer"):
                seconds = row[f"{side}_s"]
                row[f"{side}_share"] = row["gflop"] / seconds / limit if seconds else None


def _more(row: Row, what: str) -> float | None:
    """By how much seqrec's is above the peer's."""
    mine, its = row[f"seqrec_{what}"], row[f"peer_{what}"]
    return None if mine is None or its is None else mine - its


def reached(reach: Reach, row: Row) -> bool | None:
    """Whether a row is as good as wanted; None where that was not measured."""
    checks = [
        (reach.ratio, row["ratio"], 1),
        (reach.rate, next(iter(row["amount"].values()), 0) / row["seqrec_s"], 1),
        (reach.seconds, row["seqrec_s"], -1),
        (reach.mb, row["seqrec_mb"], -1),
        (reach.more_mb, _more(row, "mb"), -1),
        (reach.more_cer, _more(row, "cer"), -1),
    ]
    wanted = [(least, found, sign) for least, found, sign in checks if least is not None]
    if any(found is None for _, found, _ in wanted):
        return None
    return all(found * sign >= least * sign for least, found, sign in wanted)
