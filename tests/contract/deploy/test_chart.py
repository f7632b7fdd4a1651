"""What the Kubernetes chart must say for the services to work as they are built."""

import copy
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from scripts import render_chart
from services.gateway.config import GatewaySettings
from services.sfu.config import SfuSettings

CI = render_chart.CHART / "ci"
NODE_PORT = render_chart.read_values(CI / "nodeport-values.yaml")
JWKS = render_chart.read_values(CI / "jwks-values.yaml")
HOST_NETWORK = render_chart.read_values(CI / "hostnetwork-values.yaml")

Values = dict[str, Any]


def with_value(values: Values, path: str, value: object) -> Values:
    """A copy of `values` in which the dotted `path` is `value`."""
    changed = copy.deepcopy(values)
    *folders, last = path.split(".")
    inner = changed
    for folder in folders:
        inner = inner.setdefault(folder, {})
    inner[last] = value
    return changed


def find(values: Values, kind: str, name: str) -> dict[str, Any]:
    found = [m for m in render_chart.manifests(values) if m["kind"] == kind]
    return next(m for m in found if m["metadata"]["name"] == name)


def gateway(values: Values = NODE_PORT) -> dict[str, Any]:
    return find(values, "Deployment", "invigil-gateway")


def worker(values: Values = NODE_PORT) -> dict[str, Any]:
    return find(values, "StatefulSet", "invigil-worker")


def pod(workload: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = workload["spec"]["template"]["spec"]
    return spec


def container(workload: dict[str, Any]) -> dict[str, Any]:
    only: dict[str, Any] = pod(workload)["containers"][0]
    return only


def environment(workload: dict[str, Any]) -> dict[str, Any]:
    return {e["name"]: e.get("value", e.get("valueFrom")) for e in container(workload)["env"]}


@pytest.mark.parametrize("path", sorted(CI.glob("*.yaml")), ids=lambda path: path.name)
def test_chart_is_valid_kubernetes_with_every_set_of_values(path: Path) -> None:
    assert render_chart.problems(path) == []


def test_second_gateway_is_refused_with_the_reason() -> None:
    with pytest.raises(helm_python.HelmError, match="exactly one gateway"):
        render_chart.render(with_value(NODE_PORT, "gateway.replicas", 2))


def test_missing_secret_is_refused_with_the_command_that_makes_it() -> None:
    with pytest.raises(helm_python.HelmError, match="kubectl -n proctoring create secret"):
        render_chart.render(with_value(NODE_PORT, "gateway.existingSecret", ""))


def test_media_ports_beyond_the_nodeport_range_are_refused() -> None:
    with pytest.raises(helm_python.HelmError, match="end at 32767"):
        render_chart.render(with_value(NODE_PORT, "worker.media.nodePortBase", 32766))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("gateway.replica", 1),
        ("worker.media.exposure", "hostPort"),
        ("worker.media.nodePortBase", 40000),
        ("telemetry.otlpEndpoint", "collector:4317"),
        ("gateway.ice.stunUrls", ["stun.example.org"]),
        ("gateway.allowedOrigins", ["exam.example.org"]),
        ("gateway.trustedProxies", ["ingress"]),
        ("gateway.limits.connections", 0),
        ("wrker", {}),
    ],
)
def test_misspelt_or_impossible_value_is_refused(path: str, value: object) -> None:
    with pytest.raises(helm_python.HelmError):
        render_chart.render(with_value(NODE_PORT, path, value))


def test_secret_reaches_the_gateway_as_a_file_only() -> None:
    assert environment(gateway())["GATEWAY_JWT_SECRET_FILE"] == "/run/secrets/invigil/jwt-secret"
    volume = next(v for v in pod(gateway())["volumes"] if v["name"] == "secret")
    assert volume["secret"]["secretName"] == "invigil-gateway"
    assert environment(gateway())["GATEWAY_TURN_SECRET_FILE"] == "/run/secrets/invigil/turn-secret"
    assert "GATEWAY_TURN_SECRET" not in environment(gateway())
    assert "GATEWAY_JWT_SECRET" not in environment(gateway())
    assert not [m for m in render_chart.manifests(NODE_PORT) if m["kind"] == "Secret"]


