"""Names of venues and symbols as file names and archives spell them, turned into ours."""

import re

QUOTES = ("USDT", "USDC", "BUSD", "FDUSD", "USD", "EUR", "GBP", "CAD", "JPY", "CHF", "BTC", "ETH")
ALIASES = {"XBT": "BTC", "XDG": "DOGE"}


def split_symbol(text: str, quote: str = "USD") -> str:
    """`BASE-QUOTE` of BTCUSDT, BTC-USD, BTC/USD, XBTUSD, BTC-PERPETUAL or a bare coin (then quoted in `quote`)."""
    base, dash, rest = text.upper().replace("/", "-").replace(":", "-").partition("-")
    end = ALIASES.get(rest.split("-")[0], rest.split("-")[0])
    if not dash:
        end = next((known for known in QUOTES if base.endswith(known) and len(base) > len(known)), "")
        base = base.removesuffix(end)
    return f"{ALIASES.get(base, base)}-{end if end in QUOTES else quote}"


def named(venue: str, symbol: str) -> str:
    """Our symbol as that venue has it: Hyperliquid's perpetuals are all quoted in USDC."""
    if venue != "hyperliquid":
        return symbol
    return symbol.partition("-")[0] + "-USDC"


TARDIS_FILE = re.compile(r"([a-z0-9-]+)_(.+)_(\d{4}-\d\d-\d\d)_([^_]+)\.csv\.gz")


def tardis_name(file: str) -> tuple[str, str, str, str]:
    """Exchange, data type, date and symbol of `{exchange}_{type}_{date}_{symbol}.csv.gz`; ValueError for another."""
    found = TARDIS_FILE.fullmatch(file)
    if not found:
        raise ValueError(
            f"{file!r} is not named like a Tardis file: expected exchange_type_date_symbol.csv.gz"
        )
    return found[1], found[2], found[3], found[4]
