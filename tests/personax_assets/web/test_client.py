"""What is asked for on the network and what is not: hostile addresses and hostile answers."""

import ipaddress
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path

import pytest

from personax_assets.web import Client, WebError
from personax_assets.web.addresses import is_public
from tests.loopback import Answer, Request, served

AGENT = "PersonaX/test (team@example.org)"


def anywhere(address: object) -> bool:
    return True


def hostile(port: int) -> list[str]:
    """Return addresses that lead to this machine or its neighbours, or to something else."""
    here = [
        "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0X7F.1",
        "0177.0.0.1", "017700000001", "127.000.000.001", "0", "0.0.0.0", "127.255.255.254",
        "localhost", "LOCALHOST", "localhost.", "127.0.0.1.", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::127.0.0.1]",
        "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "①②⑦.⓪.⓪.①", "１２７.0.0.1", "127。0。0。1",
        "ⓛocalhost",
    ]  # fmt: skip
    neighbours = [
        "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.2.1",
        "198.18.0.1", "203.0.113.9", "224.0.0.1", "255.255.255.255", "240.0.0.1", "0xA9FEA9FE",
        "2852039166", "169.254.43518", "[fe80::1]", "[fe80::1%25lo]", "[fc00::1]", "[fd00::1]",
        "[fec0::1]", "[ff02::1]", "[2001:db8::1]", "[::ffff:169.254.169.254]", "[::ffff:10.0.0.1]",
        "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]",
    ]  # fmt: skip
    others = [
        "file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1:{port}/_x",
        "dict://127.0.0.1:{port}/", "data:image/png;base64,AAAA", "javascript:alert(1)",
        "//127.0.0.1:{port}/x", "127.0.0.1:{port}/x", "", "http://", "http:///x", "http://:{port}/",
        "http://example.org@127.0.0.1:{port}/", "http://127.0.0.1:{port}@127.0.0.1:{port}/",
        "http://a:b@127.0.0.1:{port}/", "http://127.0.0.1:{port}\\@example.org/",
        "http://127.0.0.1:{port}/\r\nHost: evil", "http://127.0.0.1 :{port}/", "http://[::1/",
        "http://127.0.0.1:99999/", "http://127.0.0.1:-1/", "http://127.0.0.1:{port}x/",
        "http://example.org:0/", "\thttp://127.0.0.1:{port}/", "http://127.0.0.1:{port}/\x00",
        "http://127.0.0.1:{port}/ä", "http://..:{port}/", "http://" + "a" * 70 + ".org/",
        "HTTP://127.0.0.1:{port}/", "http://1.2.3.4.5:{port}/", "http://0x.0x.0:{port}/",
    ]  # fmt: skip
    return [
        *(f"{scheme}://{host}:{port}/x.jpg" for scheme in ("http", "https")
          for host in (*here, *neighbours)),
        *(other.replace("{port}", str(port)) for other in others),
    ]  # fmt: skip


@contextmanager
def listener() -> Iterator[tuple[int, Callable[[], int]]]:
    """Listen on loopback, IPv4 and IPv6, on one port; tells how many connected."""
    four = socket.create_server(("127.0.0.1", 0))
    port = four.getsockname()[1]
    sockets, connected = [four], []
    if socket.has_ipv6:
        with suppress(OSError):  # a machine without IPv6
            sockets.append(socket.create_server(("::1", port), family=socket.AF_INET6))
    done = threading.Event()

    def accept(server: socket.socket) -> None:
        server.settimeout(0.05)
        while not done.is_set():
            try:
                connection, _ = server.accept()
            except TimeoutError:
                continue
            connected.append(connection)

    threads = [threading.Thread(target=accept, args=(s,)) for s in sockets]
    for thread in threads:
        thread.start()
    try:
        yield port, lambda: len(connected)
    finally:
        done.set()
        for thread in threads:
            thread.join()
        for each in (*sockets, *connected):
            each.close()


def test_hostile_addresses_are_refused_and_none_is_connected_to() -> None:
    with listener() as (port, connections):
        client = Client(AGENT, deadline_s=2)
        outcomes = {}
        corpus = hostile(port)
        for url in corpus:
            with pytest.raises(WebError) as caught:
                client.get(url)
            outcomes[url] = caught.value.reason
        time.sleep(0.2)
        assert connections() == 0
        # a disguise that this machine's resolver does not see through is no address at all
        assert {url: why for url, why in outcomes.items() if why != "refused"} == {}
        assert len(corpus) > 130
        with socket.create_connection(("127.0.0.1", port)):
            time.sleep(0.3)
        assert connections() == 1, "the listener does count"


