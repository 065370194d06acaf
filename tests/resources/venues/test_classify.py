"""What answers mean: by status first, Kraken's codes after it, Retry-After in both forms, secrets out of sentences."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import BadAnswer
from resources.venues.classify import Kind, classify, retry_after
from resources.venues.json_body import looks_like_json, read_json
from resources.venues.redact import never_say, redact, secrets_of, without_secrets
from resources.venues.wire import Answer, Fault, unpacked

AT = datetime(2026, 3, 4, 12, 3, 0, tzinfo=UTC)


def answer(status: int = 200, body: bytes = b"{}", **headers: str) -> Answer:
    return Answer("https://x/y", status, {k.replace("_", "-"): v for k, v in headers.items()}, body, AT)


@pytest.mark.parametrize(
    ("given_answer", "kind"),
    [
        (answer(), Kind.FINE),
        (answer(204, b""), Kind.DAMAGED),
        (answer(429), Kind.LIMITED),
        (answer(418, retry_after="5"), Kind.LIMITED),
        (answer(418), Kind.BANNED),
        (answer(403, b"<html>"), Kind.BANNED),
        (answer(403, b'{"message":"forbidden."}'), Kind.REFUSED),
        (answer(451, b"<html>"), Kind.REFUSED),
        (answer(404), Kind.REFUSED),
        (answer(422), Kind.REFUSED),
        (answer(302), Kind.REFUSED),
        (answer(408), Kind.AGAIN),
        (answer(500), Kind.AGAIN),
        (answer(503), Kind.AGAIN),
        (answer(503, b"Scheduled MAINTENANCE in progress"), Kind.DOWN),
        (answer(200, b'{"error":["EAPI:Rate limit exceeded"]}'), Kind.LIMITED),
        (answer(200, b'{"error":["EGeneral:Temporary lockout"]}'), Kind.BANNED),
        (answer(200, b'{ "error" : [ "EService:Unavailable" ] }'), Kind.DOWN),
        (answer(200, b'{"error":["EService:Busy"]}'), Kind.AGAIN),
        (answer(200, b'{"error":["EQuery:Unknown asset pair"]}'), Kind.REFUSED),
        (answer(200, b'{"error":["WGeneral:Something"],"result":{}}'), Kind.FINE),
        (answer(200, b'{"error":[],"result":{}}'), Kind.FINE),
        (answer(200, b""), Kind.DAMAGED),
        (answer(200, b"<!DOCTYPE html>"), Kind.DAMAGED),
        (answer(200, b'[{"a":1},'), Kind.DAMAGED),
        (answer(200, b"null"), Kind.FINE),
        (answer(200, b"123.5"), Kind.FINE),
        (answer(200, b"nothing"), Kind.DAMAGED),
        (answer(200, b'{"error":["x"],"error":3}'), Kind.DAMAGED),
        (answer(200, b'{"error":["x",' + b"[" * 100_000 + b"]" * 100_000 + b"]}"), Kind.DAMAGED),
    ],
)
def test_verdicts(given_answer: Answer, kind: Kind) -> None:
    assert classify(given_answer, True).kind is kind


def test_what_is_no_json_may_be_an_answer_where_none_is_expected() -> None:
    assert classify(answer(200, b""), False).kind is Kind.FINE
    assert classify(answer(200, b"a,b"), False).kind is Kind.FINE


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20", 20.0), ("0.5", 0.5), ("Wed, 04 Mar 2026 12:03:20 GMT", 20.0), ("Wed, 04 Mar 2026 12:00:00 GMT", 0.0),
        ("Wed, 04 Mar 2026 13:03:20 +0100", 20.0), ("soon", None), ("-5", None), ("", None), ("1e9", None),
        ("Wed, 04 Mar 2026 12:03:20 +99999999999999999", None), ("3600000", 3_600_000.0),
    ],
)  # fmt: skip
def test_retry_after(text: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": text}, AT) == seconds


@given(st.sampled_from([429, 418, 403, 500, 503, 408]), st.integers(0, 10**30), st.booleans())
def test_a_wish_is_obeyed_up_to_an_hour_or_a_day(status: int, seconds: int, page: bool) -> None:
    """F1: a number in milliseconds, or no number at all, must not shut a venue out."""
    found = classify(answer(status, b"<html>" if page else b"{}", retry_after=str(seconds)), True)
    if found.kind is Kind.REFUSED:
        return
    most = 24 * 3600 if found.kind in (Kind.LIMITED, Kind.BANNED) else 3600
    assert found.wait == min(seconds, most)
    assert found.longer == (seconds > most)


def test_prices_stay_text_and_whole_numbers_whole() -> None:
    said = read_json(answer(body=b'{"p":64625.40,"i":2880534893454904000,"e":1e-7,"n":null}'), "alpaca")
    assert said == {"p": "64625.40", "i": 2880534893454904000, "e": "1e-7", "n": None}


@pytest.mark.parametrize(
    "body",
    [b"", b"  ", b"<html></html>", b"{", b'{"a":NaN}', b'{"a":-Infinity}', b"\xff\xfe{}", b"[" * 100_000],
)
def test_what_is_no_json_is_said(body: bytes) -> None:
    with pytest.raises(BadAnswer, match=r"^coinbase gave no usable answer: expected JSON from https://x/y"):
        read_json(answer(body=body), "coinbase")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_whatever_is_json_looks_like_it(value: object) -> None:
    import json

    assert looks_like_json(json.dumps(value).encode())


@given(st.binary(max_size=400), st.integers(0, 430))
def test_a_gzip_body_is_whole_or_a_fault(body: bytes, cut: int) -> None:
    import gzip

    packed = gzip.compress(body)
    headers = {"content-encoding": "gzip"}
    assert unpacked(packed, {**headers, "content-length": str(len(packed))}) == body
    if 0 < cut < len(packed):
        assert isinstance(unpacked(packed[:cut], headers), Fault)
        assert isinstance(unpacked(packed[:cut], {**headers, "content-length": str(len(packed))}), Fault)
        flipped = packed[: cut - 1] + bytes([packed[cut - 1] ^ 0x55]) + packed[cut:]
        found = unpacked(flipped, headers)
        assert isinstance(found, Fault) or found == body, "a changed byte never changes data unnoticed"


@pytest.mark.parametrize(
    "name", ["OK-ACCESS-KEY", "CB-ACCESS-KEY", "access_key", "Rest-Key", "KC-API-KEY", "X-MBX-APIKEY", "Key"]
)
def test_what_stands_under_the_name_of_a_key_is_a_secret(name: str) -> None:
    assert secrets_of({name: "hunter2hunter2"}) == ("hunter2hunter2",)
    for body in (
        f'{{"msg":"no","{name}":"hunter2"}}',
        f"{{\\'{name}\\': \\'hunter2\\'",
        f'"{name}" : "hunter2',
    ):
        assert "hunter2" not in redact(body)


def test_a_key_that_this_process_was_given_is_never_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes the sentence: no header and no name tells that this text is a secret."""
    monkeypatch.setattr("resources.venues.redact._known", set())
    key = 'p"ss/w rd+0123'
    forms = [key, 'p\\"ss/w rd+0123', "p%22ss%2Fw%20rd%2B0123"]
    never_say([key, "short"])
    for form in forms:
        assert redact(f"the venue says {form}, short") == "the venue says ***, short"
        said = without_secrets(answer(401, f"x{form}y".encode()))
        assert isinstance(said, Answer)
        assert said.body == b"x***y"
    assert without_secrets(Fault("broke off")) == Fault("broke off")


@pytest.mark.parametrize(
    "text",
    [
        "GET https://user:hunter2hunter2@x/y", "https://x/y?apiKey=hunter2hunter2&symbol=BTC",
        "https://x/y?symbol=BTC&signature=hunter2hunter2", "Authorization: Bearer hunter2hunter2",
        "the key is hunter2hunter2!",
    ],
)  # fmt: skip
def test_secrets_are_blotted_out(text: str) -> None:
    secrets = secrets_of({"API-Key": "hunter2hunter2", "Accept": "text/plain", "User-Agent": "Tidemark"})
    assert secrets == ("hunter2hunter2",)
    told = redact(text, secrets)
    assert "hunter2" not in told
    assert "***" in told


def test_what_is_no_secret_stays() -> None:
    text = "GET https://x/y?page_token=abcdef&address=0xabcdef&symbol=BTC-USD&start=1"
    assert redact(text) == text
