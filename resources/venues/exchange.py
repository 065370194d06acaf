"""ccxt's classes behind our own transport: they name the endpoints and sign the requests, and nothing else.

ccxt's pager, limiter and HTTP errors lose data without a word and are not used: requests go through transport.py,
which judges an answer by its status before ccxt sees it. Reading candles is candles.py.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

from pipelines.errors import BadAnswer, BadSettings, RateLimited, VenueDown, VenueError, VenueRefused
from pipelines.market.venue_settings import ExchangeSettings
from pipelines.market.venues import TABLE, Conventions, conventions_of
from resources.venues.json_body import excerpt
from resources.venues.redact import never_say, redact, without_secrets
from resources.venues.transport import Answer, Request, Transport, read_json

USER_AGENT = "Tidemark/0.1 (market data for research; ccxt {version})"
TRANSLATED: tuple[tuple[str, type[VenueError]], ...] = (
    ("OnMaintenance", VenueDown),
    ("RateLimitExceeded", RateLimited),
    ("DDoSProtection", RateLimited),
    ("NetworkError", VenueDown),
    ("BadResponse", BadAnswer),
    ("BaseError", VenueRefused),
)
"""ccxt's errors, first match wins: what is left once the transport has judged the status."""


class ThroughTransport:
    """What replaces a ccxt class's own way to the network; mixed in before it by open_exchange."""

    transport: Transport
    named: ExchangeSettings
    cost: float = 1.0
    """Weight of the requests to come."""
    last_answer: Answer | None = None
    last_json: Any = None
    given: Answer | None = None
    """When set, taken for the answer to the next request instead of asking: an answer kept from an earlier run."""
    requests: int = 0
    rows: list[Any]
    """The candles of the last answer, each as ccxt's parser made it or, where it could not, as it was sent."""

    def fetch(
        self, url: str, method: str = "GET", headers: Mapping[str, str] | None = None, body: str | None = None
    ) -> Any:
        """One request through the transport; numbers with a point stay text."""
        answer, self.given = self.given, None
        if answer is None:
            asked: Any = self
            sent = asked.prepare_request_headers(dict(headers or {}))
            self.requests += 1
            answer = self.transport.send(
                Request(method, url, sent, body.encode() if body else None), cost=self.cost
            )
        self.last_answer = answer
        self.last_json = parsed = parse(answer, self.named.venue)
        text = answer.body.decode("utf-8", "replace")
        ccxt_self: Any = self
        ccxt_self.handle_errors(answer.status, "", url, method, answer.headers, text, parsed, headers, body)
        return parsed

    def parse_ohlcvs(
        self,
        ohlcvs: list[Any] | None,
        market: Any = None,
        timeframe: str = "1m",
        since: int | None = None,
        limit: int | None = None,
        tail: bool = False,
    ) -> list[Any]:
        """Every row that came: ccxt would sort, filter and cut them here without a word."""
        known = self.named.id in TABLE  # their rows are read from the answer itself
        self.rows = list(ohlcvs or []) if known else [self._row(row, market) for row in ohlcvs or []]
        return self.rows

    def _row(self, row: Any, market: Any) -> Any:
        parser: Any = self
        try:
            parsed = parser.parse_ohlcv(row, market)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError):
            parsed = [None]
        return {"sent": row} if parsed[0] is None else parsed  # no candle: quarantined as it was sent


def open_exchange(settings: ExchangeSettings, transport: Transport, keys: Mapping[str, str]) -> Any:
    """A ccxt exchange whose requests go through `transport`; nothing is asked yet.

    `keys`: ccxt's names (`apiKey`, `secret`, `password`, ...) to values, used only where market data needs them.
    Raises BadSettings for an id that ccxt has not, naming the nearest.
    """
    import ccxt

    base = getattr(ccxt, settings.id, None) if settings.id in ccxt.exchanges else None
    if base is None:
        near = get_close_matches(settings.id, ccxt.exchanges, 3)
        raise BadSettings(
            f"source.venues.exchanges: {settings.venue!r} is no exchange of ccxt: expected an id such as "
            f"{', '.join(near or ['coinbase', 'kraken'])}, found {settings.id!r}; correct `ccxt` or the name."
        )
    made = type(settings.id, (ThroughTransport, base), {})
    agent = USER_AGENT.format(version=ccxt.__version__)
    never_say(keys.values())  # before the first request: a venue may repeat in its error what it was sent
    used = keys if conventions_of(settings.id).uses_key else {}  # with keys ccxt asks for account data too
    exchange: Any = made({"enableRateLimit": False, "number": str, "userAgent": agent, **used})
    exchange.transport, exchange.named, exchange.rows = transport, settings, []
    if settings.base_url:
        exchange.urls["api"] = _rewritten(exchange.urls["api"], settings.base_url.rstrip("/"), exchange)
    return exchange


