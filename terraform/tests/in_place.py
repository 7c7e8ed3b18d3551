"""Reads a plan (terraform show -json) and says what becomes of the tables. Exits 0 when none is replaced or deleted, and the named one
gets exactly the named indexes.

Usage: in_place.py TABLE INDEX...
"""

import json
import sys


def indexes(table):
    """The names of a table's indexes."""
    return {index["name"] for index in (table or {}).get("global_secondary_index") or []}


def main(name, *expected):
    changes = [each for each in json.load(sys.stdin)["resource_changes"] if each["type"].startswith("aws_dynamodb_table")]
    sound, gained = bool(changes), set()
    for each in changes:
        actions, (before, after) = each["change"]["actions"], (each["change"]["before"], each["change"]["after"])
        added, removed = indexes(after) - indexes(before), indexes(before) - indexes(after)
        print(each["address"], "+".join(actions), *(f"+{index}" for index in sorted(added)), *(f"-{index}" for index in sorted(removed)))
        sound = sound and "delete" not in actions and "create" not in actions and not removed
        gained |= {(each["index"], index) for index in added}
    return 0 if sound and gained == {(name, index) for index in expected} else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
