"""Coral Edge TPUs: the names of libedgetpu, the devices that the system sees, and what keeps one from being used.

It opens no device and loads no library. Ids, groups and files are those of Coral's documentation and of its driver
(gasket, apex).
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

from mobiclass._system import read_text
from mobiclass.choices import EDGETPU_PATTERN

_LIBRARIES: Final = {
    "darwin": ("libedgetpu.1.dylib",),
    "win32": ("edgetpu.dll",),
}
LIBRARIES: Final = _LIBRARIES.get(sys.platform, ("libedgetpu.so.1", "libedgetpu.so.1.0"))
"""The file names of libedgetpu on this system, the usual one first."""

_INSTALL: Final = {
    "darwin": "install libedgetpu from Coral's archive edgetpu_runtime (https://coral.ai/software)",
    "win32": "install libedgetpu from Coral's archive edgetpu_runtime (https://coral.ai/software)",
}
INSTALL: Final = _INSTALL.get(sys.platform, "install Debian's package libedgetpu1-std (https://coral.ai/software)")
"""How to get libedgetpu on this system."""

_UPDATE: Final = {"linux": "`sudo apt install --only-upgrade libedgetpu1-std`"}
UPDATE: Final = _UPDATE.get(sys.platform, "https://coral.ai/software")
"""How to get a newer libedgetpu on this system."""

DeviceKind: TypeAlias = Literal["usb", "pci"]

USB_ID_BEFORE_USE: Final = "1a6e:089a"
"""The boot loader's, until a program has uploaded the firmware."""
USB_ID_AFTER_USE: Final = "18d1:9302"
PCI_ID: Final = "1ac1:089a"

_USB_3_MEGABITS: Final = 5000
_GROUPS: Final[dict[DeviceKind, str]] = {"usb": "plugdev", "pci": "apex"}
_NAMES: Final[dict[DeviceKind, str]] = {"usb": "USB Edge TPU", "pci": "PCIe Edge TPU"}
_PLUG_IN: Final[dict[DeviceKind, str]] = {
    "usb": f"plug it in, on a port with enough power and with a cable for data (`lsusb` then shows "
    f"{USB_ID_BEFORE_USE}, or {USB_ID_AFTER_USE} after first use)",
    "pci": f"seat the card and enable the slot (`lspci -nn` then shows {PCI_ID})",
}


@dataclass(frozen=True, slots=True)
class EdgeTpuDevice:
    """An Edge TPU that the system sees.

    Attributes:
        kind: how it is connected.
        place: its place on the bus (``1-1.3``, ``0000:01:00.0``), or ``apex_N`` where that is not known.
        node: its device file, whether or not that exists; ``None`` for a PCIe device without
            driver.
        initialized: whether it is ready: a USB device has its firmware, a PCIe device its driver.
        accessible: whether this user may open `node` to read and write.
        group: the group that owns `node`; ``None`` where it does not exist.
        usb_megabits: the speed of its USB connection in Mbit/s (480: USB 2, 5000: USB 3), ``None`` if unknown.
        temperature_celsius: of a PCIe device, ``None`` if unknown.
    """

    kind: DeviceKind
    place: str
    node: Path | None
    initialized: bool
    accessible: bool
    group: str | None = None
    usb_megabits: int | None = None
    temperature_celsius: float | None = None

    def __str__(self) -> str:
        """Describe it: ``a USB Edge TPU (1-1.3, after first use, USB 3)``."""
        facts = [self.place]
        if self.kind == "usb":
            facts.append("after first use" if self.initialized else "before first use")
        if self.usb_megabits:
            facts.append("USB 3" if self.usb_megabits >= _USB_3_MEGABITS else f"only USB 2, {self.usb_megabits} Mbit/s")
        if self.temperature_celsius is not None:
            facts.append(f"{self.temperature_celsius:.0f} °C")
        return f"a {_NAMES[self.kind]} ({', '.join(facts)})"


class Advice(NamedTuple):
    """What was seen, and the next step; as text, both in one sentence without a full stop."""

    seen: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.seen}: {self.next_step}"


def device_option(device: str) -> str:
    """Translate `device`, an ``edgetpu…`` of ``--device``, to the option that libedgetpu knows it by.

    Raises:
        ValueError: it is no Edge TPU.
    """
    match = EDGETPU_PATTERN.fullmatch(device)
    if match is None:
        raise ValueError(f"not an Edge TPU device: {device!r}")
    name = match["device"] or ""
    return f":{name}" if name.isdecimal() else name  # the N-th device of any kind


def find_devices(root: Path = Path("/")) -> tuple[EdgeTpuDevice, ...] | None:
    """List the Edge TPUs that the system under `root` sees, those on USB first.

    Returns:
        The devices; ``None`` where the system has no sysfs: macOS, Windows, some containers.
    """
    if not (root / "sys/bus").is_dir():
        return None
    return (*_usb_devices(root), *_pci_devices(root))


