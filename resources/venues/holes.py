"""Bars that no answer held: asked for once more, then judged verified-empty or unknown (F6, F13).

An empty answer is not a quiet market. A hole is verified-empty only when the venue leaves out bars without a trade
and a second answer has rows on both sides of it; one that is longer than LONGEST_QUIET only by the venue's trades,
whose ids tell a quiet market from an outage (F14): that is rebuilding.py. First questions are candles.py; what a
bar's row may look like is pipelines/market.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta

import numpy as np

from pipelines.errors import BadAnswer
from pipelines.market.paging import Span, bars_in, closed_end, first_served, floor
from pipelines.market.trade_ids import LONGEST_QUIET
from resources.venues.asking import Asker, Reply
from resources.venues.ledger import Ledger, Times, micros, moment, spelled

ROUNDS = 10
"""Questions about the same hole; the third and later ones only as long as each brings new candles."""
MARGIN = 30
"""Bars asked for on each side of a hole, so that the answer can hold rows on both sides of it."""
DAY = timedelta(days=1)


class Holes:
    """The holes of one fetch and what becomes of them."""

    def __init__(self, asker: Asker, ledger: Ledger, present: set[int]) -> None:
        """`present`: open times of the candles that were given; grows with what is found."""
        self.asker, self.ledger, self.present = asker, ledger, present
        self.provable = False  # whether the venue's trades will be asked about what stays unknown
        self.notes: list[str] = []

    def ask_again(self, holes: Iterable[Span]) -> None:
        """Ask once more for holes, and again for what is left of those that a new answer made smaller."""
        waiting = [piece for hole in holes for piece in self.pieces(hole)]
        for times in range(2, ROUNDS + 2):
            if not waiting:
                return
            left: list[Span] = []
            for window, pieces in self._windows(waiting):
                left += self._judge(window, pieces, times)
            waiting = [piece for hole in left for piece in self.pieces(hole)]

    def listed_since(self) -> bool:
        """Whether bars before the first candle are proven to lie before its listing, and marked so (F8).

        Proof: nothing older was ever given, and daily candles, asked for far beyond, begin on the same day.
        """
        habits, given = self.asker.conventions, self.asker.heard.earliest
        if not self.present or self.asker.timeframe == "1d" or habits.depth is not None:
            return False
        first, begin = moment(min(self.present)), moment(self.ledger.opens[0])
        if first == begin or given != first or "1d" not in habits.timeframes:
            return False
        daily = Asker(self.asker.market, "1d", self.asker.exchange, habits, None, self.asker.server_now)
        step = habits.candles_per_request * DAY
        end = floor(first, DAY) + DAY
        start = min(floor(begin, DAY), end - step)
        edges = [start + step * place for place in range(-(-(end - start) // step))]
        try:
            known = np.concatenate([daily.ask((edge, min(edge + step, end))).times for edge in edges])
        except BadAnswer:
            return False  # no proof: what is missing stays unknown, with its own reason
        born = micros(floor(first, DAY))
        today = daily.heard.unfinished > 0 and micros(floor(self.asker.server_now, DAY)) == born
        if min([*known.tolist(), *([born] if today else [])], default=None) != born:
            return False
        reason = f"listed on {self.asker.market.venue} since {first:%Y-%m-%d %H:%M} UTC: daily candles begin there too"
        self.ledger.mark((begin, first), "verified-empty", reason)
        self.notes.append(f"{self.asker.market} is {reason}")
        return True

    def _judge(self, window: Span, pieces: Sequence[Span], times: int) -> list[Span]:
        """Ask, mark what is settled, and return the holes that became smaller."""
        try:
            reply = self.asker.ask(window, times)
        except BadAnswer as error:
            for piece in pieces:
                self.ledger.mark(piece, "unknown", str(error))
            return []
        left = []
        for piece in pieces:
            inside = self._sound(_within(reply.times, piece))
            if len(inside):
                self.present.update(inside.tolist())
                left += _gaps(piece, inside, self.asker.length)
            else:
                self.ledger.mark(piece, *self._verdict(piece, reply))
        self.present.update(self._sound(self.ledger.of(reply.times)).tolist())
        return left

    def _sound(self, times: Times) -> Times:
        """Those that were no outliers before: one that is given again is none the better."""
        return times[~np.isin(times, [micros(bar) for bar in self.asker.heard.outliers])]

    def _verdict(self, hole: Span, reply: Reply) -> tuple[str, str]:
        venue = self.asker.market.venue
        if any(hole[0] <= bar < hole[1] for bar in self.asker.heard.spoiled):
            return "unknown", f"what {venue} gave for {spelled(hole)} was quarantined"
        beside = (reply.times < micros(hole[0])).any() and (reply.times >= micros(hole[1])).any()
        quiet = not self.provable or hole[1] - hole[0] <= LONGEST_QUIET
        if self.asker.conventions.omits_empty and beside and reply.readable and quiet:
            return "verified-empty", (
                f"{venue} leaves out bars without a trade, and twice had none of {spelled(hole)} between others"
            )
        nothing = "nothing" if reply.readable else "nothing but rows that cannot be placed"
        return (
            "unknown",
            f"{venue} answered {nothing} for {spelled(hole)}, asked twice: not treated as a quiet market",
        )

    def pieces(self, hole: Span) -> list[Span]:
        """A hole in parts that one answer can hold with a margin on both sides."""
        step = max(self.asker.conventions.candles_per_request - 2 * self._margin, 1) * self.asker.length
        count = -(-(hole[1] - hole[0]) // step)
        return [
            (hole[0] + step * place, min(hole[0] + step * (place + 1), hole[1])) for place in range(count)
        ]

    @property
    def _margin(self) -> int:
        return min(MARGIN, (self.asker.conventions.candles_per_request - 1) // 3)

    def _windows(self, pieces: Sequence[Span]) -> list[tuple[Span, list[Span]]]:
        """As few questions as hold all pieces with their margins, none beyond the cap or what has closed."""
        length, margin = self.asker.length, self._margin * self.asker.length
        habits, now = self.asker.conventions, self.asker.server_now
        oldest = first_served(habits, length, now) or pieces[0][0] - margin
        newest = closed_end(now, length)
        made: list[tuple[Span, list[Span]]] = []
        for piece in pieces:
            window = max(piece[0] - margin, oldest), min(piece[1] + margin, newest)
            joined = (made[-1][0][0], window[1]) if made else window
            if made and bars_in(joined, length) <= habits.candles_per_request:
                made[-1] = (joined, [*made[-1][1], piece])
            else:
                made.append((window, [piece]))
        return made


def _within(times: Times, span: Span) -> Times:
    return times[(times >= micros(span[0])) & (times < micros(span[1]))]


def _gaps(hole: Span, given: Times, length: timedelta) -> list[Span]:
    return Ledger([hole], length).missing(given)
