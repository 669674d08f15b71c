"""Finding Edge TPUs in trees laid out as Linux lays them out, and what is said of them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mobiclass.runtime.edgetpu.devices import EdgeTpuDevice, advise, find_devices
from tests.support.program import environment
from tests.support.sysfs import add_apex, add_pci, add_usb

# What another user sees: root may open everything, and the tests may be run by root.
AS_ANOTHER = (
    "import grp, os, pwd, sys; from pathlib import Path; from mobiclass.runtime import advise, find_devices; "
    "os.setgroups([]); os.setgid(65534); os.setuid(65534); devices = find_devices(Path(sys.argv[1])); "
    "print(devices[0].accessible, devices[0].group, advise(devices), sep='|')"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give an empty tree with the buses of a Linux system."""
    return with_buses(tmp_path)


@pytest.fixture
def open_root() -> Iterator[Path]:
    """Give such a tree where others may look into it too, which pytest's own folders do not allow."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield with_buses(Path(folder))


def with_buses(root: Path) -> Path:
    for bus in ("usb", "pci"):
        (root / "sys/bus" / bus / "devices").mkdir(parents=True)
    return root


def only(root: Path) -> EdgeTpuDevice:
    devices = find_devices(root)
    assert devices is not None
    (device,) = devices
    return device


def test_a_system_without_sysfs_cannot_be_looked_into(tmp_path: Path) -> None:
    assert find_devices(tmp_path) is None
    assert "this system does not tell" in advise(None).seen


def test_nothing_is_found_where_nothing_is(root: Path) -> None:
    add_usb(root, "1d6b:0002", place="usb1", number=1)
    add_usb(root, "18d1:4ee7", place="1-1", number=2)  # a phone of the same vendor
    add_pci(root, ids="1ac1:0001")
    assert find_devices(root) == ()
    text = str(advise(()))
    for part in ("no Edge TPU is connected: ", "1a6e:089a", "18d1:9302", "1ac1:089a", "power", "lsusb", "lspci"):
        assert part in text


def test_a_usb_device_before_its_first_use(root: Path) -> None:
    node = add_usb(root, "1a6e:089a", speed="480")
    device = only(root)
    assert (device.kind, device.place, device.node, device.initialized) == ("usb", "1-1.3", node, False)
    assert (device.accessible, device.usb_megabits, device.temperature_celsius) == (True, 480, None)
    assert str(device) == "a USB Edge TPU (1-1.3, before first use, only USB 2, 480 Mbit/s)"


def test_a_usb_device_after_its_first_use(root: Path) -> None:
    add_usb(root, "18d1:9302")
    device = only(root)
    assert device.initialized
    assert device.usb_megabits == 5000
    assert str(device) == "a USB Edge TPU (1-1.3, after first use, USB 3)"


def test_a_pcie_device_with_its_driver(root: Path) -> None:
    node = add_apex(root, temp="45050")
    device = only(root)
    assert (device.kind, device.place, device.node, device.initialized) == ("pci", "0000:01:00.0", node, True)
    assert (device.accessible, device.usb_megabits, device.temperature_celsius) == (True, None, 45.05)
    assert str(device) == "a PCIe Edge TPU (0000:01:00.0, 45 °C)"


def test_a_pcie_device_of_an_unknown_place(root: Path) -> None:
    add_pci(root)
    add_apex(root, address=None, temp="garbage")
    device = only(root)
    assert (device.place, device.temperature_celsius) == ("apex_0", None)


def test_several_devices_come_usb_first(root: Path) -> None:
    add_apex(root, number=0)
    add_apex(root, number=1, address="0000:02:00.0")
    add_pci(root, address="0000:03:00.0")
    add_usb(root, "1a6e:089a", place="2-1", number=5)
    add_usb(root, "18d1:9302", place="1-1.2", number=4)
    devices = find_devices(root)
    assert devices is not None
    assert [(device.kind, device.place, device.initialized) for device in devices] == [
        ("usb", "1-1.2", True),
        ("usb", "2-1", False),
        ("pci", "0000:01:00.0", True),
        ("pci", "0000:02:00.0", True),
        ("pci", "0000:03:00.0", False),
    ]


def test_files_that_are_no_devices_are_passed_over(root: Path) -> None:
    add_usb(root, "1a6e:089a")
    (root / "sys/bus/usb/devices/1-1.3/idProduct").write_bytes(b"\xff\x00")
    (root / "dev/apex_backup").touch()
    assert find_devices(root) == ()


def test_a_device_without_numbers_has_no_device_file(root: Path) -> None:
    add_usb(root, "1a6e:089a")
    for name in ("busnum", "speed"):
        (root / f"sys/bus/usb/devices/1-1.3/{name}").write_text("inf\n")
    device = only(root)
    assert (device.node, device.accessible, device.usb_megabits) == (None, False, None)
    assert "but its device file is missing" in str(advise((device,)))


def test_a_missing_driver_is_named(root: Path) -> None:
    add_pci(root)
    device = only(root)
    assert (device.node, device.initialized, device.accessible) == (None, False, False)
    text = str(advise(find_devices(root)))
    assert "a PCIe Edge TPU (0000:01:00.0) is connected, but its driver is not loaded" in text
    assert "modprobe apex" in text
    assert "gasket-dkms" in text


def test_a_container_without_the_device_file_is_told_so(root: Path) -> None:
    node = add_usb(root, "18d1:9302")
    node.unlink()
    device = only(root)
    assert (device.node, device.accessible, device.group) == (node, False, None)
    assert f"its device file {node} is missing: give it to the container" in str(advise((device,)))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="NOT TESTED: only root can be another user")
@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("plugdev", '`sudo usermod -aG plugdev "$USER"`, then log out and in again'),
        ("root", "belongs to the group root because a udev rule is missing: install one that gives it to plugdev"),
        (None, "belongs to the group 54321 because a udev rule is missing"),
    ],
)
def test_a_user_without_permission_is_told_how_to_get_it(group: str | None, expected: str, open_root: Path) -> None:
    import grp

    node = add_usb(open_root, "1a6e:089a")
    try:
        os.chown(node, 0, 54321 if group is None else grp.getgrnam(group).gr_gid)
    except KeyError:
        pytest.skip(f"NOT TESTED: this system has no group {group}")
    node.chmod(0o660)
    done = subprocess.run(
        [sys.executable, "-c", AS_ANOTHER, str(open_root)],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    accessible, owner, advice = done.stdout.strip().split("|")
    assert (accessible, owner) == ("False", group or "54321")
    assert f"but this user may not open {node}: " in advice
    assert expected in advice


def test_who_joined_the_group_since_logging_in_is_told_to_log_in_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grp, pwd = pytest.importorskip("grp"), pytest.importorskip("pwd")
    user = pwd.getpwuid(os.geteuid()).pw_name
    monkeypatch.setattr(grp, "getgrnam", lambda name: grp.struct_group((name, "x", 54321, [user])))
    device = EdgeTpuDevice("usb", "1-1", root / "dev/bus/usb/001/004", False, False, group="plugdev")
    assert "has joined the group plugdev since logging in: log out and in again" in str(advise((device,)))


def test_a_device_that_works_may_be_in_use(root: Path) -> None:
    add_usb(root, "18d1:9302")
    assert "this user may use it: end other programs that use it" in str(advise(find_devices(root)))


def test_the_other_connection_is_suggested(root: Path) -> None:
    add_apex(root)
    text = str(advise(find_devices(root), "usb"))
    assert (
        "no USB Edge TPU is connected, but a PCIe Edge TPU (0000:01:00.0, 45 °C) is: use --device edgetpu:pci" in text
    )
    assert str(advise((), "pci")).startswith("no PCIe Edge TPU is connected: seat the card")


def test_of_several_devices_the_nearest_to_working_is_spoken_of(root: Path) -> None:
    add_pci(root)
    add_usb(root, "1a6e:089a")
    assert advise(find_devices(root)).seen.startswith("a USB Edge TPU")


def test_this_machine_can_be_looked_into() -> None:
    devices = find_devices()
    assert devices is not None or not Path("/sys/bus").is_dir()
    assert str(advise(devices))
