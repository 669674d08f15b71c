"""Lay out trees of files as Linux has them under /sys, /proc and /dev."""

from __future__ import annotations

from pathlib import Path


def lay_out(root: Path, files: dict[str, str]) -> None:
    """Write `files`, path under `root` to content."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def add_usb(root: Path, usb_id: str, *, place: str = "1-1.3", number: int = 4, speed: str = "5000") -> Path:
    """Connect a USB device; returns its device file, which anybody may read and write."""
    vendor, product = usb_id.split(":")
    facts = {"idVendor": vendor, "idProduct": product, "busnum": "1", "devnum": str(number), "speed": speed}
    lay_out(root, {f"sys/bus/usb/devices/{place}/{name}": f"{value}\n" for name, value in facts.items()})
    lay_out(root, {f"sys/bus/usb/devices/{place}:1.0/bInterfaceClass": "fe\n"})
    node = root / f"dev/bus/usb/001/{number:03}"
    lay_out(root, {f"dev/bus/usb/001/{number:03}": ""})
    node.chmod(0o666)
    return node


def add_pci(root: Path, *, address: str = "0000:01:00.0", ids: str = "1ac1:089a") -> None:
    """Seat a PCIe card; its driver is `add_apex`'s business."""
    vendor, device = ids.split(":")
    folder = f"sys/bus/pci/devices/{address}"
    lay_out(root, {f"{folder}/vendor": f"0x{vendor}\n", f"{folder}/device": f"0x{device}\n"})


def add_apex(root: Path, *, number: int = 0, address: str | None = "0000:01:00.0", temp: str = "45050") -> Path:
    """Load the driver for the card at `address`; returns its device file."""
    lay_out(root, {f"sys/class/apex/apex_{number}/temp": f"{temp}\n", f"dev/apex_{number}": ""})
    if address is not None:
        add_pci(root, address=address)
        (root / f"sys/class/apex/apex_{number}/device").symlink_to(root / "sys/bus/pci/devices" / address)
    node = root / f"dev/apex_{number}"
    node.chmod(0o666)
    return node
