"""What the processor has used of energy, where the platform counts it."""

from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
"""Where Linux shows the counters of Intel's and AMD's processors (RAPL)."""


class EnergyMeter:
    """Counts joules from its making on.

    Args:
        folder: with the counters of the kernel's powercap framework.
    """

    def __init__(self, folder: Path = POWERCAP) -> None:
        # intel-rapl:0 is a whole processor, intel-rapl:0:1 a part of it that is counted in the whole.
        zones = [zone for zone in folder.glob("*-rapl:*") if zone.name.count(":") == 1] if folder.is_dir() else []
        self._before = {zone: count for zone in zones if (count := _number(zone / "energy_uj")) is not None}

    def joules(self) -> float | None:
        """Used so far by all processors; None where nobody counts, or none but root may know."""
        used = 0
        for zone, before in self._before.items():
            now = _number(zone / "energy_uj")
            if now is None:
                return None
            # The counters start again at 0, some after a minute.
            used += now - before if now >= before else now - before + (_number(zone / "max_energy_range_uj") or 0)
        return used / 1e6 if self._before else None


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None
