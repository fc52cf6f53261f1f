"""Lints and renders the chart with Helm's own engine: chart.py CHART DIRECTORY writes one folder per case.

Why several cases: a template is right or wrong only for values that reach its branches. What must be refused is a case as
well.
"""

import sys
from pathlib import Path

import helm_python as helm

# What each case sets, and the objects that it has to give.
BARE = {"ServiceAccount", "ConfigMap", "Service", "StatefulSet", "NetworkPolicy"}
RENDERED = {
    "default": ({}, BARE),
    "everything": (
        {
            "image": {"digest": "sha256:" + "0" * 64},
            "imagePullSecrets": [{"name": "registry"}],
            "existingSecret": "watertight",
            "extraEnv": [{"name": "RUST_LOG", "value": "info"}],
            "persistence": {"storageClass": "fast", "accessMode": "ReadWriteOncePod"},
            "service": {"annotations": {"a.example/b": "c"}},
            "ingress": {
                "enabled": True,
                "className": "nginx",
                "annotations": {"a.example/b": "c"},
                "hosts": ["watertight.example"],
                "tls": [{"hosts": ["watertight.example"], "secretName": "tls"}],
            },
            "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
            "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}, "runbooks": "https://wiki.example/runbooks", "grafana": "https://grafana.example"},
            "dashboards": {"enabled": True},
            "serviceAccount": {"annotations": {"a.example/b": "c"}},
            "podAnnotations": {"a.example/b": "c"},
            "podLabels": {"team": "platform"},
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "tolerations": [{"key": "a", "operator": "Exists"}],
            "affinity": {"nodeAffinity": {}},
            "priorityClassName": "high",
        },
        BARE | {"Ingress", "ServiceMonitor", "PrometheusRule"},
    ),
    "shut": ({"networkPolicy": {"from": [], "databasePorts": []}}, BARE),
    "open": ({"networkPolicy": {"enabled": False}}, BARE - {"NetworkPolicy"}),
}

REFUSED = {
    "a second daemon on one store": {"replicas": 2},
    "a misspelt key": {"image": {"repo": "watertight"}},
    "a port out of range": {"service": {"port": 70000}},
    "a digest that is none": {"image": {"digest": "latest"}},
    "a claim that several nodes may write to": {"persistence": {"accessMode": "ReadWriteMany"}},
    "an empty configuration": {"config": ""},
}

# In place of alerts/ and dashboards/: what matters here is that a template which is not ours comes through untouched.
RULES = """
groups:
  - name: planted
    rules:
      - alert: Planted
        expr: vector(1)
        annotations:
          description: "{{ $labels.tenant }}"
          runbook_url: http://localhost:9090/user/runbooks/Planted.md
          dashboard_url: http://localhost:3000/d/planted
"""
DASHBOARD = '{"title": "{{ planted }}"}'


def kinds(rendered):
    lines = "\n".join(rendered.values()).splitlines()
    return {line.removeprefix("kind: ") for line in lines if line.startswith("kind: ")}


def render(chart, name, directory):
    values, expected = RENDERED[name]
    rendered = chart.render(values, name="prod", namespace="watertight")
    if kinds(rendered) != expected:
        yield f"{name}: it gives {sorted(kinds(rendered))}, not {sorted(expected)}"
    if name == "everything":
        for wanted in ["{{ $labels.tenant }}", DASHBOARD, "https://wiki.example/runbooks/Planted.md", "https://grafana.example/d/planted"]:
            if wanted not in "\n".join(rendered.values()):
                yield f"{name}: {wanted} did not come through"
    into = directory / name
    into.mkdir(parents=True, exist_ok=True)
    for template, text in rendered.items():
        if text.strip() and template.endswith(".yaml"):
            (into / Path(template).name).write_text(text, encoding="utf-8")


def problems(source, directory):
    for folder, file, text in [("alerts", "planted.rules.yml", RULES), ("dashboards", "planted.json", DASHBOARD)]:
        place = source / "files" / folder / file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    for message in helm.lint(source, strict=True)["messages"]:
        # An icon is a matter of catalogues.
        if message["severity"] > 1:
            yield f"lint: {message['path']}: {message['error']}"
    with helm.Chart.load(source) as chart:
        for name in RENDERED:
            yield from render(chart, name, directory)
        for what, values in REFUSED.items():
            try:
                chart.validate_schema(values)
                yield f"{what} is not refused"
            except helm.HelmError:
                pass


def main(source, directory):
    try:
        told = list(problems(Path(source), Path(directory)))
    except helm.HelmError as error:
        told = [str(error)]
    for problem in told:
        print(problem)
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