def conventions_for(exchange: Any) -> Conventions:
    """The conventions of an open exchange: the table's, or the cautious ones with what ccxt says of its cap."""
    settings: ExchangeSettings = exchange.named
    spot = (exchange.features or {}).get("spot") or {}
    cap = (spot.get("fetchOHLCV") or {}).get("limit")
    rate = settings.requests_per_second
    if rate is None and settings.id not in TABLE:
        rate = 800.0 / float(exchange.rateLimit or 1000)  # four fifths of ccxt's, which is in milliseconds
    return conventions_of(settings.id, int(cap) if cap else None, exchange.timeframes or (), rate)


def market_of(exchange: Any, symbol: str, held: bool = False) -> dict[str, Any]:
    """What ccxt knows of one of our symbols; loads the list of markets the first time.

    `held`: we hold candles of it, so that a symbol the venue no longer lists is said to have vanished (F25, F26).
    Raises VenueRefused for a symbol that is not listed, naming the nearest.
    """
    settings: ExchangeSettings = exchange.named
    with speaking(settings.venue):
        exchange.load_markets()
    if not exchange.markets:
        raise BadAnswer(
            f"{settings.venue} listed no market at all: expected {symbol}; run the same command again later."
        )
    name = settings.name_of(symbol)
    if name in exchange.markets:
        return dict(exchange.markets[name])
    near = ", ".join(get_close_matches(name, list(exchange.markets), 4, 0.5)) or "nothing like it"
    if held:
        raise VenueRefused(
            f"{symbol} is no longer listed by {settings.venue}, which has {near}: its candles are kept as they are "
            "and end where they end; if it goes on under another name, say so under source.venues.renames, and if it "
            "ended for good, as its `delisted` in universe.symbols."
        )
    raise VenueRefused(
        f"{settings.venue} lists no {symbol} (as {name}): expected one of its {len(exchange.markets):,} markets, "
        f"found {near}; correct the symbol or name it under the exchange's `symbols`."
    )


@contextmanager
def speaking(venue: str) -> Iterator[None]:
    """Around calls of ccxt: its errors become ours; a parser that trips over an answer means BadAnswer."""
    import ccxt

    try:
        yield
    except VenueError:
        raise
    except ccxt.BaseError as error:
        kind = next(kind for name, kind in TRANSLATED if isinstance(error, getattr(ccxt, name)))
        _blot(error)
        said = excerpt(str(error).encode())
        raise kind(
            f"{venue} refuses with {type(error).__name__} ({said}): expected an answer; {_remedy(error)}."
        ) from error
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
        _blot(error)
        said = f"{type(error).__name__}: {error}"
        raise BadAnswer(
            f"{venue} answered something that ccxt cannot read ({said}): expected its usual form; nothing of it is "
            "used."
        ) from error


def _blot(error: Exception) -> None:
    """Take secrets out of an error itself: whoever logs ours prints its cause as well."""
    error.args = tuple(redact(each) if isinstance(each, str) else each for each in error.args)


def parse(answer: Answer, venue: str) -> Any:
    """The body as JSON; a number that is none (NaN, Infinity) stays text, so that its row can be quarantined."""
    try:
        return json.loads(answer.body, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return read_json(_shown(answer), venue)  # raises BadAnswer with the sentence


def _shown(answer: Answer) -> Answer:
    """The answer as a person may read it."""
    shown = without_secrets(answer)
    return shown if isinstance(shown, Answer) else answer


def _remedy(error: Exception) -> str:
    import ccxt

    if isinstance(error, ccxt.AuthenticationError):
        return "give its key in the environment, or correct it"
    if isinstance(error, ccxt.NetworkError):
        return "run the same command again later"
    return "correct the symbol, timeframe or span"


def _rewritten(urls: Any, base: str, exchange: Any) -> Any:
    """The table of hosts with every host replaced and every path kept; Alpaca's data host gets `-data`."""
    if isinstance(urls, Mapping):
        return {name: _rewritten(url, base, exchange) for name, url in urls.items()}
    parts = urlsplit(exchange.implode_hostname(urls))
    return base + ("-data" if parts.netloc.startswith("data.") else "") + parts.path
