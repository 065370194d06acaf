"""`python -m tests.venue --data DIR --port N`: serve a folder and print the settings that point at it."""

import argparse
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.venue.daily import with_daily
from tests.venue.data import VenueData
from tests.venue.guess import read_folder
from tests.venue.server import Venue
from tests.venue.whole_settings import clock_of, whole_settings


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.venue", description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of Parquet, Tardis CSV.gz and captures"
    )
    parser.add_argument("--port", type=int, default=8765, help="port on 127.0.0.1; 0 picks a free one")
    parser.add_argument(
        "--now",
        help="the venue's frozen clock, or `live`; left out, just after the newest bar of an old folder",
    )
    parser.add_argument("--no-trades", action="store_true", help="do not derive trades from candles")
    args = parser.parse_args()
    try:
        data = read_folder(args.data, derive_trades=not args.no_trades)
        now = _clock(args.now, data)
    except ValueError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # before any thread starts: they wait for sigwait below
    with Venue(with_daily(data), now, port=args.port) as venue:
        print(
            "# Every client of these settings asks",
            venue.url,
            "and nobody else. Keys: anything but empty, e.g.",
        )
        print("# TARDIS_API_KEY=test ALPACA_API_KEY=test ALPACA_API_SECRET=test")
        print(
            f"# The venue's clock {f'stands at {now:%Y-%m-%d %H:%M:%S} UTC' if now else 'is live'} (--now)."
        )
        print(whole_settings(venue.url, data), flush=True)
        signal.sigwait(ends)


def _clock(asked: str | None, data: VenueData) -> datetime | None:
    if asked is None:
        return clock_of(data)
    if asked == "live":
        return None
    moment = datetime.fromisoformat(asked)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


if __name__ == "__main__":
    main()
