"""Sends the contract's extreme requests through the firewalls of a plan; fails where one would be blocked.

Usage: terraform show -json PLAN | firewall.py
AWS's rules are modelled as far as requests of the contract could meet them, by
https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
So that a model that never blocks is noticed, each request must be blocked by AWS's rules without our overrides.
"""

import json
import re
import sys
import uuid

UUIDS = [str(uuid.UUID(int=n)) for n in range(100)]
LONGEST_IDS = [f"{n:064}" for n in range(100)]
JNDI = "${jndi:ldap://203.0.113.1/a}"


def request(method="GET", path="/api/posts", query="", body="", agent="curl/8"):
    return {"method": method, "path": path, "query": query, "body": body, "agent": agent}


def post(content):
    return request("POST", body=json.dumps({"threadId": UUIDS[0], "userId": UUIDS[1], "content": content}))


# Name -> (request of the contract, whether AWS's rules would block it without our overrides).
CONTRACT = {
    "100 UUIDs": (request(query="ids=" + ",".join(UUIDS)), True),
    "100 UUIDs, commas encoded": (request(query="ids=" + "%2C".join(UUIDS)), True),
    "100 ids of 64 characters, one by one": (request(query="&".join(f"ids={each}" for each in LONGEST_IDS)), True),
    "a path with two ids of 64 characters": (request(path="/api/threads/" + "t" * 64 + "/posts/" + "p" * 64), False),
    "a post of 64 KiB": (post("x" * 65536), True),
    "a post of 64 KiB, every character escaped": (request("POST", body='{"content": "' + r"\u0078" * 65536 + '"}'), True),
    "a post that quotes Log4j's hole": (post(f"Look for {JNDI} in your logs."), True),
    "a post that quotes a script": (post("<script>alert(1)</script>"), True),
    "a post that quotes a path": (post("cat ../../etc/passwd"), True),
    "a post that quotes an address": (post("http://203.0.113.1/shell.php and http://169.254.169.254/latest"), True),
    "a client without User-Agent": (request(agent=None), True),
}

# Group -> rule -> whether it matches. The rules that count by AWS's default are not here.
MODELS = {
    "AWSManagedRulesAmazonIpReputationList": {},
    "AWSManagedRulesKnownBadInputsRuleSet": {
        "Log4JRCE_BODY": lambda r: "${jndi:" in r["body"],
        "Log4JRCE_QUERYSTRING": lambda r: "${jndi:" in r["query"],
        "Log4JRCE_URIPATH": lambda r: "${jndi:" in r["path"],
        "PROPFIND_METHOD": lambda r: r["method"] == "PROPFIND",
    },
    "AWSManagedRulesCommonRuleSet": {
        "NoUserAgent_HEADER": lambda r: r["agent"] is None,
        "SizeRestrictions_QUERYSTRING": lambda r: len(r["query"]) > 2048,
        "SizeRestrictions_BODY": lambda r: len(r["body"]) > 8192,
        "SizeRestrictions_URIPATH": lambda r: len(r["path"]) > 1024,
        "CrossSiteScripting_BODY": lambda r: "<script" in r["body"],
        "CrossSiteScripting_QUERYARGUMENTS": lambda r: "<script" in r["query"],
        "GenericLFI_BODY": lambda r: "../" in r["body"],
        "GenericLFI_QUERYARGUMENTS": lambda r: "../" in r["query"],
        "GenericRFI_BODY": lambda r: re.search(r"https?://\d+\.\d+\.\d+\.\d+", r["body"]),
        "GenericRFI_QUERYARGUMENTS": lambda r: re.search(r"https?://\d+\.\d+\.\d+\.\d+", r["query"]),
        "EC2MetaDataSSRF_BODY": lambda r: "169.254.169.254" in r["body"],
        "RestrictedExtensions_URIPATH": lambda r: re.search(r"\.(log|ini)$", r["path"]),
    },
}


def only(blocks):
    (block,) = blocks
    return block


def blocking(rule, asked):
    """Names of what blocks the request within one rule of a firewall."""
    kind, statement = only([(kind, only(blocks)) for kind, blocks in only(rule["statement"]).items() if blocks])
    if kind == "managed_rule_group_statement":
        counted = {each["name"] for each in statement["rule_action_override"] if only(each["action_to_use"])["count"]}
        return [name for name, matches in MODELS[statement["name"]].items() if name not in counted and matches(asked)]
    if not only(rule["action"])["block"]:
        return []
    if kind == "rate_based_statement":
        return []  # one request exceeds no rate
    if kind == "size_constraint_statement" and only(statement["field_to_match"])["query_string"] and statement["comparison_operator"] == "GT":
        return [rule["name"]] if len(asked["query"]) > statement["size"] else []
    raise SystemExit(f"the rule {rule['name']} is of a kind that this check does not know: {kind}")


def blocked(firewall, asked):
    return [name for rule in firewall["rule"] for name in blocking(rule, asked)]


def without_overrides(firewall):
    """The firewall with AWS's rules doing what AWS gives them to do."""
    plain = json.loads(json.dumps(firewall))
    for rule in plain["rule"]:
        for group in only(rule["statement"])["managed_rule_group_statement"]:
            group["rule_action_override"] = []
    return plain


def firewalls(module):
    yield from (each for each in module.get("resources", []) if each["type"] == "aws_wafv2_web_acl")
    for child in module.get("child_modules", []):
        yield from firewalls(child)


def main():
    found = list(firewalls(json.load(sys.stdin)["planned_values"]["root_module"]))
    faults = [] if len(found) == 2 else [f"expected a firewall in each of two Regions, found {len(found)}"]
    for firewall in found:
        for name, (asked, refused_by_default) in CONTRACT.items():
            rules = blocked(firewall["values"], asked)
            if rules:
                faults.append(f"{firewall['address']} blocks {name}: {', '.join(rules)}")
            if bool(blocked(without_overrides(firewall["values"]), asked)) != refused_by_default:
                faults.append(f"{firewall['address']}: the model of AWS's rules is wrong about {name}")
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
