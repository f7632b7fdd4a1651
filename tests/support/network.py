"""Hosts on a wire of their own: network namespaces joined by a bridge, and loss on the way.

Nothing of it has a name outside: a namespace lives as long as a process in it, and each of these
waits for the end of a pipe that this process holds. When this process ends, however it ends, the
kernel takes down processes, namespaces, links and rules.
"""

import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

# Of TEST-NET-2 (RFC 5737): no real network is shadowed.
PREFIX = "198.51.100"
SERVICES = f"{PREFIX}.1"
BRIDGE = "wire"


@dataclass(frozen=True, slots=True)
class Host:
    """A network namespace with one interface on the bridge."""

    address: str
    namespace: Path

    def run(self, *command: str) -> str:
        """What a command prints in here. subprocess.CalledProcessError when it fails."""
        return _run(*self.enter(*command))

    def enter(self, *command: str) -> Sequence[str]:
        """The command line that runs a command in here."""
        return ("nsenter", f"--net={self.namespace}", "--", *command)

    def program(self, folder: Path, executable: str) -> Path:
        """A program that runs `executable` in here, for who can start only a program."""
        path = folder / f"{Path(executable).name}-{self.address}"
        line = shlex.join(self.enter(executable))
        path.write_text(f'#!/bin/sh\nexec {line} "$@"\n')
        path.chmod(0o755)
        return path

    def lose(self, share: float, source: str) -> "Loss":
        """Drop this share of the datagrams that come from `source`, 0 to 1; TCP passes."""
        # On the way in: dropped on the way out, a packet is an error of its sender's socket.
        return Loss(self, share, source)


class Loss:
    """Rules of iptables that count what comes and drop some of it at random."""

    def __init__(self, host: Host, share: float, source: str) -> None:
        self._host = host
        matched = ("INPUT", "--protocol", "udp", "--source", source)
        chance = ("--match", "statistic", "--mode", "random", "--probability", str(share))
        self._dropping = (*matched, *chance, "--jump", "DROP")
        host.run("iptables", "--append", *matched)
        host.run("iptables", "--append", *self._dropping)

    def counts(self) -> tuple[int, int]:
        """Datagrams that came, and those of them that were dropped."""
        listed = self._host.run("iptables", "--numeric", "--verbose", "--exact", "--list", "INPUT")
        came, dropped = map(int, re.findall(r"^\s*(\d+)\s+\d+", listed, re.MULTILINE))
        return came, dropped

    def stop(self) -> None:
        """Let everything through from here on."""
        self._host.run("iptables", "--delete", *self._dropping)


@contextmanager
def isolated_hosts(count: int) -> Iterator[list[Host]]:
    """This process's namespace, with the address SERVICES, and `count` more on the same wire.

    This process must be alone in a namespace of its own: run it by `unshare --net`. It needs root,
    iproute2 and iptables.
    """
    # In a new namespace not even the loopback is up.
    assert not _run("ip", "-brief", "link", "show", "up"), "not a new namespace: unshare --net"
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "link", "add", BRIDGE, "type", "bridge")
    _run("ip", "address", "add", f"{SERVICES}/24", "dev", BRIDGE)
    _run("ip", "link", "set", BRIDGE, "up")
    with ExitStack() as stack:
        others = [stack.enter_context(_host(number)) for number in range(2, 2 + count)]
        yield [Host(SERVICES, Path("/proc/self/ns/net")), *others]


@contextmanager
def _host(number: int) -> Iterator[Host]:
    keeper = subprocess.Popen(
        ["unshare", "--net", "cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        # It is to outlive Ctrl-C until those inside have ended.
        start_new_session=True,
    )
    try:
        assert keeper.stdin is not None
        assert keeper.stdout is not None
        # The echo shows that it is cat that runs, in its own namespace.
        keeper.stdin.write(b".")
        assert keeper.stdout.read(1) == b"."
        host = Host(f"{PREFIX}.{number}", Path(f"/proc/{keeper.pid}/ns/net"))
        _plug_in(host, f"host{number}", keeper.pid)
        yield host
    finally:
        keeper.kill()
        keeper.communicate()


def _plug_in(host: Host, port: str, process: int) -> None:
    ends = ("type", "veth", "peer", "name", "eth0", "netns", str(process))
    _run("ip", "link", "add", port, *ends)
    _run("ip", "link", "set", port, "master", BRIDGE, "up")
    host.run("ip", "link", "set", "lo", "up")
    host.run("ip", "address", "add", f"{host.address}/24", "dev", "eth0")
    host.run("ip", "link", "set", "eth0", "up")


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
