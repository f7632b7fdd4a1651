"""Ask whether a port is free, and whether a service on this machine is ready."""

import socket
import ssl
import urllib.error
import urllib.request

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

ANSWER_WITHIN_S = 1.0


def is_free(kind: str, port: int) -> bool:
    """Whether a service could listen on `port`; `kind` is TCP or UDP."""
    with socket.socket(type=socket.SOCK_STREAM if kind == "TCP" else socket.SOCK_DGRAM) as probe:
        if kind == "TCP":
            # As servers do: connections of an earlier start that are still closing are no matter.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
            if kind == "TCP":
                probe.listen(1)
        except OSError:
            return False
    return True


def worker_is_ready(address: str) -> bool:
    """Whether the worker's grpc.health.v1 says SERVING."""
    with grpc.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            reply = stub.Check(health_pb2.HealthCheckRequest(), timeout=ANSWER_WITHIN_S)
        except grpc.RpcError:
            return False
    return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)


def gateway_is_ready(url: str) -> bool:
    """Whether the gateway answers 200. Its certificate is the developer's own: not judged here."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        with opener.open(url, timeout=ANSWER_WITHIN_S) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False