@pytest.mark.parametrize("kind", [301, 302, 303, 307, 308])
def test_redirects_to_hostile_addresses_are_refused(kind: int) -> None:
    with listener() as (port, connections):
        corpus = [url for url in hostile(port) if url.isascii() and url.isprintable()]
        corpus = [url for url in corpus if "//" in url]  # others are paths of the same server

        def answer(request: Request) -> Answer:
            return kind, {"Location": corpus[int(request.path[1:])]}, b""

        with served(answer) as server:
            for i, target in enumerate(corpus):
                judged: list[object] = []

                def only_the_first(ip: object, judged: list[object] = judged) -> bool:
                    judged.append(ip)
                    return len(judged) == 1

                with pytest.raises(WebError) as caught:
                    Client(AGENT, only_the_first, deadline_s=2).get(f"{server.url}/{i}")
                assert caught.value.reason == "refused", target
            assert len(server.requests) == len(corpus) > 100
        assert connections() == 0


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "198.35.26.96", "2620:0:863:ed1a::1", "2001:4860:4860::8888",
     "::ffff:8.8.8.8", "64:ff9b::808:808"],
)  # fmt: skip
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_the_connection_goes_to_the_address_that_was_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that resolves to a public address first and to this machine later gains nothing."""
    answers = iter(["8.8.8.8", "127.0.0.1", "127.0.0.1"])
    tried = []

    def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    def connect(self: socket.socket, place: object) -> None:
        tried.append(place)
        raise OSError("not in a test")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises(WebError, match="not in a test"):
        Client(AGENT).get("http://rebinding.example/x.jpg")
    assert tried == [("8.8.8.8", 80)]


def test_a_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))
        for address in ("8.8.8.8", "10.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(WebError, match=r"10\.0\.0\.1 is not a public address") as caught:
        Client(AGENT).get("http://both.example/x.jpg")
    assert caught.value.reason == "refused"


def get(answer: Callable[[Request], "Answer | None"], **limits: float) -> bytes:
    with served(answer) as server:
        return Client(AGENT, anywhere, **limits).get(server.url).body  # type: ignore[arg-type]


def test_an_honest_answer() -> None:
    with served(lambda request: (200, {}, request.path.encode())) as server:
        response = Client(AGENT, anywhere).get(f"{server.url}/a%20b?c=d#e")
        assert (response.status, response.body) == (200, b"/a%20b?c=d")
        assert server.requests[0].headers["user-agent"] == AGENT
        assert server.requests[0].headers["accept-encoding"] == "identity"


def test_answers_that_are_too_large() -> None:
    for headers in ({}, {"Content-Length": "10"}, {"Transfer-Encoding": "chunked"}):
        body = b"x" * 2_000
        if "Transfer-Encoding" in headers:
            body = b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
        if headers.get("Content-Length") == "10":
            assert get(lambda r, h=headers, b=body: (200, h, b), max_bytes=1_000) == b"x" * 10
            continue
        with pytest.raises(WebError, match="more than 1,000 bytes") as caught:
            get(lambda r, h=headers, b=body: (200, h, b), max_bytes=1_000)
        assert caught.value.reason == "too_large"


def raw_server(send: Callable[[socket.socket], None]) -> "contextmanager[int]":
    """Serve one connection by hand."""

    @contextmanager
    def serve() -> Iterator[int]:
        with socket.create_server(("127.0.0.1", 0)) as server:

            def work() -> None:
                connection, _ = server.accept()
                with connection:
                    connection.recv(65536)
                    with suppress(OSError):
                        send(connection)

            thread = threading.Thread(target=work, daemon=True)
            thread.start()
            yield server.getsockname()[1]
            thread.join(10)
            assert not thread.is_alive()

    return serve()  # type: ignore[return-value]


def endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


def slow_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def slow_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for i in range(10_000):
        connection.sendall(b"X-%d: y\r\n" % i)
        time.sleep(0.05)


def silence(connection: socket.socket) -> None:
    connection.recv(1)


def endless_header(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        connection.sendall(b"y" * 65536)


def cut(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")


def rubbish(connection: socket.socket) -> None:
    connection.sendall(b"\x00\x01\x02 this is not HTTP\r\n\r\n")


@pytest.mark.parametrize(
    ("send", "reason"),
    [(endless, "too_large"), (slow_body, "timeout"), (slow_headers, "timeout"),
     (silence, "timeout"), (endless_header, "unreachable"), (cut, "unreachable"),
     (rubbish, "unreachable")],
)  # fmt: skip
def test_servers_that_misbehave_hold_nobody_up(
    send: Callable[[socket.socket], None], reason: str
) -> None:
    with raw_server(send) as port:
        client = Client(AGENT, anywhere, max_bytes=1_000_000, deadline_s=1.0)
        with pytest.raises(WebError) as caught:
            client.get(f"http://127.0.0.1:{port}/")
        assert caught.value.reason == reason


def test_compressed_answers_are_not_unpacked() -> None:
    with pytest.raises(WebError, match="compressed"):
        get(lambda request: (200, {"Content-Encoding": "gzip"}, b"bomb"))


def test_redirects_end() -> None:
    with pytest.raises(WebError, match="more than 5 redirects"):
        get(lambda request: (302, {"Location": "/again"}, b""))


def test_secrets_are_not_passed_on_to_another_host() -> None:
    with served(lambda request: (200, {}, b"ok")) as other:
        moved = f"http://localhost:{other.port}/"
        with served(lambda request: (302, {"Location": moved}, b"")) as server:
            Client(AGENT, anywhere).get(server.url, {"Authorization": "Bearer secret"})
            assert "authorization" in server.requests[0].headers
        assert "authorization" not in other.requests[0].headers


def test_content_can_go_to_a_file() -> None:
    file = BytesIO()
    with served(lambda request: (200, {}, b"content")) as server:
        assert Client(AGENT, anywhere).get(server.url, sink=file).body == b""
    assert file.getvalue() == b"content"


def test_certificates_are_checked(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-keyout", str(key), "-out", str(certificate)],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("openssl is needed to make a certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def work() -> None:
            connection, _ = server.accept()
            with suppress(OSError, ssl.SSLError):
                context.wrap_socket(connection, server_side=True).close()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        with pytest.raises(WebError, match="certificate verify failed"):
            Client(AGENT, anywhere, deadline_s=5).get(
                f"https://localhost:{server.getsockname()[1]}/"
            )
        thread.join(5)
