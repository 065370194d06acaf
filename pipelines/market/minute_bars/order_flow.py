"""How each book update moved the sizes at the best prices, signed as in Cont, Kukanov & Stoikov (2014). No trade here.

Their e_n = q_b·[b ≥ b₋] − q_b₋·[b ≤ b₋] − q_a·[a ≤ a₋] + q_a₋·[a ≥ a₋]: what was added to the bids or taken from the
asks counts +, what was taken from the bids or added to the asks −. The sum over a bar is its order flow imbalance.
Source: The price impact of order book events, Journal of Financial Econometrics 12(1).
"""

import numpy as np
import numpy.typing as npt

from pipelines.market.minute_bars.events import Book, Floats, Ints


def order_flow(book: Book, end: Ints, known: npt.NDArray[np.bool_]) -> Floats:
    """e_n of every update against the one before it (N,), base units.

    end : last instant at which each state stands; known : whether its level 1 is. An update counts 0 unless it and
    the state before it are known, and that state still stood: what came of a book unseen is no flow.
    """
    bid, ask, bids, asks = book.bid_price[0], book.ask_price[0], book.bid_amount[0], book.ask_amount[0]
    follows = known[1:] & known[:-1] & (end[:-1] == book.time[1:])
    moved = np.where(bid[1:] >= bid[:-1], bids[1:], 0.0) - np.where(bid[1:] <= bid[:-1], bids[:-1], 0.0)
    moved -= np.where(ask[1:] <= ask[:-1], asks[1:], 0.0)
    moved += np.where(ask[1:] >= ask[:-1], asks[:-1], 0.0)
    flow = np.zeros(len(book.time))
    flow[1:] = np.where(follows, moved, 0.0)
    return flow
