"""A settings file for the whole road over this server: what it serves, and the embedded defaults for the rest."""

import json
from datetime import UTC, datetime, timedelta

from pipelines.sequences.specs import SPECS
from tests.venue.data import VenueData
from tests.venue.settings_text import settings_text, source_text, tardis_markets
from tests.venue.tables import length_ms

REST = """
[costs]
fee_bps = 10.0
half_spread_bps = 0.5
slippage_bps = 0.0

[training]
holdout_days = 2

[training.trees]
threads = 1

[training.timing]
max_windows = 2000

[training.timing.loop]
epochs = 1
threads = 1

[gates]
required = ["G1", "G3", "G6", "G10", "G12", "effective_sample"]
advisory = ["guide_v5"]

[[sessions]]
name = "main"
symbols = {symbols}
timeframe = "{timeframe}"
slot = "boosted_trees/{{symbol}}/{{timeframe}}"
capital = 100_000
max_position = 1.0
margin = 0.0

[paths]
root = "worlds/venue"
"""


NONE = """# No settings can be printed: a universe needs candles or ticks, and only funding is served. The source alone:
"""


def whole_settings(url: str, data: VenueData) -> str:
    """[universe] to [paths], ready for `make run SETTINGS=...`; markets with funding alone are left out.

    Where nothing else is served, the source as a comment, and why.
    """
    text = settings_text(url, data, ())
    head, _, source = text.partition("[source]")
    universe, *symbols = head.split("[[universe.symbols]]")
    priced = {key[1] for key in data.series} | {f"{ticker}-USD" for ticker, _ in data.shares}
    archived = tardis_markets(data)
    kept = [one for one in symbols if _value(one, "symbol") in priced or _value(one, "primary") in archived]
    if not kept:
        return NONE + "".join(f"# {line}\n" for line in source_text(url, data).splitlines())
    timeframes = json.loads(universe.partition("timeframes = ")[2].partition("\n")[0])
    windows = [
        spec.name for spec in SPECS.values() if spec.name.startswith("seq") and spec.timeframe in timeframes
    ]
    universe = universe.replace("windows = []", f"windows = {json.dumps(windows)}")
    rest = REST.format(symbols=json.dumps([_value(one, "symbol") for one in kept]), timeframe=timeframes[0])
    return "[[universe.symbols]]".join([universe, *kept]) + "[source]" + source + rest


def clock_of(data: VenueData) -> datetime | None:
    """Half a minute after the newest bar has closed, or None when that is within the last day: then it is live."""
    ends = [
        int(candles.times[-1]) + length_ms(timeframe)
        for series in (data.series, data.shares)
        for (*_, timeframe), candles in series.items()
        if len(candles.times)
    ]
    if not ends:
        return None
    moment = datetime.fromtimestamp(max(ends) / 1000, UTC) + timedelta(seconds=30)
    return moment if datetime.now(UTC) - moment > timedelta(days=1) else None


def _value(table: str, name: str) -> str:
    return table.partition(f'{name} = "')[2].partition('"')[0]