def advise(devices: Sequence[EdgeTpuDevice] | None, kind: DeviceKind | None = None) -> Advice:
    """Say what keeps a program from using one of `devices` (of `find_devices`), and what to do.

    `kind` is the connection asked for, ``None`` for any.
    """
    if devices is None:
        return Advice(
            "this system does not tell whether an Edge TPU is connected",
            "check that it is plugged in and that no other program uses it",
        )
    wanted = [device for device in devices if kind in (None, device.kind)]
    if not wanted:
        return _advise_without(devices, kind)
    # Advise on the one that is nearest to working.
    device = max(wanted, key=lambda one: (one.accessible, one.node is not None, one.initialized))
    seen = f"{device} is connected"
    if device.accessible:
        return Advice(
            f"{seen} and this user may use it",
            "end other programs that use it, in containers too; otherwise connect it again and look at `dmesg`",
        )
    if device.kind == "pci" and device.node is None:
        return Advice(
            f"{seen}, but its driver is not loaded (there is no /dev/apex_0)",
            "`sudo modprobe apex`, after installing Coral's driver package gasket-dkms if that fails",
        )
    if device.group is None:
        return Advice(
            f"{seen}, but its device file{f' {device.node}' if device.node else ''} is missing",
            "give it to the container (docker run --device /dev/apex_0, or -v /dev/bus/usb:/dev/bus/usb --privileged), "
            "or connect it again",
        )
    return Advice(f"{seen}, but this user may not open {device.node}", _how_to_access(device, device.group))


def _advise_without(devices: Sequence[EdgeTpuDevice], kind: DeviceKind | None) -> Advice:
    if kind is not None and devices:
        return Advice(
            f"no {_NAMES[kind]} is connected, but {devices[0]} is",
            f"use --device edgetpu:{devices[0].kind}, or {_PLUG_IN[kind]}",
        )
    if kind is not None:
        return Advice(f"no {_NAMES[kind]} is connected", _PLUG_IN[kind])
    return Advice("no Edge TPU is connected", f"USB: {_PLUG_IN['usb']}; PCIe: {_PLUG_IN['pci']}")


def _how_to_access(device: EdgeTpuDevice, group: str) -> str:
    """Say how this user gets access to a device file that `group` owns."""
    usual = _GROUPS[device.kind]
    if group != usual:
        return (
            f"it belongs to the group {group} because a udev rule is missing: install one that gives it to {usual} "
            "(Debian's libedgetpu1-std brings that for USB), `sudo udevadm control --reload`, connect it again"
        )
    if _joined_since_login(group):
        return f"this user has joined the group {group} since logging in: log out and in again"
    return f'`sudo usermod -aG {group} "$USER"`, then log out and in again'


def _joined_since_login(group: str) -> bool:
    """Whether this user has become a member of `group` since this session began."""
    with contextlib.suppress(ImportError, KeyError):
        import grp
        import pwd

        entry = grp.getgrnam(group)
        return pwd.getpwuid(os.geteuid()).pw_name in entry.gr_mem and entry.gr_gid not in os.getgroups()
    return False


def _usb_devices(root: Path) -> Iterator[EdgeTpuDevice]:
    for folder in sorted((root / "sys/bus/usb/devices").glob("*")):
        usb_id = f"{read_text(folder / 'idVendor')}:{read_text(folder / 'idProduct')}".lower()
        if usb_id not in (USB_ID_BEFORE_USE, USB_ID_AFTER_USE):
            continue
        bus, number = _number(folder / "busnum"), _number(folder / "devnum")
        node = None if bus is None or number is None else root / f"dev/bus/usb/{bus:03}/{number:03}"
        yield EdgeTpuDevice(
            "usb", folder.name, node, usb_id == USB_ID_AFTER_USE, *_access(node),
            usb_megabits=_number(folder / "speed"),
        )  # fmt: skip


def _pci_devices(root: Path) -> Iterator[EdgeTpuDevice]:
    """Yield the devices that have a driver, then those on the bus that have none."""
    with_driver = set()
    for node in sorted((root / "dev").glob("apex_*")):
        if not re.fullmatch(r"apex_\d+", node.name):
            continue
        folder = root / "sys/class/apex" / node.name
        address = Path(os.path.realpath(folder / "device")).name if (folder / "device").exists() else node.name
        with_driver.add(address)
        millidegrees = _number(folder / "temp")
        yield EdgeTpuDevice(
            "pci", address, node, True, *_access(node),
            temperature_celsius=None if millidegrees is None else millidegrees / 1000,
        )  # fmt: skip
    for folder in sorted((root / "sys/bus/pci/devices").glob("*")):
        pci_id = ":".join(str(read_text(folder / name)).lower().removeprefix("0x") for name in ("vendor", "device"))
        known = folder.name in with_driver or any(address.startswith("apex_") for address in with_driver)
        if pci_id == PCI_ID and not known:
            yield EdgeTpuDevice("pci", folder.name, None, False, False)


def _access(node: Path | None) -> tuple[bool, str | None]:
    """Whether this user may read and write `node`, and the group that owns it, ``None`` where it does not exist."""
    if node is None:
        return False, None
    try:
        owner = node.stat().st_gid
    except OSError:
        return False, None
    group = str(owner)
    with contextlib.suppress(ImportError, KeyError):
        import grp

        group = grp.getgrgid(owner).gr_name
    effective = os.access in os.supports_effective_ids
    return os.access(node, os.R_OK | os.W_OK, effective_ids=effective), group


def _number(path: Path) -> int | None:
    try:
        return int(float(read_text(path) or ""))  # the slowest speed of USB is 1.5
    except (OverflowError, ValueError):
        return None