def test_issuers_keys_stand_in_for_the_secret_and_resume_tokens_have_their_own() -> None:
    given = environment(gateway(JWKS))
    assert "GATEWAY_JWT_SECRET_FILE" not in given
    assert given["GATEWAY_RESUME_SECRET_FILE"] == "/run/secrets/invigil/resume-secret"
    volume = next(v for v in pod(gateway(JWKS))["volumes"] if v["name"] == "secret")
    assert [item["key"] for item in volume["secret"]["items"]] == ["resume-secret"]
    with pytest.raises(helm_python.HelmError, match="no token would ever be good"):
        render_chart.render(with_value(JWKS, "gateway.auth.jwksUrl", ""))
    with pytest.raises(helm_python.HelmError, match="literal=resume-secret"):
        render_chart.render(with_value(JWKS, "gateway.existingSecret", ""))


@pytest.mark.parametrize("values", [NODE_PORT, JWKS, HOST_NETWORK], ids=["node", "jwks", "host"])
def test_gateway_starts_with_what_the_chart_gives(
    values: Values, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s" * 32)
    for name, value in environment(gateway(values)).items():
        monkeypatch.setenv(name, str(secret) if name.endswith("_FILE") else str(value))
    settings = GatewaySettings()

    assert settings.allowed_origins == tuple(values["gateway"].get("allowedOrigins", ()))
    assert settings.turn_urls == tuple(values["gateway"].get("ice", {}).get("turnUrls", ()))
    assert settings.jwks_url == values["gateway"].get("auth", {}).get("jwksUrl")
    # The chart's limits are the gateway's own.
    for name in GatewaySettings.model_fields:
        if name.endswith(("_address", "_per_s", "_burst", "_connections", "_message_bytes")):
            assert getattr(settings, name) == GatewaySettings.model_fields[name].default


def test_gateway_knows_every_worker_by_its_own_name() -> None:
    addresses = environment(gateway())["GATEWAY_WORKERS"].split(",")
    assert addresses == [
        f"invigil-worker-{n}.invigil-worker.proctoring.svc:50051" for n in range(3)
    ]
    headless = find(NODE_PORT, "Service", worker()["spec"]["serviceName"])
    assert headless["spec"]["clusterIP"] == "None"
    assert headless["spec"]["publishNotReadyAddresses"] is True
    assert headless["spec"]["ports"][0]["port"] == 50051


def test_every_setting_the_chart_gives_is_one_the_service_reads() -> None:
    for workload, settings, prefix in (
        (gateway(), GatewaySettings, "GATEWAY_"),
        (worker(), SfuSettings, "SFU_"),
        (worker(HOST_NETWORK), SfuSettings, "SFU_"),
    ):
        names = {name.removesuffix("_FILE") for name in environment(workload)}
        given = {name.removeprefix(prefix).lower() for name in names if name.startswith(prefix)}
        assert given
        assert given <= settings.model_fields.keys()


def test_old_gateway_leaves_before_a_new_one_comes() -> None:
    assert gateway()["spec"]["strategy"]["type"] == "Recreate"


def test_workers_do_not_wait_for_each_other() -> None:
    assert worker()["spec"]["podManagementPolicy"] == "Parallel"


def test_each_worker_has_a_media_service_that_selects_it_alone() -> None:
    services = [
        m for m in render_chart.manifests(NODE_PORT) if m["metadata"]["name"].endswith("-media")
    ]
    assert len(services) == 3
    for number, service in enumerate(services):
        spec = service["spec"]
        assert spec["selector"]["statefulset.kubernetes.io/pod-name"] == f"invigil-worker-{number}"
        assert spec["externalTrafficPolicy"] == "Local"
        (port,) = spec["ports"]
        assert port["protocol"] == "UDP"
        assert port["port"] == port["targetPort"] == port["nodePort"] == 31000 + number


def test_worker_binds_the_port_that_its_service_opens() -> None:
    (command,) = container(worker())["args"]
    # Kubernetes reads $$ as $; what is left is what the shell sees.
    assert "SFU_MEDIA_PORT=$$((MEDIA_PORT_BASE + POD_INDEX))" in command
    assert "exec python -m services.sfu" in command
    names = environment(worker())
    assert names["MEDIA_PORT_BASE"] == "31000"
    assert "apps.kubernetes.io/pod-index" in names["POD_INDEX"]["fieldRef"]["fieldPath"]


def test_worker_advertises_its_node_unless_told_another_address() -> None:
    address = environment(worker())["SFU_ADVERTISED_ADDRESS"]
    assert address["fieldRef"]["fieldPath"] == "status.hostIP"
    assert environment(worker(HOST_NETWORK))["SFU_ADVERTISED_ADDRESS"] == "203.0.113.7"


def test_host_network_puts_one_worker_on_a_node_and_makes_no_media_service() -> None:
    spec = pod(worker(HOST_NETWORK))
    assert spec["hostNetwork"] is True
    assert spec["dnsPolicy"] == "ClusterFirstWithHostNet"
    assert "requiredDuringSchedulingIgnoredDuringExecution" in spec["affinity"]["podAntiAffinity"]
    names = [m["metadata"]["name"] for m in render_chart.manifests(HOST_NETWORK)]
    assert not [name for name in names if name.endswith("-media")]


@pytest.mark.parametrize("workload", [gateway(), worker()], ids=["gateway", "worker"])
def test_pods_satisfy_pod_security_restricted(workload: dict[str, Any]) -> None:
    security = pod(workload)["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] > 0
    assert security["seccompProfile"]["type"] == "RuntimeDefault"
    inner = container(workload)["securityContext"]
    assert inner["allowPrivilegeEscalation"] is False
    assert inner["readOnlyRootFilesystem"] is True
    assert inner["capabilities"] == {"drop": ["ALL"]}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod(workload).keys()
    assert pod(workload)["automountServiceAccountToken"] is False


@pytest.mark.parametrize("workload", [gateway(), worker()], ids=["gateway", "worker"])
def test_memory_is_bounded_and_the_processor_is_not_throttled(workload: dict[str, Any]) -> None:
    resources = container(workload)["resources"]
    assert "memory" in resources["limits"]
    assert "cpu" not in resources["limits"]
    assert "cpu" in resources["requests"]


@pytest.mark.parametrize("workload", [gateway(), worker()], ids=["gateway", "worker"])
def test_services_nearby_cannot_change_settings(workload: dict[str, Any]) -> None:
    assert pod(workload)["enableServiceLinks"] is False


def test_probes_ask_what_each_service_serves() -> None:
    assert container(gateway())["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container(gateway())["livenessProbe"]["httpGet"]["path"] == "/healthz"
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container(worker())[probe]["grpc"]["port"] == 50051


def test_selectors_hold_nothing_that_a_new_version_changes() -> None:
    for workload in (gateway(), worker()):
        selector = workload["spec"]["selector"]["matchLabels"]
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert selector.items() <= labels.items()
        assert not {"helm.sh/chart", "app.kubernetes.io/version"} & selector.keys()


def test_telemetry_is_sent_only_where_an_endpoint_is_given() -> None:
    assert environment(worker())["OTEL_EXPORTER_OTLP_ENDPOINT"].startswith("http")
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" not in environment(worker(HOST_NETWORK))


def test_every_default_value_is_known_to_the_schema() -> None:
    values = yaml.safe_load((render_chart.CHART / "values.yaml").read_text())
    with helm_python.Chart.load(render_chart.CHART) as chart:
        chart.validate_schema(values)
