"""Settings that point every client at this server, as TOML (pipelines/market/venue_settings.py)."""

from datetime import UTC, datetime, timedelta

from pipelines.market.symbols import SYMBOL
from tests.venue.data import EXCHANGES, VenueData
from tests.venue.names import split_symbol

QUOTE_OF = {"binance-futures": "USDT", "coinbase": "USD", "kraken": "USD", "hyperliquid": "USDC"}
"""Exchanges whose captured symbols are spot or perpetual, and what a bare coin is quoted in."""


def tardis_markets(data: VenueData) -> dict[str, str]:
    """Our market → Tardis' `exchange:SYMBOL`, of every dataset and, where there is none, of every capture."""
    found: dict[str, str] = {}
    for exchange, _, _, symbol in data.shelf:
        found.setdefault(f"{exchange}.{split_symbol(symbol)}", f"{exchange}:{symbol}")
    for exchange, tape in data.tapes.items():
        quote = QUOTE_OF.get(exchange)
        for symbol in sorted({line.symbol for line in tape.lines} - {""}) if quote else ():
            name = symbol.upper() if symbol.islower() else symbol
            found.setdefault(f"{exchange}.{split_symbol(name, quote or '')}", f"{exchange}:{name}")
    return {ours: theirs for ours, theirs in found.items() if SYMBOL.match(ours.partition(".")[2])}


def source_text(url: str, data: VenueData) -> str:
    """[source] alone."""
    lines = ["[source]", 'kind = "venues"', ""]
    for venue in EXCHANGES:
        symbols = data.symbols(venue)
        if not symbols and not (venue == "alpaca" and data.shares):
            continue
        lines += ["[[source.venues.exchanges]]", f'venue = "{venue}"', f'base_url = "{url}/{venue}"']
        lines += ["requests_per_second = 1000.0"]
        if venue == "hyperliquid":
            pairs = (f'"{s}" = "{s.replace("-", "/")}:{s.partition("-")[2]}"' for s in symbols)
            lines += [f"symbols = {{ {', '.join(pairs)} }}"]
        lines += [""]
    markets = tardis_markets(data)
    if markets:
        lines += [
            "[source.venues.tardis]",
            f'api_url = "{url}/tardis/v1"',
            f'datasets_url = "{url}/datasets/v1"',
        ]
        lines += [] if data.shelf else ["replay = true"]
        lines += ["markets = { " + ", ".join(f'"{k}" = "{v}"' for k, v in markets.items()) + " }", ""]
    return "\n".join(lines)


def settings_text(url: str, data: VenueData, timeframes: tuple[str, ...]) -> str:
    """[universe] of what is served, then [source]."""
    markets = _markets(data)
    first, last = _days(data)
    frames = timeframes or tuple(
        sorted({key[-1] for key in [*data.series, *data.shares]}, key=lambda x: (x[-1] != "m", int(x[:-1])))
    )
    lines = [
        "[universe]",
        f"start = {first}",
        f"end = {last}",
        f"timeframes = {list(frames or ('1m',))}".replace("'", '"'),
    ]
    lines += ["windows = []", ""]
    for symbol, (primary, *known) in markets.items():
        lines += ["[[universe.symbols]]", f'symbol = "{symbol}"', f'primary = "{primary}"']
        others = [other for other in known if not data.same_bars(_venue(primary), _venue(other), symbol)]
        lines += [f'second = "{others[0]}"'] if others else []
        lines += (
            ['calendar = "XNYS"'] if any(key[0] == symbol.partition("-")[0] for key in data.shares) else []
        )
        lines += [""]
    return "\n".join(lines) + "\n" + source_text(url, data)


def _markets(data: VenueData) -> dict[str, list[str]]:
    """Markets by symbol, in the order of EXCHANGES, then the archive's, then shares."""
    found: dict[str, list[str]] = {}
    for venue in EXCHANGES:
        for symbol in data.symbols(venue):
            found.setdefault(symbol, []).append(f"{venue}.{symbol}")
    for market in tardis_markets(data):
        known = found.setdefault(market.partition(".")[2], [])
        known += [market] if market not in known else []
    for ticker, _ in data.shares:
        found.setdefault(f"{ticker}-USD", [f"alpaca.{ticker}-USD"])
    return found


def _venue(market: str) -> str:
    return market.partition(".")[0]


def _days(data: VenueData) -> tuple[str, str]:
    """First day and the day after the last of what is served."""
    every = [*data.series.values(), *data.shares.values()]
    stamps = [int(candles.times[k]) for candles in every if len(candles.times) for k in (0, -1)]
    stamps += [tape.stamps[k] // 10**6 for tape in data.tapes.values() if tape.stamps for k in (0, -1)]
    days = [datetime.fromtimestamp(ms / 1000, UTC).date() for ms in stamps]
    days += [datetime.fromisoformat(key[2]).date() for key in data.shelf]
    if not days:
        days = [datetime.now(UTC).date()]
    return min(days).isoformat(), (max(days) + timedelta(days=1)).isoformat()
