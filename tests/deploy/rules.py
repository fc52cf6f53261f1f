"""What the files of deploy/ promise to each other and to whoever runs them, and no schema can say.

Why by hand: a schema knows which keys there are. It does not know that this program never runs as root, that what runs
is pinned, that a port is the same in nine files, or that a checksum is still the configuration's.

Usage: rules.py ROOT            every rule, over the repository at ROOT
       rules.py pods FILE...    the rules for pods, over manifests that were rendered
       rules.py scripts FILE... the scripts within workflows and actions, as shell scripts into the current directory
"""

import hashlib
import re
import sys
from pathlib import Path

import yaml

PORT = 9877
# Accounts of distroless images.
NOBODY = 65532
DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
COMMIT = re.compile(r"^[^@]+@[0-9a-f]{40}$")
# Workloads whose pods are ours to restrict.
WORKLOADS = {"StatefulSet", "Deployment", "DaemonSet", "Job"}


def documents(path):
    return [it for it in yaml.safe_load_all(path.read_text(encoding="utf-8")) if it]


def version(root):
    return re.search(r'^version = "(.+)"$', (root / "Cargo.toml").read_text(), re.M).group(1)


def manifests(root):
    for path in sorted((root / "deploy/kubernetes").glob("*.yaml")):
        for document in documents(path):
            yield path, document


def named(root, kind):
    return next(document for _, document in manifests(root) if document["kind"] == kind)


def instructions(root):
    """Of the Dockerfile, with continued lines joined and comments gone."""
    text = (root / "deploy/Dockerfile").read_text()
    text = re.sub(r"^#.*\n", "", text, flags=re.M).replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.strip()]


def image_is_pinned_and_runs_as_nobody(root):
    lines = instructions(root)
    for line in lines:
        if line.startswith("FROM ") and not DIGEST.search(line.split()[1]):
            yield f"Dockerfile: {line}: a base without its digest can become another one"
    final = lines[max(i for i, line in enumerate(lines) if line.startswith("FROM ")) :]
    for wanted in [f"USER {NOBODY}:{NOBODY}", "STOPSIGNAL SIGTERM", f"EXPOSE {PORT}", f"ARG VERSION={version(root)}"]:
        if wanted not in final:
            yield f"Dockerfile: the last stage does not say `{wanted}`"
    for word in ["HEALTHCHECK", "ENTRYPOINT", "CMD"]:
        line = next((it for it in final if it.startswith(word)), "")
        if "[" not in line:
            yield f"Dockerfile: {word} is not in exec form, and there is no shell"


def compose_is_pinned_and_stays_on_loopback(root):
    compose = documents(root / "deploy/compose.yaml")[0]
    for name, service in compose["services"].items():
        ours = service["image"] == f"watertight:{version(root)}"
        if not ours and not DIGEST.search(service["image"]):
            yield f"compose.yaml: {name}: {service['image']} has no digest"
        for port in service.get("ports", []):
            if not port.startswith("127.0.0.1:"):
                yield f"compose.yaml: {name}: port {port} is open to everybody"
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith(".") and not (root / "deploy" / source).exists() and source != "./secrets":
                yield f"compose.yaml: {name}: {source} does not exist"


def pod(owner, spec):
    """The restricted profile of Kubernetes, and what is ours beyond it."""
    security = spec.get("securityContext", {})
    if security.get("runAsNonRoot") is not True or security.get("runAsUser") != NOBODY:
        yield f"{owner}: the pod may run as root"
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield f"{owner}: the pod has no seccomp profile"
    if spec.get("automountServiceAccountToken") is not False:
        yield f"{owner}: the pod gets a token of the cluster"
    for key in ["hostNetwork", "hostPID", "hostIPC"]:
        if spec.get(key):
            yield f"{owner}: the pod shares the node's {key[4:]}"
    for volume in spec.get("volumes", []):
        if "hostPath" in volume:
            yield f"{owner}: the volume {volume['name']} is a path of the node"
    for container in spec.get("initContainers", []) + spec["containers"]:
        yield from in_container(f"{owner}: {container['name']}", container)


def in_container(owner, container):
    security = container.get("securityContext", {})
    if security.get("allowPrivilegeEscalation") is not False:
        yield f"{owner}: may gain privileges"
    if security.get("readOnlyRootFilesystem") is not True:
        yield f"{owner}: may write to its image"
    if security.get("privileged") or security.get("capabilities", {}).get("drop") != ["ALL"]:
        yield f"{owner}: keeps capabilities"
    if ":" not in container["image"] or container["image"].endswith(":latest"):
        yield f"{owner}: {container['image']} may be any version"
    if "memory" not in ((container.get("resources") or {}).get("limits") or {}):
        yield f"{owner}: may take all memory of the node"
    for probe, path in [("startup", "healthy"), ("liveness", "healthy"), ("readiness", "ready")]:
        get = container.get(f"{probe}Probe", {}).get("httpGet", {})
        if get.get("path") != f"/-/{path}" or get.get("port") != "http":
            yield f"{owner}: the {probe} probe does not ask /-/{path}"


def workload(owner, document):
    """One daemon holds a store: never two pods, not even for a moment."""
    if document["kind"] not in WORKLOADS:
        return
    spec = document["spec"]
    if document["kind"] != "StatefulSet" or spec.get("replicas") != 1:
        yield f"{owner}: there may be two daemons on one store"
    labels = spec["template"]["metadata"]["labels"]
    if not spec["selector"]["matchLabels"].items() <= labels.items():
        yield f"{owner}: its selector does not find its pods"
    yield from pod(owner, spec["template"]["spec"])


