"""Faults whose data side is proven here and whose other side is the trader's: listed by name, one sentence each."""

OPEN_TRADER_SIDE = {
    "F4": "The paper trader's flat-or-hold policy while a venue is in maintenance is not built; here the window is "
    "venue-down in the ledger and no bar of it is made up.",
    "F14": "Refusing a position across an unknown gap is the follow-mode trader's; here no label and no window crosses "
    "one.",
    "F23": "The trader's `woke after 3 h 12 m; 38 bars missed: 0 traded` needs follow mode; here no bar is lost or "
    "doubled by a step of the clock.",
    "F24": "FTMO's day of 23 and 25 hours in Europe/Prague belongs to the risk module, which is not built; here every "
    "partition is a UTC day of 1,440 minutes.",
    "F26": "Closing a position in a delisted symbol at its last price with a stated haircut is the trader's; here the "
    "candles are kept and no bar is expected after the end.",
}
