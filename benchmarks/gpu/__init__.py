"""Everything that needs a GPU, measured by one command within 8 minutes.

    python -m benchmarks.gpu
    python -m benchmarks.gpu --data fra-eng.zip --plain plain_torch.py --out gpu.json

Runs the sections below, each in a process of its own and within its own time, so that one that
fails, hangs or loses the GPU leaves the others alone. Writes one JSON file and prints a table.

    corpus    prepares the corpus that the other sections train on
    equality  losses of `graphed`, `fused` and `article` in float64, step by step
    readings  the GPU as NVML and GPUtil report it while it trains
    speed     samples per second of the three engines, and their share of the roofline
    memory    the memory model against torch.cuda.max_memory_allocated at sizes left out of its fit
    plain     samples per second of the same model in plain PyTorch (where --plain names it)
    tests     the tests marked `gpu`, without the browser's

Needs Python 3.11 or newer, torch, numpy, scipy, and these wheels: filelock, gputil, nvidia-ml-py,
psutil, requests, safetensors. The tests also need pytest, hypothesis, sacrebleu and tqdm; without
pytest they are left out. Nothing of the dashboard (streamlit, plotly, pandas) is imported.
"""
