"""Asking venues: the wire, its faults, and what each venue's public API gives.

Here: one request over HTTP (`wire`), what an answer means (`classify`), the queue and the incidents that all
processes share (`gate`), sending with retries (`transport`), JSON without lost digits (`json_body`), secrets out of
sentences (`redact`), the venue's clock (`server_clock`), and public trades, books, funding and fills. Not here:
what a venue's API does by convention (pipelines/market/venues.py), row rules (pipelines/market), and writing to the
lake (assets/).
"""
