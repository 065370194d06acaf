"""The table of faults: what each does on the wire and which arguments it takes. Playing them is faults.py."""

from dataclasses import dataclass, field
from typing import Any

COMMON: dict[str, Any] = {
    "venue": None,  # coinbase, kraken, hyperliquid, alpaca, tardis; None: every one
    "kind": None,  # markets, candles, trades, ... or several joined by `|`; None: the kinds the fault is about
    "symbol": None,  # our symbol, where the fault touches rows
    "match": None,  # a text that path, query or body must contain
    "times": None,  # how many requests it touches; None: until stopped
    "after": 0,  # how many matching requests it lets through first
}


@dataclass(frozen=True)
class FaultSpec:
    """One fault: a sentence, its arguments with their defaults, and what it touches when not told otherwise."""

    sentence: str
    args: dict[str, Any] = field(default_factory=dict)
    times: int | None = None
    kind: str | None = None


def _f(sentence: str, kind: str | None = None, times: int | None = None, **args: Any) -> FaultSpec:
    return FaultSpec(sentence, args, times, kind)


BARS, TRADES, ROWS = "candles", "trades|dataset", "candles|trades"

FAULTS: dict[str, FaultSpec] = {
    "F1": _f(
        "answers `status` (429, 418) with Retry-After `retry_after` (None: no header); form='body': Kraken's own code",
        times=3,
        status=429,
        retry_after=2,
        form="status",
    ),
    "F2": _f(
        "how='status': answers `status`; 'timeout': holds back for `seconds`, then resets; 'reset': TCP reset",
        times=3,
        how="status",
        status=500,
        seconds=30.0,
    ),
    "F3": _f("answers a permanent refusal: `status` 400, 401, 403, 404 or 451", status=451, message=None),
    "F4": _f("maintenance: 503 and a notice; Kraken's form is 200 with EService:Unavailable", status=503),
    "F5": _f(
        "how='cut': the body ends after the share `keep`; 'gzip': its gzip stream does; 'crc': its CRC is wrong",
        times=1,
        how="cut",
        keep=0.6,
    ),
    "F6": _f(
        "200 with how='html', 'empty' (no byte), 'object' ({}), 'renamed' (other field names), 'rows' (no rows)",
        "candles|trades|book|funding|markets|fills|replay|exchanges",
        times=1,
        how="html",
    ),
    "F7": _f(
        "serves at most `rows`, the keep='newest' or 'oldest', without a word", BARS, rows=300, keep="newest"
    ),
    "F8": _f("serves the newest `rows` of all, whatever start was asked for", BARS, rows=300),
    "F9": _f(
        "serves `before` and `past` rows beyond the ends and repeats the last `duplicates`, perhaps `different`",
        BARS,
        before=1,
        past=1,
        duplicates=1,
        different=False,
    ),
    "F10": _f(
        "keeps only the newest `depth` candles, whatever since says (Kraken does so unasked)", BARS, depth=720
    ),
    "F11": _f("serves the candle that is still open like any other, on every venue", BARS),
    "F12": _f(
        "the newest `bars` closed candles (or those from `at`) have `field` times `factor`; use with `after`",
        BARS,
        bars=3,
        field="volume",
        factor=1.1,
        at=None,
    ),
    "F13": _f(
        "omits candles whose number since the epoch divides by `every`, or `minutes`",
        BARS,
        every=7,
        minutes=(),
    ),
    "F14": _f(
        "no candle and no trade in [start, end); by default an hour in the middle", ROWS, start=None, end=None
    ),
    "F15": _f(
        "how='order': neighbours swapped; 'same': `size` trades share a stamp; 'text': no trailing zeros in stamps",
        TRADES,
        how="order",
        size=3,
    ),
    "F16": _f(
        "how='duplicate': every n-th trade comes twice; 'mutate': the second time with twice the amount",
        TRADES,
        how="duplicate",
        every=10,
    ),
    "F17": _f("every n-th trade is missing, and so is its id", TRADES, every=10),
    "F18": _f(
        "stamps and cursor are cut to whole seconds and a page holds `page` trades (Kraken)",
        "trades",
        page=1000,
    ),
    "F19": _f(
        "L2 updates of `seconds` from `start` (the middle) are missing; `snapshot`: a new one follows",
        "dataset|replay",
        start=None,
        seconds=8.0,
        snapshot=True,
    ),
    "F20": _f(
        "every n-th book is crossed by `share` of the price, or `locked`",
        "book|dataset|replay",
        every=10,
        locked=False,
        share=0.001,
    ),
    "F21": _f(
        "how='snapshot': one in mid-file; 'interleave': rows of `other` in a stamp; 'incident': a report start..end",
        "dataset|exchanges",
        how="snapshot",
        other="OTHER",
        start=None,
        end=None,
        details="data collection was interrupted",
    ),
    "F22": _f(
        "the venue's clock and Date header are `seconds` ahead, and with them what it calls closed",
        seconds=8.2,
    ),
    "F23": _f(
        "time jumps by `seconds` at once, as after a suspend; the client plays its own clock", seconds=11520.0
    ),
    "F24": _f(
        "moments are written in `zone`, whose offset changes with daylight saving", zone="America/New_York"
    ),
    "F25": _f(
        "`symbol` is unknown from `at` on; the market goes on as `becomes`, from `at`",
        becomes="A-USD",
        at=None,
    ),
    "F26": _f("`symbol` is delisted: its status says so; candles and trades end at `at`", at=None),
    "F27": _f(
        "every n-th row has how='negative', 'zero', 'nan', 'null', 'text', 'huge' or 'absurd' (times 10) in `field`",
        ROWS,
        how="negative",
        every=50,
        field="close",
    ),
    "F28": _f(
        "every n-th candle is how='high-low', 'future' or 'off-grid'; 'close-stamped': every stamp is the end",
        BARS,
        how="high-low",
        every=50,
    ),
    "F29": _f(
        "prices and volumes carry `digits` significant digits, more than float64 holds",
        ROWS,
        digits=22,
        every=1,
    ),
    "F30": _f("every request from now on gets a ban page in HTML with `status` 403 or 418", status=403),
}
