"""The System page: GPUs, processor, versions, the roofline, the latest bench and disk use."""

from datetime import datetime

import streamlit as st

from pages.shared.access import describe_exposure
from pages.shared.escaping import escape
from pages.shared.state import get_store
from s2s import formatting
from s2s.bench_report import read_latest_bench
from s2s.machine.host import read_system_info
from s2s.paths import corpora_folder, folder_bytes, home, is_open_to_others, run_folder
from s2s.runs.files import delete_checkpoint, has_checkpoint
from s2s.runs.lost_gpu import lost_device
from s2s.text.bench import build_bench_row, list_bench_notes
from s2s.text.run import describe_lost_device

MISSING = "not reported"
NUMBER = st.column_config.NumberColumn
GPU_COLUMNS = {
    "id": "ID",
    "name": "Name",
    "serial": "Serial",
    "uuid": st.column_config.TextColumn("UUID", width=110),
    "utilization": NUMBER("GPU util.", format="percent", width=95),
    "memory_utilization": NUMBER("Memory util.", format="percent", width=95),
    "memory_total_bytes": NUMBER("Memory total", format="%d MiB", width=100),
    "memory_used_bytes": NUMBER("Memory used", format="%d MiB", width=100),
    "memory_free_bytes": NUMBER("Memory free", format="%d MiB", width=100),
    "display_mode": "Display mode",
    "display_active": "Display active",
    "temperature_celsius": NUMBER("Temperature", format="%d °C", width=95),
    "driver": "Driver",
}
BENCH_COLUMNS = {
    "Samples/s": NUMBER(format="%,.1f"),
    "IQR of rounds": NUMBER(format="percent"),
    "Real tokens/s": NUMBER(format="%,.0f"),
    "Padding ratio": NUMBER(format="percent"),
    "Memory (MiB)": NUMBER(format="%,.0f"),
    "Step (ms)": NUMBER(format="%.2f"),
    "Roofline (ms)": NUMBER(format="%.2f"),
    "Share of roofline": NUMBER(format="percent"),
}


def fact_table(facts: dict[str, object], missing: str = MISSING) -> None:
    st.table(
        {escape(name): escape(missing if fact is None else fact) for name, fact in facts.items()}
    )


st.title("System")
if warning := describe_exposure():
    st.warning(warning)
st.button("Refresh", key="refresh", icon=":material/refresh:")
with st.spinner("Reading the machine…"):
    info = read_system_info()

st.header("GPUs", divider="gray")
if lost := describe_lost_device(lost_device()):
    st.error(lost)
if info["gpus"]:
    rows = [
        gpu | {name: gpu[name] and gpu[name] / 2**20 for name in gpu if name.endswith("_bytes")}
        for gpu in info["gpus"]
    ]
    st.dataframe(rows, hide_index=True, placeholder=MISSING, column_config=GPU_COLUMNS)
    st.caption("The columns of GPUtil's `showUtilization(all=True)`, plus temperature and driver.")
else:
    st.info(escape(info["gpu_error"]))

st.header("Machine", divider="gray")
columns = st.columns(4)
columns[0].metric("Memory", formatting.format_bytes(info["memory_total_bytes"]))
columns[1].metric("Memory available", formatting.format_bytes(info["memory_available_bytes"]))
columns[2].metric("Disk", formatting.format_bytes(info["disk_total_bytes"]))
columns[3].metric("Disk free", formatting.format_bytes(info["disk_free_bytes"]))
fact_table(
    {
        "Processor": info["processor"],
        "Physical cores": info["physical_cores"],
        "Logical cores": info["logical_cores"],
        "Cores usable by s2s": info["usable_cores"],
        "bfloat16 instructions": {True: "yes", False: "no", None: None}[info["bf16_instructions"]],
        "Load over 1, 5, 15 minutes": ", ".join(f"{load:.2f}" for load in info["load_average"]),
        "Operating system": info["platform"],
    }
)

st.header("Latest bench", divider="gray")
if report := read_latest_bench():
    rows = [build_bench_row(row) for row in report.rows]
    st.dataframe(rows, placeholder=MISSING, column_config=BENCH_COLUMNS)
    st.code(report.command, language=None)
    ended = datetime.fromtimestamp(report.at).strftime("%Y-%m-%d %H:%M")
    st.caption(" ".join(map(escape, [f"{ended}.", *list_bench_notes(report)])))
else:
    st.write("None yet. Run `python -m s2s bench` on a quiet machine to time the engines.")

st.header("Software", divider="gray")
left, right = st.columns(2)
with left:
    st.subheader("Versions")
    fact_table({"Python": info["python"], **info["versions"]})
with right:
    st.subheader("Thread settings")
    fact_table(info["thread_variables"], missing="not set")
    st.caption("Environment variables. They take effect only if set before the program starts.")

st.header("Disk use", divider="gray")
st.text(home())
if is_open_to_others():
    st.warning("Other users of this machine can read this folder. `chmod 700` makes it private.")
used_bytes = {
    "Records of runs": sum(file.stat().st_size for file in home().glob("store.sqlite*")),
    "Checkpoints of runs": folder_bytes(home() / "runs"),
    "Prepared corpora": folder_bytes(corpora_folder()),
    "Downloads": folder_bytes(home() / "downloads"),
}
total_bytes = folder_bytes(home())
used_bytes["Other"] = max(total_bytes - sum(used_bytes.values()), 0)
used_bytes["Total"] = total_bytes
st.dataframe(
    [{"Content": name, "On disk": size} for name, size in used_bytes.items()],
    column_config={"On disk": NUMBER(format="bytes")},
    width="content",
)

st.subheader("Checkpoints")
runs = {run.id: run for run in get_store().runs(archived=True) if has_checkpoint(run.id)}
if not runs:
    st.text("No run has a checkpoint.")
    st.stop()
sizes = {run_id: folder_bytes(run_folder(run_id)) for run_id in runs}
rows = [
    {
        "Run": run.id,
        "Name": run.name,
        "State": str(run.state),
        "Iterations": run.iterations_done,
        "On disk": sizes[run.id],
    }
    for run in runs.values()
]
st.dataframe(rows, column_config={"On disk": NUMBER(format="bytes")})
selected = st.multiselect(
    "Delete the checkpoints of",
    [run_id for run_id, run in runs.items() if run.state.has_ended()],
    format_func=lambda run_id: formatting.format_run_label(runs[run_id]),
    key="to_free",
    help="Their curves and results stay, but they can no longer translate or be continued.",
)
megabytes = sum(sizes[run_id] for run_id in selected) / 1e6
label = f"Delete checkpoints ({megabytes:,.1f} MB)"
if st.button(label, key="delete_checkpoints", disabled=not selected):
    for run_id in selected:
        delete_checkpoint(run_id)
    st.rerun()
