"""A round trip with a generated client: create, repeat, walk a list, change under a condition, and read problems by their type.

    openapi-python-client generate --url http://localhost:8080/openapi.json --meta none --output-path forum_client
    python round_trip.py http://localhost:8080
"""

import re
import sys
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from forum_client import Client
from forum_client.api.posts import create_post, list_in_thread
from forum_client.api.threads import create_thread, delete_thread, get_thread, patch_thread
from forum_client.api.users import create_user, list_users
from forum_client.models import ForumThread, NewPost, NewThread, NewUser, Post, Problem, ThreadPatch, User
from forum_client.types import UNSET

base_url = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8080"
forum = Client(base_url=base_url)


def equal(found, expected):
    if found != expected:
        raise SystemExit(f"expected {expected!r}, got {found!r}")


def read(kind, response):
    """What a response holds, when it is of that type."""
    if not isinstance(response.parsed, kind):
        raise SystemExit(f"expected {kind.__name__}, got {response.status_code}: {response.content!r}")
    return response.parsed


def next_cursor(response):
    """The cursor of the next page, exactly when there is one."""
    link = re.search(r'<([^>]*)>; rel="next"', response.headers.get("Link", ""))
    return parse_qs(urlsplit(link[1]).query)["cursor"][0] if link else None


# Create. The same request under the same key makes one user, however often it is sent.
new_user = NewUser(email=f"{uuid4()}@example.com", name="Dora")
key = str(uuid4())
first = create_user.sync_detailed(client=forum, body=new_user, idempotency_key=key)
again = create_user.sync_detailed(client=forum, body=new_user, idempotency_key=key)
user = read(User, first)
equal((first.status_code, first.headers.get("Idempotent-Replayed")), (201, None))
equal((read(User, again).user_id, again.headers.get("Idempotent-Replayed")), (user.user_id, "true"))

# A thread with five posts.
thread = read(ForumThread, create_thread.sync_detailed(client=forum, body=NewThread(title="Clients", user_id=user.user_id)))
contents = ["one", "two", "three", "four", "five"]
for content in contents:
    new_post = NewPost(thread_id=thread.thread_id, user_id=user.user_id, content=content)
    read(Post, create_post.sync_detailed(client=forum, body=new_post))

# Walk the list, two posts at a time.
posts, pages, cursor = [], 0, UNSET
while cursor is not None:
    page = list_in_thread.sync_detailed(thread.thread_id, client=forum, limit=2, cursor=cursor)
    posts += read(list, page)
    pages += 1
    cursor = next_cursor(page)
equal(([post.content for post in posts], pages), (contents, 3))

# Change what was read, and only that: `If-Match` with its ETag.
found = get_thread.sync_detailed(thread.thread_id, client=forum)
etag = found.headers["ETag"]
patch = ThreadPatch(title="Generated clients")
changed = read(ForumThread, patch_thread.sync_detailed(thread.thread_id, client=forum, body=patch, if_match=etag))
equal((changed.title, changed.version), ("Generated clients", read(ForumThread, found).version + 1))

# The same condition again: the thread is another one by now.
stale = patch_thread.sync_detailed(thread.thread_id, client=forum, body=ThreadPatch(title="Lost"), if_match=etag)
problem = read(Problem, stale)
equal((stale.status_code, problem.status, problem.title), (412, 412, "Precondition Failed"))

# What breaks a rule is named, field by field.
bad_post = NewPost(thread_id=thread.thread_id, user_id=user.user_id, content="", title=" ")
invalid = create_post.sync_detailed(client=forum, body=bad_post)
problem = read(Problem, invalid)
equal((invalid.status_code, sorted(error.field for error in problem.errors)), (422, ["content", "title"]))

# Several users at once.
ids = ["1", user.user_id]
some = read(list, list_users.sync_detailed(client=forum, ids=ids))
equal([one.user_id for one in some], ids)

# Only some attributes of them. The generated classes want every attribute that is always there, so this is read as JSON.
response = forum.get_httpx_client().get("/api/users", params={"ids": ids, "fields": ["userId", "name"]})
equal((response.status_code, response.json()), (200, [{"userId": one.user_id, "name": one.name} for one in some]))

# Clean up: a thread that has posts is deleted with them, when that is said.
equal(read(Problem, delete_thread.sync_detailed(thread.thread_id, client=forum)).status, 409)
equal(delete_thread.sync_detailed(thread.thread_id, client=forum, cascade=True).status_code, 204)
print(f"the Python client made its round trip on {base_url}")
