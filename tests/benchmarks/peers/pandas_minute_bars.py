"""Minute bars the way a good pandas user writes them: groupby, merge_asof, rolling; no loop over rows."""

import numpy as np
import pandas as pd


def pandas_minute_bars(trades: pd.DataFrame, book: pd.DataFrame) -> pd.DataFrame:
    """The same values the way a good pandas user writes them: groupby, merge_asof, rolling; no loop.

    On the busy day it agrees with ours to 1e-12; it skips what ours also does: late counts, levels that are
    missing, nulls without history, and windows that stay exact at any price.
    """
    minute = pd.Timedelta(minutes=1)
    trades = trades.assign(minute=trades["time"].dt.floor("min"))
    book = book.assign(minute=book["time"].dt.floor("min"))
    trades = trades[~(trades["local_time"] > trades["minute"] + minute + pd.Timedelta(seconds=3))]
    book = book[~(book["local_time"] > book["minute"] + minute + pd.Timedelta(seconds=3))]
    trades, book = trades.sort_values(["time", "id"]), book.sort_values("time", kind="stable")
    index = pd.date_range(trades["minute"].min(), trades["minute"].max(), freq="min")
    out = _pandas_trades(trades, index)
    return out.join(_pandas_book(trades, book, index)).iloc[61:]


def _pandas_trades(trades: pd.DataFrame, index: pd.DatetimeIndex) -> pd.DataFrame:
    grouped = trades.groupby("minute", sort=True)
    out = grouped["price"].agg(["first", "max", "min", "last", "count", "mean", "var"]).reindex(index)
    size = grouped["amount"].agg(["sum", "count", "mean", "var"]).reindex(index)
    out[["volume", "trades", "size_mean"]] = size[["sum", "count", "mean"]]
    out["size_m2"] = size["var"] * (size["count"] - 1)
    out["price_m2"] = out["var"] * (out["count"] - 1)
    out["bought"] = trades["amount"].where(trades["side"] > 0, 0.0).groupby(trades["minute"]).sum()
    out["sold"] = out["volume"] - out["bought"]
    squared = np.log(trades["price"] / trades["price"].shift()) ** 2
    out["realized_variance"] = 1e8 * squared.groupby(trades["minute"]).sum()
    sums = trades[["amount", "price"]].assign(a2=trades["amount"] ** 2, p2=(trades["price"] - 64_000) ** 2)
    sums = sums.assign(pq=trades["price"] * trades["amount"], p=trades["price"] - 64_000)
    per = sums.groupby(trades["minute"]).sum().reindex(index, fill_value=0.0)
    hour, five = per.rolling(60).sum(), per.rolling(5).sum()
    n60, n5 = out["count"].rolling(60).sum(), out["count"].rolling(5).sum()
    deviation = np.sqrt((hour["a2"] - hour["amount"] ** 2 / n60) / (n60 - 1))
    limit = (hour["amount"] / n60 + 2 * deviation).shift().reindex(trades["minute"]).to_numpy()
    out["large_trades"] = (trades["amount"] > limit).groupby(trades["minute"]).sum()
    std5 = np.sqrt((five["p2"] - five["p"] ** 2 / n5).clip(lower=0) / (n5 - 1))
    out["tick_volatility_5m"] = 1e4 * std5 / out["last"]
    vwap = hour["pq"] / hour["amount"]
    out["vwap_distance"] = 1e4 * (out["last"] - vwap) / vwap
    return out


def _pandas_book(trades: pd.DataFrame, book: pd.DataFrame, index: pd.DatetimeIndex) -> pd.DataFrame:
    opens = pd.DataFrame({"time": index.astype(book["time"].dtype)})
    book = book.assign(updated=book["time"])
    carried = pd.merge_asof(
        opens, book, on="time", allow_exact_matches=False, tolerance=pd.Timedelta(minutes=1)
    )
    carried["minute"] = opens["time"]
    states = pd.concat([carried, book]).sort_values("time", kind="stable", ignore_index=True)
    bid, ask = states["bid_price_1"], states["ask_price_1"]
    mid = (bid + ask) / 2
    until = np.minimum(states["time"].shift(-1), states["minute"] + pd.Timedelta(minutes=1))
    until = np.minimum(until, states["updated"] + pd.Timedelta(minutes=1))
    weight = (until.fillna(states["time"]) - states["time"]).dt.total_seconds().where(ask > bid)
    values = {"bid_ask_spread": 1e4 * (ask - bid) / mid}
    for levels, name in ((1, "order_book_imbalance"), (5, "book_pressure_5"), (10, "book_pressure_10")):
        bids = states[[f"bid_amount_{k}" for k in range(1, levels + 1)]].sum(axis=1, skipna=False)
        asks = states[[f"ask_amount_{k}" for k in range(1, levels + 1)]].sum(axis=1, skipna=False)
        values[name] = (bids - asks) / (bids + asks)
    weighted = pd.DataFrame({name: x * weight for name, x in values.items()})
    for name, x in values.items():
        weighted[f"{name}_seconds"] = weight.where(x.notna())
    out = weighted.groupby(states["minute"]).sum()
    for name in values:
        out[name] = (out[name] / out[f"{name}_seconds"]).where(out[f"{name}_seconds"] >= 30)
    out["spread_volatility"] = out["bid_ask_spread"].rolling(10).std()
    last = book.groupby("minute").last().reindex(index)
    b, a, vb, va = (last[f"{s}_{w}_1"] for w in ("price", "amount") for s in ("bid", "ask"))
    out["microprice"] = (b * va + a * vb) / (va + vb)
    out["weighted_mid_price"] = _pandas_weighted_mid(last)
    out["mid_end"] = (b + a) / 2
    out["mid_start"] = out["mid_end"].shift()
    quotes = pd.DataFrame({"time": book["time"], "mid": (book["bid_price_1"] + book["ask_price_1"]) / 2})
    seen = pd.merge_asof(
        trades, quotes, on="time", allow_exact_matches=False, tolerance=pd.Timedelta(minutes=1)
    )
    cost = 2e4 * seen["side"] * (seen["price"] - seen["mid"]) / seen["mid"] * seen["amount"]
    out["effective_spread_sum"] = cost.groupby(seen["minute"]).sum()
    out["effective_spread_amount"] = seen["amount"].where(seen["mid"].notna()).groupby(seen["minute"]).sum()
    return out


def _pandas_weighted_mid(last: pd.DataFrame) -> pd.Series:
    mean, total = {}, {}
    for side in ("bid", "ask"):
        sizes = last[[f"{side}_amount_{k}" for k in range(1, 6)]].to_numpy()
        total[side] = sizes.sum(axis=1)
        mean[side] = (last[[f"{side}_price_{k}" for k in range(1, 6)]].to_numpy() * sizes).sum(
            axis=1
        ) / total[side]
    value = (mean["bid"] * total["ask"] + mean["ask"] * total["bid"]) / (total["bid"] + total["ask"])
    return pd.Series(value, index=last.index)
