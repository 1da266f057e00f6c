"""What is computed of the maps of keys for one frame, on tensors of fixed shapes; see vidstyle.stream.device_key_maps.

Nothing here waits for the device but `MapSteps.read`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from kornia.filters import get_gaussian_kernel1d
from torch import Tensor

from vidstyle.media.device_pixels import ready_event
from vidstyle.stream.key_maps import (
    DRAGGED,
    FADE,
    LEAST_CHANGE,
    LEAST_NEAR,
    LEAST_SHARE,
    LEAST_SHOWN,
    LOST_SIDE,
    NEAR,
    NEAR_SPREAD,
    PULLED,
    RECOVERY,
    SEARCHED,
    SHARE,
    STALE_BLUR,
    SURE,
    patches,
)
from vidstyle.stream.map_loops import ALIKE_SIDE, BEYOND
from vidstyle.stream.memory import MOST_KEYS

Step = Callable[[], None]
SHIFT_X, SHIFT_Y, OVER = (slice(number * MOST_KEYS, (number + 1) * MOST_KEYS) for number in range(3))
FLOW_X, FLOW_Y, FADING, HELD, CHANGED = range(3 * MOST_KEYS, 3 * MOST_KEYS + 5)
MAPS = 3 * MOST_KEYS + 5
"""Of a view, one after the other: of each layer where it comes from and how far it covers; and of them all."""

# Of what comes up with a frame: planes, and numbers.
_FLOW, _NOW, _CARES, _PLANES = slice(0, 2), slice(2, 5), 5, 6
_STILL, _LOW, _HIGH, _CARRIED = 0, 1, 2, 5
_CAMERA = slice(3, 5)
# Of what a key's maps are, one after the other.
_SHIFT, _TRUST, _SHOWN, _SEEN, _LAYERS = slice(0, 2), 2, 3, slice(4, 7), 7
# Of what is remembered of the last output, before how much of each key showed.
_OUTPUT, _OWNER, _FADES, _LOST_MAP, _VISIBLE = slice(0, 3), 3, 4, 5, 6
# Of the numbers that come down, before the share of each key.
_UNCOVERED, _STALE, _LOST, _CHANGES, _SHARES = 0, 1, 2, 3, 4


class MapSteps:
    """The maps of some keys, in slots, and what can be done to them.

    Args:
        slots: keys that there is room for.
        shape: of the maps, (h, w).
        device: where they are.
        record: see vidstyle.stream.device_key_maps.DeviceKeyMaps.

    Attributes:
        slots, shape: as above.
        result: (MAPS, h, w) float32, what `show` and `show_first` leave.
    """

    def __init__(
        self, slots: int, shape: tuple[int, int], device: torch.device, record: Callable[[Step], Step]
    ) -> None:
        self.slots, self.shape = slots, shape
        self._device, self._record = device, record
        height, width = shape
        count = height * width
        self._frame = _Mirror(_PLANES * count + _CARRIED + slots, device)
        self._order = _Mirror(4 * slots, device)
        self._found = torch.zeros(_SHARES + slots, device=device)
        self._numbers = torch.zeros(_SHARES + slots, pin_memory=device.type == "cuda")
        self._source = torch.zeros(slots, 3, height, width, device=device)
        self._keys, self._keys_next = (torch.zeros(slots, _LAYERS, height, width, device=device) for _ in range(2))
        self._last, self._last_next = (torch.zeros(_VISIBLE + slots, height, width, device=device) for _ in range(2))
        self.result = torch.zeros(MAPS, height, width, device=device)
        self._turns = torch.from_numpy(patches(height, width).copy()).to(device).expand(slots, 1, height, width)
        self._ranks = torch.arange(slots + 1, 0, -1, device=device, dtype=torch.float32)[:, None, None]
        self._nobody = torch.full((1,), -1.0, device=device)
        self._places = _Places(shape, device)
        self._blurs = [_blurring(side, device) for side in shape]
        self._recorded: dict[str, Step] = {}

    def with_room(self) -> "MapSteps":
        """The same with room for twice as many keys."""
        larger = MapSteps(2 * self.slots, self.shape, self._device, self._record)
        larger._source[: self.slots] = self._source
        larger._keys[: self.slots] = self._keys
        larger._last[: _VISIBLE + self.slots] = self._last
        larger._frame.array[: self._frame.array.size] = self._frame.array
        larger._frame.send()
        larger._found[: self._found.numel()] = self._found
        return larger

    def begin(self, slot: int, source: Tensor) -> None:
        """A key of the frame (3, h, w) float32."""
        self._source[slot] = source
        key = self._keys[slot]
        key[_SHIFT].zero_()
        key[_TRUST : _SHOWN + 1].fill_(1.0)
        key[_SEEN] = source

    def send_frame(
        self,
        flow: np.ndarray,
        now: np.ndarray,
        cares: np.ndarray | None,
        *,
        still: bool = True,
        levels: tuple[float, float] = (0.0, 1.0),
        camera: tuple[float, float] = (0.0, 0.0),
        carried: Sequence[int] = (),
    ) -> None:
        """Of the frame that comes next; see vidstyle.stream.motion.Motion.

        cares: see vidstyle.stream.key_maps.CarriesKeys.
        camera: the motion that most of the picture shares.
        carried: which slots are, the newest key's last.
        """
        count = self.shape[0] * self.shape[1]
        array = self._frame.array
        planes = array[: _PLANES * count].reshape(_PLANES, *self.shape)
        planes[_FLOW] = flow.transpose(2, 0, 1)
        planes[_NOW] = now.transpose(2, 0, 1)
        planes[_CARES] = 1.0 if cares is None else cares
        numbers = array[_PLANES * count :]
        numbers[_STILL], numbers[_LOW], numbers[_HIGH] = still, *levels
        numbers[_CAMERA] = camera
        numbers[_CARRIED:] = 0
        numbers[[_CARRIED + slot for slot in carried]] = 1
        numbers[[_CARRIED + slot for slot in carried[-SEARCHED:]]] = 2
        self._frame.send()

    def send_order(self, slots: Sequence[int], numbers: Sequence[int], gone: Sequence[float]) -> None:
        """Which keys show, the one on top first; see vidstyle.stream.key_maps.Key."""
        rest = [slot for slot in range(self.slots) if slot not in slots]
        lines = self._order.array.reshape(4, self.slots)
        lines[0] = [*slots, *rest]
        lines[1:] = 0
        lines[1, : len(slots)], lines[2, : len(slots)], lines[3, : len(slots)] = 1, numbers, gone
        self._order.send()

    def carry(self) -> None:
        """Keys to the frame that was sent."""
        self._run("carry", self._carry)
        self._keys.copy_(self._keys_next)

    def judge(self) -> None:
        """How far what has been shown is from the frame that was sent."""
        self._run("judge", self._judge)

    def show(self) -> None:
        """The frame that was sent, after others, by the order that was sent."""
        self._run("show", self._show)
        self._last.copy_(self._last_next)

    def show_first(self) -> None:
        """The same with nothing before it."""
        over, visible, uncovered, shift = self.layered()
        nothing = torch.zeros_like(uncovered)
        self._last[_OUTPUT] = self._now
        self._last[_OWNER] = self._owner(visible, uncovered)
        self._last[[_FADES, _LOST_MAP]] = 0
        self._last[_VISIBLE:] = self._by_slot(visible)
        self._write(shift, over, torch.stack((nothing, nothing)), nothing, nothing, torch.ones_like(nothing))

    def read(self) -> None:
        """Wait for the numbers."""
        self._numbers.copy_(self._found, non_blocking=True)
        if self._device.type == "cuda":
            torch.cuda.current_stream(self._device).synchronize()
        self.uncovered, self.staleness, self.lost, changes, *self._shares = self._numbers.tolist()
        self.changes = changes > 0

    def share(self, slot: int) -> float:
        """Of the picture in which what is in a slot can be shown, once read."""
        return self._shares[slot]

    def layered(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of keys in the order that was sent: how far each covers and shows, (slots, h, w); what none covers, (h, w);
        and where each comes from, (slots, 2, h, w)."""
        order, there, _, gone = self._order.tensor.view(4, self.slots)
        keys = self._keys.index_select(0, order.long())
        shift, gone = keys[:, _SHIFT], gone[:, None, None]
        turns = self._places.sampled(self._turns, shift)[:, 0]
        left = ((turns * (1 - FADE) + FADE - gone) / FADE).clamp(0, 1).masked_fill(gone <= 0, 1.0)
        over = keys[:, _SHOWN] * left * there[:, None, None]
        below = torch.cumprod(1 - over, 0)
        visible = over * torch.cat((torch.ones_like(below[:1]), below[:-1]))
        return over, visible, below[-1], shift

    def _run(self, name: str, step: Step) -> None:
        if name not in self._recorded:
            self._recorded[name] = self._record(step)
        self._recorded[name]()

    @property
    def _sent(self) -> Tensor:
        """Planes of the frame, (_PLANES, h, w)."""
        return self._frame.tensor[: _PLANES * self.shape[0] * self.shape[1]].view(_PLANES, *self.shape)

    @property
    def _settings(self) -> Tensor:
        return self._frame.tensor[_PLANES * self.shape[0] * self.shape[1] :]

    @property
    def _now(self) -> Tensor:
        return self._sent[_NOW]

    def _carry(self) -> None:
        flow, still = self._sent[_FLOW], self._settings[_STILL] > 0
        carried = self._settings[_CARRIED:] > 0
        before = self._keys
        moved = self._places.sampled(before[:, : _TRUST + 1].flatten(0, 1)[None], flow[None])[0]
        moved = moved.unflatten(0, (self.slots, _TRUST + 1))
        stays = _stays(flow)
        shift = torch.where(stays, before[:, _SHIFT], moved[:, _SHIFT] + flow)
        trust = torch.where(stays, before[:, _TRUST], moved[:, _TRUST])
        seen = torch.where(stays, before[:, _SEEN], self._places.sampled(self._source, shift).round())
        natural = (1 - _ramp(_pull(shift), *PULLED)) * self._places.inside(shift)
        same = self._alike(seen, self._now) * natural.masked_fill(still, 1.0)
        trust = torch.minimum(trust + RECOVERY * still, same)
        searched = (self._settings[_CARRIED:] > 1)[:, None, None]
        bare = _uncovered(_ramp(trust, *SURE), carried) > 0.5
        shift, trust, seen = self._found_again(shift, trust, seen, bare & searched)
        shown = _ramp(trust, *SURE)
        after = torch.cat((shift, trust[:, None], shown[:, None], seen), 1)
        after = torch.where(carried[:, None, None, None], after, before)
        self._keys_next.copy_(after)
        shown = after[:, _SHOWN]
        without = _uncovered(shown, carried)
        self._found[_UNCOVERED].copy_(self._share(without))
        gathered = _boxed((without * self._lost_along())[None], LOST_SIDE)[0] > 0.5
        self._found[_LOST].copy_(self._share(gathered.float()))
        self._found[_SHARES:].copy_(shown.mean((1, 2)))

    def _lost_along(self) -> Tensor:
        """See vidstyle.stream.key_maps; of the frame that was sent, (h, w)."""
        flow, before = self._sent[_FLOW], self._last[_LOST_MAP]
        away = (flow - self._settings[_CAMERA][:, None, None]).abs().amax(0)
        moved = self._places.sampled(before[None, None], flow[None])[0, 0]
        dragged = (moved + away / DRAGGED).clamp(max=1) * self._places.inside(flow[None])[0]
        return torch.where(self._settings[_STILL] > 0, before, dragged)

    def _found_again(self, shift: Tensor, trust: Tensor, seen: Tensor, bare: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same three, gone on with where they are lost, by vidstyle.stream.key_maps; bare: (slots, h, w) bool."""
        sure = (trust >= SURE[1]).float()[:, None]
        around = torch.cat((shift * sure, sure, (shift * shift).sum(1, keepdim=True) * sure), 1)
        around = F.avg_pool2d(around, 2 * NEAR + 1, stride=1, padding=NEAR, divisor_override=1)
        count = around[:, 2]
        number = count.clamp(min=1)[:, None]
        ways = around[:, :2] / number
        spread = around[:, 3] / number[:, 0] - (ways * ways).sum(1)
        lost = bare & (trust < SURE[0]) & (count >= LEAST_NEAR) & (spread <= NEAR_SPREAD)
        shift = torch.where(lost[:, None], ways, shift)
        seen = torch.where(lost[:, None], self._places.sampled(self._source, shift).round(), seen)
        found = lost & (self._places.inside(shift) > 0) & (self._apart(seen, self._now) <= self._settings[_LOW])
        return shift, trust.masked_fill(found, 1.0), seen

    def _judge(self) -> None:
        down, across = self._blurs
        change = down.T @ (self._last[0] - self._now[0]) @ across
        shows = self._sent[_CARES] > 0.5
        shows = shows | ~shows.any()
        middle = _median(change, shows)
        self._found[_STALE].copy_(_median((change - middle).abs(), shows))

    def _show(self) -> None:
        over, visible, uncovered, shift = self.layered()
        flow, still, last = self._sent[_FLOW], self._settings[_STILL] > 0, self._last
        owner = self._owner(visible, uncovered)
        moved = self._places.sampled(last[: _FADES + 1][None], flow[None])[0]
        there = _stays(flow)
        seen = torch.where(there, last[_OUTPUT], moved[_OUTPUT].round())
        fading = torch.where(there, last[_FADES], moved[_FADES])
        before = self._places.sampled(last[_OWNER][None, None], flow[None], "nearest")[0, 0]
        inner = self._places.inside(flow[None])[0].masked_fill(still, 1.0)
        held = self._alike(seen[None], self._now)[0] * inner
        bare = uncovered * (1 - held)
        lost = bare * inner + uncovered * held * self._lost_along()
        fading = torch.maximum(SHARE * fading, SHARE * (owner != before)) * held * (owner >= 0)
        fading = fading * (fading >= LEAST_SHARE)
        by_slot = self._by_slot(visible)
        changed = (last[_FADES] > 0) | (flow != 0).any(0) | (fading > 0) | (bare > 0)
        changed = changed | ((by_slot - last[_VISIBLE:]).abs() > LEAST_CHANGE).any(0)
        self._found[_CHANGES].copy_(changed.any())
        stays = uncovered * held
        output = self._now * (uncovered - stays) + seen * stays
        order = self._order.tensor[: self.slots].long()
        output = output + (self._keys.index_select(0, order)[:, _SEEN] * visible[:, None]).sum(0)
        self._last_next.copy_(torch.cat((output.round(), owner[None], fading[None], lost[None], by_slot)))
        self._write(shift, over, flow, fading, held, changed.float())

    def _write(self, shift: Tensor, over: Tensor, flow: Tensor, fading: Tensor, held: Tensor, changed: Tensor) -> None:
        top = shift[:MOST_KEYS]
        maps = (top[:, 0], top[:, 1], over[:MOST_KEYS], flow, fading[None], held[None], changed[None])
        self.result.copy_(torch.cat(maps))

    def _owner(self, visible: Tensor, uncovered: Tensor) -> Tensor:
        """The number of the key that shows most at each position, -1 where none does, (h, w) float32."""
        shares = torch.cat((uncovered[None], visible))
        first = ((shares == shares.amax(0)) * self._ranks).amax(0)
        numbers = torch.cat((self._nobody, self._order.tensor.view(4, self.slots)[2]))
        return numbers.index_select(0, (self.slots + 1 - first).long().flatten()).view(self.shape)

    def _by_slot(self, visible: Tensor) -> Tensor:
        return torch.zeros_like(visible).index_copy(0, self._order.tensor[: self.slots].long(), visible)

    def _alike(self, one: Tensor, other: Tensor) -> Tensor:
        """See vidstyle.stream.motion.alike; (N, 3, h, w) and (3, h, w) of whole numbers, to (N, h, w)."""
        return 1 - _ramp(self._apart(one, other), self._settings[_LOW], self._settings[_HIGH])

    def _apart(self, one: Tensor, other: Tensor) -> Tensor:
        """The same in whole grey levels: how far they are apart around each position, in the channel that is most."""
        change = _boxed((one - other).abs().flatten(0, 1), ALIKE_SIDE).round()
        return change.unflatten(0, (-1, 3)).amax(1)

    def _share(self, where: Tensor) -> Tensor:
        """See vidstyle.stream.key_maps.share_of."""
        cares = self._sent[_CARES]
        return (where * cares).sum() / cares.sum().clamp(min=LEAST_SHOWN * cares.numel())


class _Mirror:
    """Numbers that the processor writes, and a device reads once they are sent."""

    def __init__(self, count: int, device: torch.device) -> None:
        self._host = torch.zeros(count, pin_memory=device.type == "cuda")
        self._array = self._host.numpy()
        self._read: Any = None
        self.tensor = torch.zeros(count, device=device)

    @property
    def array(self) -> np.ndarray:
        """To be written to: what was sent last has been read."""
        if self._read is not None:
            self._read.synchronize()
        return self._array

    def send(self) -> None:
        self.tensor.copy_(self._host, non_blocking=True)
        self._read = ready_event(self.tensor)


class _Places:
    """Positions, and what is found at them plus shifts, beyond the border as at it."""

    def __init__(self, shape: tuple[int, int], device: torch.device) -> None:
        rows, columns = (torch.arange(side, device=device, dtype=torch.float32) for side in shape)
        self._rows, self._columns = rows[:, None], columns[None]
        self._height, self._width = shape

    def sampled(self, maps: Tensor, shift: Tensor, mode: str = "bilinear") -> Tensor:
        """(N, C, h, w) at every place plus its shift (N, 2, h, w)."""
        # As grid_sample counts: from -1 to 1, from border to border.
        across = (2 * (self._columns + shift[:, 0]) + 1) / self._width - 1
        down = (2 * (self._rows + shift[:, 1]) + 1) / self._height - 1
        return F.grid_sample(maps, torch.stack((across, down), -1), mode, "border", align_corners=False)

    def inside(self, shift: Tensor) -> Tensor:
        """Whether places plus their shifts (N, 2, h, w) are in the frame, or no farther than BEYOND from it, (N, h, w)
        float32, 0 or 1."""
        across, down = self._columns + shift[:, 0], self._rows + shift[:, 1]
        here = (across >= -BEYOND) & (down >= -BEYOND)
        here &= (across <= self._width - 1 + BEYOND) & (down <= self._height - 1 + BEYOND)
        return here.float()


def _stays(flow: Tensor) -> Tensor:
    """Where nothing moves, (h, w) bool: what is sampled there would be a hair's breadth beside it, frame by frame."""
    return (flow == 0).all(0)


def _ramp(x: Tensor, low: "float | Tensor", high: "float | Tensor") -> Tensor:
    """See vidstyle.stream.motion.ramp."""
    return ((x - low) / (high - low)).clamp(0, 1)


def _uncovered(shown: Tensor, carried: Tensor) -> Tensor:
    """How much none of the keys (slots, h, w) that are carried (slots,) can be shown, (h, w)."""
    return (1 - shown).masked_fill(~carried[:, None, None], 1.0).prod(0)


def _boxed(levels: Tensor, side: int) -> Tensor:
    """The mean over squares of (N, h, w), mirrored at the border."""
    return F.avg_pool2d(F.pad(levels, (side // 2,) * 4, mode="reflect"), side, stride=1)


def _pull(shift: Tensor) -> Tensor:
    """See vidstyle.stream.key_maps.pull; (N, 2, h, w) to (N, h, w).  By sums: convolutions may round on a GPU."""
    near = F.pad(shift, (1, 1, 1, 1), mode="reflect")
    smooth_down = near[:, :, :-2] + 2 * near[:, :, 1:-1] + near[:, :, 2:]
    smooth_across = near[..., :-2] + 2 * near[..., 1:-1] + near[..., 2:]
    across = smooth_down[..., 2:] - smooth_down[..., :-2]
    down = smooth_across[:, :, 2:] - smooth_across[:, :, :-2]
    return torch.maximum(across.abs(), down.abs()).amax(1) / 8


def _median(values: Tensor, counts: Tensor) -> Tensor:
    """Of the values (h, w) that count, ()."""
    ordered = values.masked_fill(~counts, torch.inf).flatten().sort().values
    number = counts.sum()[None]
    low, high = (number - 1).div(2, rounding_mode="floor"), number.div(2, rounding_mode="floor")
    return (ordered.gather(0, low) + ordered.gather(0, high))[0] / 2


def _blurring(side: int, device: torch.device) -> Tensor:
    """A Gaussian blur over positions along one side, mirrored at the border, as OpenCV's of floats: (side, side), from
    each place to each."""
    count = round(STALE_BLUR * 8 + 1) | 1
    if side <= count // 2:
        return torch.eye(side, device=device)
    weights = get_gaussian_kernel1d(count, STALE_BLUR)[0]
    mirrored = F.pad(torch.eye(side)[None], (count // 2,) * 2, mode="reflect")[0]
    return (mirrored.unfold(1, count, 1) @ weights).to(device)
