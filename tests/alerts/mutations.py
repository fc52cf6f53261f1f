"""Breaks each alert in every way that its unit tests must notice: mutations.py ALERTS [few|all [GROUP]].

With `few`, which is usual, of each alert one comparison, one number and the severity, which takes seconds.

Why: a unit test that passes shows that an alert fires, and not that it would stay quiet a minute earlier or one tenant
below. So each comparison, number, duration, matcher and severity of each rule is changed, one at a time, and some test of
its group has to fail. A change that nothing notices is told.
"""

import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

OPPOSITE = {">": "<=", "<": ">=", ">=": "<", "<=": ">", "==": "!=", "!=": "=="}
# One more or one less, which only shows where what is compared are whole numbers.
NEARBY = {">": ">=", "<": "<=", ">=": ">", "<=": "<"}
JOINED = {"and": "or", "or": "and", "unless": "and"}
SEVERITIES = {"critical": "warning", "warning": "critical", "info": "warning", "none": "info"}
SECONDS = {"s": 1, "m": 60, "h": 3600}
# Whose number means nothing: it fires whatever the number is.
CONSTANT = {"vector(1)"}
# Of what lies hours back the unit tests, which go minute by minute, see too little.
LONGEST_WINDOW = 3600
# A part of an expression: what a matcher holds is no number, and a window is no threshold.
TOKEN = re.compile(
    r'(?P<matchers>\{[^}]*\})|\[(?P<window>\d+[smh])\]|offset (?P<offset>\d+[smh])|(?P<name>[a-zA-Z_:][\w:]*)'
    r"|(?P<number>\d+(?:\.\d+)?)|(?P<comparison>[<>]=?|[!=]=)"
)


def duration(text, factor):
    return f"{int(int(text[:-1]) * SECONDS[text[-1]] * factor)}s"


def without(matchers, matcher):
    rest = [it for it in re.findall(r'\w+[=!~]+"[^"]*"', matchers) if it != matcher]
    return "{" + ",".join(rest) + "}"


def numbers(text):
    value = float(text)
    # Of seconds the unit tests see minutes.
    if "." in text or 100 <= value:
        return [value * 0.8, value * 1.25]
    return [value - 1, value + 1] if value else [1]


def replacements(token, rest):
    """What may stand in a token's place, each a change of its meaning."""
    kind, text = token.lastgroup, token.group(token.lastgroup)
    if kind == "matchers":
        for matcher in re.findall(r'\w+[=!~]+"[^"]*"', text):
            yield without(text, matcher)
    elif kind == "offset":
        yield f"offset {duration(text, 2)}"
    elif kind == "number":
        yield from (f"{number:g}" for number in numbers(text))
    elif kind == "comparison":
        yield OPPOSITE[text]
        if text in NEARBY and re.match(r"\s*\d+(?![\d.])", rest):
            yield NEARBY[text]
    elif text in JOINED:
        yield JOINED[text]


def expressions(expression):
    if expression.strip() in CONSTANT:
        return
    for token in TOKEN.finditer(expression):
        before, after = expression[: token.start()], expression[token.end() :]
        for replacement in replacements(token, after):
            yield f"{token.group()} -> {replacement}", before + replacement + after
    # A window is one decision, however often it stands there.
    for window in sorted(set(re.findall(r"\[(\d+[smh])\]", expression))):
        for factor in [0.5, 2] if int(duration(window, 1)[:-1]) <= LONGEST_WINDOW else []:
            changed = duration(window, factor)
            yield f"[{window}] -> [{changed}]", expression.replace(f"[{window}]", f"[{changed}]")


def mutations(rule):
    """Each broken rule, and what was done to it."""
    for what, expression in expressions(rule["expr"]):
        yield what, rule | {"expr": expression}
    waits = rule.get("for", "0s")
    for changed in [duration(waits, 1) if waits == "0s" else f"{int(duration(waits, 1)[:-1]) - 60}s"]:
        if changed != waits:
            yield f"for {waits} -> {changed}", rule | {"for": changed}
    yield f"for {waits} -> one minute more", rule | {"for": f"{int(duration(waits, 1)[:-1]) + 60}s"}
    severity = rule["labels"]["severity"]
    yield f"severity {severity}", rule | {"labels": rule["labels"] | {"severity": SEVERITIES[severity]}}


def mentions(case, alert):
    """Whether a case looks at the alert, by its name or by a pattern that fits it."""
    asked = re.findall(r'alertname=(~?)"([^"]+)"', str(case["promql_expr_test"]))
    return any(re.fullmatch(name, alert) if pattern else name == alert for pattern, name in asked)


class Tests:
    """The unit tests of one group of rules, and what they need beside it."""

    def __init__(self, alerts, group):
        self.name = group["name"].removeprefix("watertight.") + ".yml"
        self.document = yaml.safe_load((alerts / "tests" / self.name).read_text(encoding="utf-8"))
        self.recording = (alerts / "recording.rules.yml").read_text(encoding="utf-8")

    def pass_on(self, group, alert):
        """Whether those that look at the alert pass on this form of the group."""
        cases = [case for case in self.document["tests"] if mentions(case, alert)]
        with tempfile.TemporaryDirectory() as place:
            place = Path(place)
            (place / "tests").mkdir()
            (place / "watertight.rules.yml").write_text(yaml.safe_dump({"groups": [group]}), encoding="utf-8")
            (place / "recording.rules.yml").write_text(self.recording, encoding="utf-8")
            (place / "tests" / self.name).write_text(yaml.safe_dump(self.document | {"tests": cases}), encoding="utf-8")
            command = ["promtool", "test", "rules", str(place / "tests" / self.name)]
            done = subprocess.run(command, capture_output=True, timeout=300, check=False)
        return bool(cases) and done.returncode == 0


def few(mutations):
    """The first of each sort."""
    seen = set()
    for what, mutation in mutations:
        sort = next((it for it in ["severity", "for "] if what.startswith(it)), re.sub(r"[\w.]+", "", what)[:3])
        if sort in seen or sort == "for " or what.startswith(("{", "[", "offset", *JOINED)):
            continue
        seen.add(sort)
        yield what, mutation


def main(alerts, extent="few", only=""):
    alerts = Path(alerts)
    cases = []
    for group in yaml.safe_load((alerts / "watertight.rules.yml").read_text(encoding="utf-8"))["groups"]:
        if only not in group["name"]:
            continue
        tests = Tests(alerts, group)
        for place, rule in enumerate(group["rules"]):
            if extent == "all" and not tests.pass_on(group, rule["alert"]):
                print(f"{rule['alert']}: its tests do not pass on the rules as they are")
                return 1
            for what, mutation in mutations(rule) if extent == "all" else few(mutations(rule)):
                rules = [mutation if at == place else it for at, it in enumerate(group["rules"])]
                cases.append((rule["alert"], what, tests, group | {"rules": rules}))
    with ThreadPoolExecutor(2) as pool:
        survived = list(pool.map(lambda case: case[2].pass_on(case[3], case[0]), cases))
    missed = [case for case, passed in zip(cases, survived) if passed]
    for alert, what, _, _ in missed:
        print(f"nothing notices: {alert}: {what}")
    print(f"{len(cases) - len(missed)} of {len(cases)} broken rules are noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
