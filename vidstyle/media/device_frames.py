"""Frames that a GPU decodes and encodes, in its memory: from NVDEC to planes, and from planes to NVENC.

FFmpeg's frames and torch's tensors lend each other their memory (DLPack), in one process and one CUDA context.
"""

import contextlib
from typing import Any

import torch
from av.codec.hwaccel import HWAccel
from av.video.frame import CudaContext, VideoFrame
from torch.utils.dlpack import from_dlpack

from vidstyle.media.device_pixels import DevicePixels

ON_DEVICE = "cuda"
"""FFmpeg's name of the pixel format of frames on a GPU."""
INTERLEAVED = "nv12"
"""How they lie there: Y, then U and V in turns."""
SHARED_CONTEXT = {"primary_ctx": "1"}
"""FFmpeg works in the same context as torch, or neither could read what the other has written."""


def downloaded(frame: VideoFrame) -> VideoFrame:
    """A decoded frame in the processor's memory."""
    if frame.format.name != ON_DEVICE or frame.sw_format is None:
        return frame
    return frame.reformat(format=frame.sw_format.name)


def is_interleaved(frame: VideoFrame) -> bool:
    """Whether a decoded frame is on a GPU, as 8-bit 4:2:0."""
    return frame.format.name == ON_DEVICE and frame.sw_format is not None and frame.sw_format.name == INTERLEAVED


def planes_on_device(frame: VideoFrame) -> DevicePixels:
    """Planes (3 H / 2, W) of a decoded frame with U and V in turns; a copy, where the frame is.

    A decoder has a few surfaces only, which it needs again.
    """
    # PyAV takes no stream; what FFmpeg does with a frame is ordered before what torch's default stream does.
    luma, chroma = (from_dlpack(plane.__dlpack__()) for plane in frame.planes)
    height, width = luma.shape
    planes = torch.empty((height * 3 // 2, width), dtype=torch.uint8, device=luma.device)
    planes[:height] = luma
    planes[height:].view(2, height // 2, width // 2).copy_(chroma.permute(2, 0, 1))
    _wait(planes)
    return DevicePixels(planes)


class DeviceEncoding:
    """What an encoder on a GPU is given.

    Args:
        device: number of the CUDA device.
    """

    def __init__(self, device: int) -> None:
        self._device = device
        self._context: CudaContext | None = None

    def accelerator(self) -> HWAccel:
        """For the encoder's stream."""
        return HWAccel(ON_DEVICE, str(self._device), options=dict(SHARED_CONTEXT))

    def picture(self, pixels: DevicePixels) -> VideoFrame:
        """A frame with the planes (3 H / 2, W) of 4:2:0, where they are."""
        planes = pixels.for_current_stream()
        height, width = planes.shape[0] * 2 // 3, planes.shape[1]
        chroma = planes[height:].view(2, height // 2, width // 2).permute(1, 2, 0).reshape(height // 2, width)
        luma = planes[:height]
        _wait(planes)
        options: dict[str, Any] = {}
        if planes.is_cuda:
            self._context = self._context or CudaContext(self._device, primary_ctx=True)
            options = {"cuda_context": self._context, "primary_ctx": True}
        return VideoFrame.from_dlpack((luma, chroma), INTERLEAVED, width, height, **options)


def _wait(tensor: torch.Tensor) -> None:
    """FFmpeg's work knows nothing of torch's streams."""
    with contextlib.ExitStack() as stack:
        if tensor.is_cuda:
            stack.enter_context(torch.cuda.device(tensor.device))
            torch.cuda.current_stream().synchronize()
