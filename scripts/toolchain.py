"""The compilers and programs this project needs: where they are, and how a machine gets them."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

RUST_FLOOR = (1, 85)
NODE_FLOOR = (20, 0)
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FIREFOX_NAMES = ("firefox-esr", "firefox")


@dataclass(frozen=True, slots=True)
class Tool:
    """Something outside the virtual environment, and the words to say when it is missing.

    `debian` are the packages that hold it; a machine that is not Debian, or not run by root, is
    told `remedy` instead.
    """

    name: str
    debian: tuple[str, ...]
    remedy: str


C_COMPILER = Tool("a C compiler", ("gcc", "libc6-dev"), "install gcc or clang")
RUST = Tool(
    "Rust 1.85 or newer (rustc and cargo)",
    # Debian 12's plain rustc is 1.63; the -web packages follow Firefox's and Chromium's needs.
    ("rustc-web", "cargo-web"),
    "rustup toolchain install stable",
)
RUST_LINTERS = Tool(
    "rustfmt and clippy",
    ("rustfmt-web", "rust-web-clippy"),
    "rustup component add rustfmt clippy",
)
CHROMIUM = Tool("Chromium", ("chromium",), "install Chromium")
FIREFOX = Tool("Firefox", ("firefox-esr",), "install Firefox ESR")
NETWORK = Tool(
    "ip, iptables and unshare", ("iproute2", "iptables", "util-linux"), "install iproute2, iptables"
)
# Tests ask a real TURN server whether it takes the credentials that clients are given.
COTURN = Tool("coturn", ("coturn",), "install coturn (turnserver and turnutils_uclient)")

# The Python of Debian's packages, whose bindings no virtual environment can hold.
SYSTEM_PYTHON = Path("/usr/bin/python3")
WEBRTCBIN = Tool(
    "GStreamer's webrtcbin",
    (
        "gstreamer1.0-plugins-bad",
        "gstreamer1.0-plugins-good",
        "gstreamer1.0-nice",
        "gir1.2-gst-plugins-bad-1.0",
        "python3-gst-1.0",
    ),
    "install GStreamer with webrtcbin and its Python bindings",
)


class MissingError(Exception):
    """Something is missing that only the person at the machine can install."""


def version_of(command: str) -> tuple[int, ...]:
    """The version a program prints of itself; (0,) if it does not run."""
    try:
        result = subprocess.run(
            [command, "--version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return (0,)
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", result.stdout)
    return tuple(int(part) for part in match.groups(default="0")) if match else (0,)


def rust_folder() -> Path | None:
    """The folder of a rustc and a cargo that are both new enough."""
    # Debian's packages live in /usr/bin, which an old toolchain may hide on PATH.
    for folder in [*os.get_exec_path(), str(Path.home() / ".cargo" / "bin"), "/usr/bin"]:
        rustc, cargo = Path(folder) / "rustc", Path(folder) / "cargo"
        is_pair = rustc.exists() and cargo.exists()
        if is_pair and min(version_of(str(rustc)), version_of(str(cargo))) >= RUST_FLOOR:
            return Path(folder)
    return None


def wheel_node_folder() -> Path | None:
    """The folder of the Node that came from PyPI into this virtual environment, if it did."""
    folder = Path(sys.prefix) / "bin"
    return folder if (folder / "node").exists() else None


def node_folder() -> Path | None:
    """The folder of a Node (with npm) that is new enough: this machine's own, else from PyPI."""
    for folder in os.get_exec_path():
        node, npm = Path(folder) / "node", Path(folder) / "npm"
        if node.exists() and npm.exists() and version_of(str(node)) >= NODE_FLOOR:
            return Path(folder)
    return wheel_node_folder()


def chromium() -> str | None:
    """Where a Chromium is, as the browser tests look for it."""
    given = os.environ.get("CHROMIUM")
    return given or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


def has_webrtcbin() -> bool:
    """Whether the system's Python can drive GStreamer's webrtcbin over libnice."""
    script = (
        "import gi; gi.require_version('GstWebRTC', '1.0')\n"
        "from gi.repository import Gst, GstWebRTC\n"
        "Gst.init(None); names = ('webrtcbin', 'nicesrc', 'vp8enc', 'rtpvp8pay', 'opusenc')\n"
        "raise SystemExit(not all(Gst.ElementFactory.find(name) for name in names))"
    )
    try:
        subprocess.run([SYSTEM_PYTHON, "-c", script], capture_output=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def firefox() -> str | None:
    """Where a Firefox is, as the browser tests look for it."""
    given = os.environ.get("FIREFOX")
    return given or next(filter(None, map(shutil.which, FIREFOX_NAMES)), None)


def has_rust_linters() -> bool:
    folder = rust_folder()
    return folder is not None and all(
        version_of(str(folder / name)) > (0,) for name in ("cargo-fmt", "cargo-clippy")
    )


def has_coturn() -> bool:
    return all(shutil.which(name) for name in ("turnserver", "turnutils_uclient"))


def missing_tools(
    *,
    linters: bool,
    browser: bool,
    both_browsers: bool = False,
    turn: bool = False,
    network: bool = False,
) -> list[Tool]:
    """What this machine lacks, in the order in which to say it."""
    found = {
        C_COMPILER: any(shutil.which(name) for name in ("cc", "gcc", "clang")),
        RUST: rust_folder() is not None,
        RUST_LINTERS: not linters or has_rust_linters(),
        CHROMIUM: not browser or chromium() is not None,
        FIREFOX: not both_browsers or firefox() is not None,
        NETWORK: not network or all(map(shutil.which, ("ip", "iptables", "unshare"))),
        COTURN: not turn or has_coturn(),
    }
    return [tool for tool, is_there in found.items() if not is_there]


def install_command(tools: list[Tool]) -> list[str]:
    """How Debian installs `tools`."""
    packages = [package for tool in tools for package in tool.debian]
    return ["apt-get", "install", "--yes", "--no-install-recommends", *packages]


def can_use_apt() -> bool:
    return Path("/etc/debian_version").exists() and os.geteuid() == 0


def explain(tools: list[Tool]) -> str:
    """What to type so that nothing is missing."""
    lines = ["This machine lacks " + ", ".join(tool.name for tool in tools) + ". Please run"]
    if shutil.which("apt-get"):
        lines.append("    sudo " + " ".join(install_command(tools)))
    else:
        lines += [f"    {tool.remedy}" for tool in tools]
    return "\n".join([*lines, "and start again."])


def environment() -> dict[str, str]:
    """This process's environment, in which the toolchains found are first on PATH."""
    folders = [Path(sys.prefix) / "bin", rust_folder(), node_folder()]
    found = [str(folder) for folder in folders if folder is not None]
    path = os.pathsep.join([*found, os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, "VIRTUAL_ENV": sys.prefix}
