"""One product as Coinbase lists it; what it cannot know from candles has a fixed value. Answers are coinbase.py."""

from tests.venue.call import Call

FIAT = {"USD": "US Dollar", "EUR": "Euro", "GBP": "British Pound", "CAD": "Canadian Dollar"}


def product(call: Call, symbol: str) -> dict[str, object]:
    """The product of a symbol."""
    base, _, quote = symbol.partition("-")
    book = call.book(symbol, 1)
    gone = call.status(symbol) == "delisted"
    return {
        "product_id": symbol,
        "price": book[0][0].price if book else "",
        "price_percentage_change_24h": "0",
        "volume_24h": "0",
        "volume_percentage_change_24h": "0",
        "base_increment": "0.00000001",
        "quote_increment": "0.01",
        "quote_min_size": "1",
        "quote_max_size": "150000000",
        "base_min_size": "0.00000001",
        "base_max_size": "3400",
        "base_name": base,
        "quote_name": FIAT.get(quote, quote),
        "watched": False,
        "is_disabled": gone,
        "new": False,
        "status": "delisted" if gone else "online",
        "cancel_only": False,
        "limit_only": False,
        "post_only": False,
        "trading_disabled": gone,
        "auction_mode": False,
        "product_type": "SPOT",
        "quote_currency_id": quote,
        "base_currency_id": base,
        "fcm_trading_session_details": None,
        "mid_market_price": "",
        "alias": "",
        "alias_to": [],
        "base_display_symbol": base,
        "quote_display_symbol": quote,
        "view_only": gone,
        "price_increment": "0.01",
        "display_name": symbol,
        "product_venue": "CBE",
        "approximate_quote_24h_volume": "0",
        "new_at": "2023-01-01T00:00:00Z",
        "market_cap": "",
        "base_cbrn": "",
        "quote_cbrn": "",
        "product_cbrn": "",
        "icon_color": "",
        "icon_url": "",
        "display_name_overwrite": "",
        "is_alpha_testing": False,
        "about_description": "",
        "best_bid_price": "",
        "best_ask_price": "",
    }
