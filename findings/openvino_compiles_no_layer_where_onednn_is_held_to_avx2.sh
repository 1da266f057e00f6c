#!/bin/sh
# With ONEDNN_MAX_CPU_ISA=AVX2 on a processor with bfloat16, OpenVINO's defaults compile no convolution and no product.
#
# OpenVINO looks at the processor itself, lists BF16 among its capabilities, and computes in bfloat16 unless told
# otherwise.  Its layers are oneDNN's, which heeds the variable and has no bfloat16 below AVX-512.  Nobody falls back:
# compile_model raises, for convolutions with "object is not initialized", which names neither the precision nor the
# variable.  Layers of OpenVINO's own, such as a lone ReLU, go on in bfloat16.  INFERENCE_PRECISION_HINT=f32 is what
# helps; held to AVX512_CORE, which has no bfloat16 either, oneDNN works it out with what there is.
#
# Seen with openvino 2026.4.1, numpy 2.4.6, Python 3.11, on a processor with avx512_bf16:
#     AVX2, its choice: BF16 listed True, convolution raised, product raised, ReLU bf16
#     AVX2, told f32: BF16 listed True, convolution f32, product f32, ReLU f32
#     AVX512_CORE, its choice: BF16 listed True, convolution bf16, product bf16, ReLU bf16
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet openvino==2026.4.1 numpy==2.4.6
cat >layers.py <<'PYTHON'
import sys

import numpy as np
import openvino
from openvino import opset15 as operations

settings = {"INFERENCE_PRECISION_HINT": sys.argv[1]} if len(sys.argv) > 1 else {}
core = openvino.Core()
frame = operations.parameter([1, 8, 64, 64], np.float32)
weights = operations.constant(np.full((8, 8, 3, 3), 0.1, np.float32))
matrix = operations.constant(np.ones((64, 64), np.float32))
layers = {
    "convolution": operations.convolution(frame, weights, [1, 1], [1, 1], [1, 1], [1, 1]),
    "product": operations.matmul(frame, matrix, False, False),
    "ReLU": operations.relu(frame),
}
said = [f"BF16 listed {'BF16' in core.get_property('CPU', 'OPTIMIZATION_CAPABILITIES')}"]
for name, layer in layers.items():
    try:
        network = core.compile_model(openvino.Model([layer], [frame]), "CPU", settings)
        said.append(f"{name} {network.get_property('INFERENCE_PRECISION_HINT').get_type_name()}")
    except RuntimeError as error:
        print(f"    {name}: {str(error).strip().splitlines()[-1]}", file=sys.stderr)
        said.append(f"{name} raised")
print(", ".join(said))
PYTHON
plain=$(venv/bin/python layers.py)
case $plain in
*"convolution bf16"*) ;;
*)
    echo "OpenVINO does not choose bfloat16 on this processor: nothing to see"
    exit
    ;;
esac
chosen=$(ONEDNN_MAX_CPU_ISA=AVX2 venv/bin/python layers.py)
told=$(ONEDNN_MAX_CPU_ISA=AVX2 venv/bin/python layers.py f32)
higher=$(ONEDNN_MAX_CPU_ISA=AVX512_CORE venv/bin/python layers.py)
echo "AVX2, its choice: $chosen"
echo "AVX2, told f32: $told"
echo "AVX512_CORE, its choice: $higher"
if [ "$chosen" != "BF16 listed True, convolution raised, product raised, ReLU bf16" ] ||
    [ "$told" != "BF16 listed True, convolution f32, product f32, ReLU f32" ] ||
    [ "$higher" != "BF16 listed True, convolution bf16, product bf16, ReLU bf16" ]; then
    echo "this has changed" >&2
    exit 1
fi
