#!/usr/bin/env python3
"""HTTP checks of a running forum; each ends with an AssertionError where the forum does not keep a promise.

    http_checks.py BASE CHECK [ARGUMENT...]
"""

import collections
import http.client
import itertools
import json
import re
import subprocess
import sys
import threading
import time
import urllib.parse
import uuid

BASE = urllib.parse.urlsplit(sys.argv[1])
JSON = {"Content-Type": "application/json"}
RUN = uuid.uuid4().hex[:8]


class Response:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.bytes = response.read()

    @property
    def json(self):
        return json.loads(self.bytes)

    def __str__(self):
        return f"{self.status} {dict(self.headers)} {self.bytes[:500]!r}"


def connect():
    return http.client.HTTPConnection(BASE.hostname, BASE.port, timeout=60)


def ask(method, path, body=None, connection=None, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        headers = JSON | headers
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection = connection or connect()
    connection.request(method, path, body, headers)
    return Response(connection.getresponse())


def expect(status, response):
    assert response.status == status, f"expected {status}, got {response}"
    return response


def problem(status, response):
    """The response is a problem document of that status, and names the request."""
    expect(status, response)
    assert response.headers["Content-Type"] == "application/problem+json", response
    document = response.json
    assert document["status"] == status and document["type"] == "about:blank", response
    assert document["title"] and document["detail"], response
    assert document["requestId"] == response.headers["X-Request-Id"], response
    return document


def create(kind, body, **headers):
    return expect(201, ask("POST", f"/api/{kind}", body, **headers)).json


def new_user():
    return create("users", {"name": "Ann", "email": f"{uuid.uuid4().hex}@forum.example"})


def new_thread():
    return create("threads", {"title": f"Thread {RUN}"})


def next_page(response):
    link = response.headers["Link"]
    return link and re.fullmatch(r'<([^>]+)>; rel="next"', link)[1]


def pages(path):
    while path:
        response = expect(200, ask("GET", path))
        yield response.json
        path = next_page(response)


def lifecycle(kind, body, change):
    """Create, read, change with conditions, replace, delete."""
    created = expect(201, ask("POST", f"/api/{kind}", body))
    path = created.headers["Location"]
    assert path.startswith(f"/api/{kind}/"), created
    read = expect(200, ask("GET", path))
    assert read.json == created.json and read.headers["ETag"] == created.headers["ETag"], (created.bytes, read.bytes)
    expect(304, ask("GET", path, If_None_Match=read.headers["ETag"]))

    changed = expect(200, ask("PATCH", path, change, If_Match=read.headers["ETag"]))
    assert changed.json.items() >= change.items() and changed.json["version"] == read.json["version"] + 1, changed
    problem(412, ask("PATCH", path, change, If_Match=read.headers["ETag"]))
    assert expect(200, ask("GET", path, Cache_Control="no-cache")).json == changed.json
    replaced = expect(200, ask("PUT", path, body))
    assert replaced.json.items() >= body.items() and replaced.json["version"] == changed.json["version"] + 1, replaced

    expect(204, ask("DELETE", path))
    problem(404, ask("GET", path, Cache_Control="no-cache"))
    problem(404, ask("DELETE", path))


# The checks


def ready():
    """Every service serves, as its readiness says."""
    for kind in ["users", "threads", "posts"]:
        expect(200, ask("GET", f"/api/{kind}/health"))


def seeded():
    for kind, count in {"users": 3, "threads": 2, "posts": 2}.items():
        found = expect(200, ask("GET", f"/api/{kind}")).json
        assert len(found) == count, (kind, found)


def users():
    email = f"{uuid.uuid4().hex}@forum.example"
    lifecycle("users", {"name": "Ann", "email": email}, {"bio": "writes"})
    taken = new_user()["email"]
    problem(409, ask("POST", "/api/users", {"name": "Bob", "email": taken.upper()}))
    (found,) = expect(200, ask("GET", f"/api/users?email={urllib.parse.quote(taken)}")).json
    assert found["email"] == taken


def threads():
    lifecycle("threads", {"title": "First", "userId": new_user()["userId"]}, {"title": "Second"})


def posts():
    body = {"threadId": new_thread()["threadId"], "userId": new_user()["userId"], "content": "Hello"}
    lifecycle("posts", body, {"content": "Bye"})
    document = problem(422, ask("POST", "/api/posts", body | {"threadId": "no-such-thread"}))
    assert [error["field"] for error in document["errors"]] == ["threadId"], document


def paging():
    thread, user = new_thread()["threadId"], new_user()["userId"]
    made = [create("posts", {"threadId": thread, "userId": user, "content": str(n)})["postId"] for n in range(5)]
    found = [[post["postId"] for post in page] for page in pages(f"/api/posts/in-thread/{thread}?limit=2")]
    assert sorted(map(len, found)) == [1, 2, 2] and sorted(sum(found, [])) == sorted(made), (made, found)


def idempotency():
    key = {"Idempotency_Key": f"key-{uuid.uuid4()}"}
    first = expect(201, ask("POST", "/api/threads", {"title": "Once"}, **key))
    again = expect(201, ask("POST", "/api/threads", {"title": "Once"}, **key))
    assert again.json == first.json and again.headers["Idempotent-Replayed"] == "true", again
    assert first.headers["Idempotent-Replayed"] is None, first
    problem(422, ask("POST", "/api/threads", {"title": "Twice"}, **key))


def problems():
    problem(404, ask("GET", "/api/users/no-such-user"))
    problem(404, ask("GET", "/api/usersfoo"))
    problem(405, ask("DELETE", "/api/users"))
    problem(400, ask("POST", "/api/users", b'{"name": '))
    problem(415, ask("POST", "/api/users", b"{}", Content_Type="text/plain"))
    document = problem(422, ask("POST", "/api/users", {"name": ""}))
    assert {error["field"] for error in document["errors"]} == {"name", "email"}, document


def body_limit():
    """512 KiB arrive at the service, which finds them too long for a post; one byte more does not."""
    frame = len(json.dumps({"threadId": "1", "userId": "1", "content": ""}))
    for size, status in [(512 * 1024, 422), (512 * 1024 + 1, 413), (5_000_000, 413)]:
        body = {"threadId": "1", "userId": "1", "content": "x" * (size - frame)}
        problem(status, ask("POST", "/api/posts", body))


def gateway():
    """Only the services' paths are open; ids pass; browsers may read every response."""
    assert expect(200, ask("GET", "/health")).json == {"status": "ok"}
    for path in ["/metrics", "/metrics/", "/api", "/api/other", "/health/x"]:
        problem(404, ask("GET", path))
    problem(414, ask("GET", "/" + "x" * 20_000))
    problem(431, ask("GET", "/", X="x" * 40_000))
    for path in ["/api/users", "/api/threads/none", "/metrics"]:
        for sent in ["a-Valid_id.1", None, "not valid", "x" * 65]:
            response = ask("GET", path, **({"X_Request_Id": sent} if sent else {}))
            (got,) = response.headers.get_all("X-Request-Id")
            assert (got == sent) == (sent == "a-Valid_id.1") and re.fullmatch("[A-Za-z0-9._-]{1,64}", got), response
        response = ask("GET", path, Origin="http://localhost:5173")
        assert response.headers.get_all("Access-Control-Allow-Origin") == ["*"], response


def page():
    """The page is at every other path, of this origin alone, with what the services say."""
    for path, part in [("/", "Welcome"), ("/threads/1", "Hello everyone!"), ("/users/2", "Bob"), ("/posts/none", "Not found")]:
        response = ask("GET", path, Accept="text/html")
        expect(404 if part == "Not found" else 200, response)
        assert part in response.bytes.decode() and response.headers["Content-Type"].startswith("text/html"), response
        assert response.headers["Access-Control-Allow-Origin"] is None and len(response.headers.get_all("X-Request-Id")) == 1, response
        assert "default-src 'none'" in response.headers["Content-Security-Policy"], response
    (style,) = re.findall(r'"(/assets/page\.css[^"]*)"', ask("GET", "/").bytes.decode())
    expect(200, ask("GET", style))


def refused_with_a_body():
    """A request that a service refuses before it looks at the body is told so, not that the service failed."""
    for _ in range(10):
        problem(404, ask("PATCH", "/api/users/a.b", {"name": "Ann"}))
        problem(404, ask("PUT", "/api/posts/none", {"content": "x" * 60_000}))
        problem(405, ask("DELETE", "/api/threads", {"title": "x" * 1_000}))
        problem(415, ask("POST", "/api/users", b"x" * 100_000, Content_Type="text/plain"))


def is_there(path):
    expect(200, ask("GET", path))


def is_gone(path):
    problem(404, ask("GET", path))


def problem_is(status, path):
    problem(int(status), ask("GET", path))


def status_is(status, path):
    expect(int(status), ask("GET", path))


def create_user():
    print(f"/api/users/{new_user()['userId']}")


def body_maker(kind):
    """How clients fill the posts, threads or users that they create: the attribute that holds a text of ours, and the rest."""
    if kind == "users":
        return "name", lambda: {"email": f"{uuid.uuid4().hex}@forum.example"}
    if kind == "threads":
        return "title", dict
    references = {"threadId": new_thread()["threadId"], "userId": new_user()["userId"]}
    return "content", lambda: references


def load_through(kind, *fault):
    """Clients create items, and repeat what failed, while the command runs. They see nothing but 201, 502, 503 and 504; each item
    that they were told of is there, once."""
    attribute, rest = body_maker(kind)
    identity = f"{kind[:-1]}Id"
    statuses, made = collections.Counter(), {}
    numbers, stop, broken = itertools.count(), threading.Event(), []
    give_up = time.monotonic() + 180

    def create_until_acknowledged(text, connection):
        body = {attribute: text} | rest()
        while True:
            assert time.monotonic() < give_up, f"{text} was never created"
            response = ask("POST", f"/api/{kind}", body, connection, Idempotency_Key=text)
            statuses[response.status] += 1
            if response.status == 201:
                made[response.json[identity]] = text
                return
            assert response.status in (502, 503, 504), response
            problem(response.status, response)
            time.sleep(0.05)

    def client():
        connection = connect()
        try:
            while not stop.is_set():
                create_until_acknowledged(f"{RUN}-{next(numbers)}", connection)
        except Exception as error:  # any other response, or none, is what must not happen
            broken.append(f"{type(error).__name__}: {error}")
            stop.set()

    def grow_by(count):
        target = len(made) + count
        while len(made) < target and not stop.is_set():
            assert time.monotonic() < give_up, f"no progress: {statuses}"
            stop.wait(0.05)

    clients = [threading.Thread(target=client) for _ in range(8)]
    for each in clients:
        each.start()
    try:
        grow_by(50)
        subprocess.run(fault, check=True)
        grow_by(50)
    finally:
        stop.set()
        for each in clients:
            each.join()
    print(f"responses by status: {dict(statuses)}")
    assert not broken, broken

    everything = [item for page in pages(f"/api/{kind}?limit=1000") for item in page]
    found = [(item[identity], item[attribute]) for item in everything if item[attribute].startswith(f"{RUN}-")]
    lost = made.items() - set(found)
    assert not lost, f"lost: {sorted(lost)[:5]}"
    assert len(found) == len(made), f"{len(found)} items of {len(made)}"


if __name__ == "__main__":
    globals()[sys.argv[2]](*sys.argv[3:])