def workloads_are_restricted(root):
    for path, document in manifests(root):
        yield from workload(path.name, document)


def manifests_fit_together(root):
    template = named(root, "StatefulSet")["spec"]["template"]
    labels, spec = template["metadata"]["labels"], template["spec"]
    for kind, selector in [
        ("Service", named(root, "Service")["spec"]["selector"]),
        ("NetworkPolicy", named(root, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"]),
    ]:
        if not selector.items() <= labels.items():
            yield f"{kind}: its selector does not find the pods"
    container = spec["containers"][0]
    if container["ports"] != [{"name": "http", "containerPort": PORT, "protocol": "TCP"}]:
        yield f"statefulset.yaml: the port http is not {PORT}"
    if container["image"] != f"watertight:{version(root)}":
        yield f"statefulset.yaml: the image is not this version, {version(root)}"
    configuration = named(root, "ConfigMap")["data"]["watertight.toml"]
    checksum = hashlib.sha256(configuration.encode()).hexdigest()
    if template["metadata"]["annotations"]["checksum/config"] != checksum:
        yield f"statefulset.yaml: checksum/config has to be {checksum}"
    keys = set(named(root, "Secret")["stringData"])
    for variable in container["env"]:
        if variable["valueFrom"]["secretKeyRef"]["key"] not in keys:
            yield f"statefulset.yaml: {variable['name']} comes from a key that the Secret does not have"
    for file in re.findall(r"file:/run/secrets/watertight/([\w.-]+)", configuration):
        if file not in keys:
            yield f"configmap.yaml: {file} is no key of the Secret"


def kustomization_names_every_manifest(root):
    directory = root / "deploy/kubernetes"
    kustomization = documents(directory / "kustomization.yaml")[0]
    apart = {"kustomization.yaml", "secret.example.yaml"}
    there = {path.name for path in directory.glob("*.yaml")} - apart
    if there != set(kustomization["resources"]):
        yield f"kustomization.yaml: its resources are not {sorted(there)}"
    if [it["newTag"] for it in kustomization["images"]] != [version(root)]:
        yield f"kustomization.yaml: the image is not this version, {version(root)}"


def leaves(values, path=""):
    for key, value in values.items():
        here = f"{path}.{key}" if path else key
        # A table of the operator's own words is one value.
        if isinstance(value, dict) and value and here not in ["secretEnv", "resources", "dashboards.labels"]:
            yield from leaves(value, here)
        else:
            yield here


def chart_explains_every_value(root):
    chart = root / "deploy/helm/watertight"
    told = set(re.findall(r"`([\w.]+)`", (chart / "README.md").read_text()))
    values = documents(chart / "values.yaml")[0]
    for leaf in leaves(values):
        if leaf not in told:
            yield f"helm/watertight/README.md: `{leaf}` is not explained"
    about = documents(chart / "Chart.yaml")[0]
    if about["appVersion"] != version(root):
        yield f"helm/watertight/Chart.yaml: appVersion is not {version(root)}"
    if values["config"] != named(root, "ConfigMap")["data"]["watertight.toml"]:
        yield "helm/watertight/values.yaml: config is not the one of kubernetes/configmap.yaml"


def steps(document):
    """Of a workflow's every job, or of an action."""
    jobs = document.get("jobs", {"action": document.get("runs", {})})
    return [(job, step) for job, body in jobs.items() for step in body.get("steps", [])]


def automation(root):
    folders = ["deploy/action", "deploy/workflows", ".github/workflows"]
    return sorted(path for folder in folders for path in (root / folder).glob("*.yml"))


def actions_are_pinned(root):
    for path in automation(root):
        for _, step in steps(documents(path)[0]):
            uses = step.get("uses", "")
            if uses and not uses.startswith("./") and not COMMIT.match(uses):
                yield f"{path.name}: {uses} is not pinned to a commit"


def everything_is_yaml(root):
    for path in sorted((root / "deploy").rglob("*.y*ml")):
        if "templates" in path.parts:
            continue
        try:
            documents(path)
        except yaml.YAMLError as error:
            yield f"{path.relative_to(root)}: {error}"


RULES = [
    everything_is_yaml,
    image_is_pinned_and_runs_as_nobody,
    compose_is_pinned_and_stays_on_loopback,
    workloads_are_restricted,
    manifests_fit_together,
    kustomization_names_every_manifest,
    chart_explains_every_value,
    actions_are_pinned,
]


def scripts(paths):
    """An expression is no shell, and by another rule it stands in no script."""
    for path in map(Path, paths):
        for number, (job, step) in enumerate(steps(documents(path)[0]), 1):
            if "run" in step:
                name = f"{path.stem}-{job}-{number}.sh"
                text = re.sub(r"\$\{\{.*?\}\}", "expression", step["run"])
                Path(name).write_text(f"#!/usr/bin/env bash\n{text}\n", encoding="utf-8")


def main(arguments):
    if arguments[0] == "scripts":
        scripts(arguments[1:])
        return 0
    if arguments[0] == "pods":
        problems = [
            problem
            for path in map(Path, arguments[1:])
            for document in documents(path)
            for problem in workload(path.name, document)
        ]
    else:
        root = Path(arguments[0])
        problems = [problem for rule in RULES for problem in rule(root)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
