"""The processors that QEMU emulates, and how Linux describes them on a Raspberry Pi.

QEMU emulates instructions, but programs read /proc and /sys of the host. The runtimes choose their kernels by these
files: with those of an x86 machine they find no processor, disable XNNPACK, or crash.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_NEON_32: Final = "half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt vfpd32 lpae evtstrm"
_NEON: Final = "fp asimd evtstrm crc32 cpuid"
_DOT_PRODUCTS: Final = (
    "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"
)
_IMPLEMENTER: Final = 0x41  # Arm
_LISTS: Final = ("online", "possible", "present")


@dataclass(frozen=True, slots=True)
class Processor:
    """A processor.

    Attributes:
        cpu: its name in QEMU.
        part: its Arm part number, by which the runtimes choose kernels.
        architecture: the version of the Arm architecture.
        features: Linux's feature flags.
        board: a Raspberry Pi with this processor.
    """

    cpu: str
    part: int
    architecture: int
    features: str
    board: str

    def cpuinfo(self, cores: int) -> str:
        """Return the content of ``/proc/cpuinfo`` on the board."""
        described = "\n".join(
            [
                f"Features\t: {self.features}",
                f"CPU implementer\t: {_IMPLEMENTER:#x}",
                f"CPU architecture: {self.architecture}",
                "CPU variant\t: 0x0",
                f"CPU part\t: {self.part:#x}",
                "CPU revision\t: 4",
            ]
        )
        entries = [f"processor\t: {core}\n{described}\n\n" for core in range(cores)]
        return f"{''.join(entries)}Model\t\t: {self.board}\n"


PROCESSORS: Final = {
    processor.cpu: processor
    for processor in (
        Processor("cortex-a7", 0xC07, 7, _NEON_32, "Raspberry Pi 2 Model B Rev 1.1"),
        Processor("cortex-a53", 0xD03, 8, _NEON, "Raspberry Pi 3 Model B Rev 1.2"),
        Processor("cortex-a76", 0xD0B, 8, _DOT_PRODUCTS, "Raspberry Pi 5 Model B Rev 1.0"),
    )
}


def write_sysfs(folder: Path, cores: int) -> None:
    """Write the files of ``/sys`` that list the processors, below `folder`."""
    place = folder / "devices/system/cpu"
    place.mkdir(parents=True)
    for name in _LISTS:
        (place / name).write_text(f"0-{cores - 1}\n" if cores > 1 else "0\n", encoding="ascii")
