"""`python -m tests.venue --data DIR --port N`: serve a folder and print the settings that point at it."""

import argparse
import signal
from datetime import UTC, datetime
from pathlib import Path

from tests.venue.guess import read_folder
from tests.venue.server import Venue


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.venue", description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of Parquet, Tardis CSV.gz and captures"
    )
    parser.add_argument("--port", type=int, default=8765, help="port on 127.0.0.1; 0 picks a free one")
    parser.add_argument(
        "--now", type=datetime.fromisoformat, help="the venue's frozen clock; this machine's if left out"
    )
    parser.add_argument("--no-trades", action="store_true", help="do not derive trades from candles")
    args = parser.parse_args()
    now = args.now.replace(tzinfo=UTC) if args.now and args.now.tzinfo is None else args.now
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # before any thread starts: they wait for sigwait below
    with Venue(read_folder(args.data, derive_trades=not args.no_trades), now, port=args.port) as venue:
        print(
            "# Every client of these settings asks",
            venue.url,
            "and nobody else. Keys: anything but empty, e.g.",
        )
        print("# TARDIS_API_KEY=test ALPACA_API_KEY=test ALPACA_API_SECRET=test")
        print(venue.settings(), flush=True)
        signal.sigwait(ends)


if __name__ == "__main__":
    main()
