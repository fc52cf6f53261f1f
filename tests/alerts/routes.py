"""Whom an alert reaches by alertmanager.yml, asked of Alertmanager's own tool: routes.py ALERTS.

Why with mutations: a route that is never taken looks like one that is right. So each matcher, receiver and nesting is
broken, one at a time, and some row of the table has to notice. Of inhibition no tool tells: tests/alerting.rs lives it.
"""

import copy
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

# Labels of an alert, and who hears of it.
ROUTED = [
    ("alertname=Watchdog severity=none", "deadman"),
    ("alertname=WatertightTenantBreached severity=critical job=watertight tenant=acme", "page"),
    ("alertname=WatertightTenantsBreached severity=critical job=watertight", "page"),
    ("alertname=WatertightNoLeader severity=critical job=watertight", "page"),
    ("alertname=WatertightTenantUnreachable severity=warning job=watertight tenant=acme", "ticket"),
    ("alertname=WatertightProbeErrorBudgetBurn severity=warning window=6h", "ticket"),
    ("alertname=WatertightGithubRateLimitLow severity=info resource=core", "nobody"),
    ("alertname=SomebodyElses", "ticket"),
    ("alertname=SomebodyElses severity=none", "ticket"),
]


def amtool(configuration, *arguments):
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        file.write(configuration if isinstance(configuration, str) else yaml.safe_dump(configuration))
        file.flush()
        command = ["amtool", *(it.replace("FILE", file.name) for it in arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return None if done.returncode == 0 else f"{done.stdout}{done.stderr}".strip()


def wrong(configuration):
    """The first row that does not hold, if there is one."""
    for labels, receiver in ROUTED:
        said = amtool(
            configuration, "config", "routes", "test", "--config.file=FILE", f"--verify.receivers={receiver}", *labels.split()
        )
        if said:
            return f"{labels}: {said}"
    return None


def mutations(configuration):
    routes = configuration["route"]["routes"]
    for place, route in enumerate(routes):
        for what, change in [
            ("is gone", None),
            ("goes to another", {"receiver": "ticket" if route["receiver"] != "ticket" else "page"}),
            ("matches another severity", {"matchers": [re.sub(r'"\w+"', '"other"', it) for it in route["matchers"]]}),
            ("matches everything", {"matchers": []}),
        ]:
            # What is a warning would reach the same receiver by the root.
            if route["receiver"] == configuration["route"]["receiver"] and what != "goes to another":
                continue
            mutation = copy.deepcopy(configuration)
            if change is None:
                del mutation["route"]["routes"][place]
            else:
                mutation["route"]["routes"][place].update(change)
            yield f"the route to {route['receiver']} {what}", mutation
    mutation = copy.deepcopy(configuration)
    mutation["route"]["receiver"] = "nobody"
    yield "the root tells nobody", mutation


def alive(text):
    """With every example of a receiver brought to life."""
    before, receivers = text.split("\nreceivers:")
    return before + "\nreceivers:" + re.sub(r"(?m)^    # ", "    ", receivers)


def problems(text):
    said = amtool(text, "check-config", "FILE")
    if said:
        yield said
        return
    said = amtool(alive(text), "check-config", "FILE")
    if said or "# webhook_configs" in alive(text):
        yield f"the examples of receivers are not read: {said}"
    configuration = yaml.safe_load(text)
    said = wrong(configuration)
    if said:
        yield said
        return
    for what, mutation in mutations(configuration):
        if not amtool(mutation, "check-config", "FILE") and not wrong(mutation):
            yield f"no row notices that {what}"


def main(alerts):
    told = list(problems((Path(alerts) / "alertmanager.yml").read_text(encoding="utf-8")))
    for problem in told:
        print(problem)
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
