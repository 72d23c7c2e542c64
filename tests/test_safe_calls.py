"""No code reads what could run, and no page shows HTML but the constants named here."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
SOURCES = sorted(
    [PROJECT / "dashboard.py", *PROJECT.glob("s2s/**/*.py"), *PROJECT.glob("pages/**/*.py")]
)
HTML = {
    "pages/parts/reach.py": 1,  # no room for what has nothing to show
    "pages/parts/status.py": 1,  # room above the page for the bar of pages
    "pages/parts/watch.py": 1,  # no fading while the live view is drawn anew
}
"""How many constant styles each page may give to st.html."""
MARKDOWN = {
    "button", "caption", "error", "expander", "header", "info", "markdown", "popover", "progress",
    "status", "subheader", "success", "tabs", "title", "toast", "warning", "write",
}  # fmt: skip
NEVER = {"unsafe_allow_html", "unsafe_allow_javascript", "allow_pickle"}


def problems(source: str) -> Iterator[str]:
    """What is wrong in a module's source, a sentence each."""
    tree = ast.parse(source)
    constants = {
        target.id
        for statement in tree.body
        if isinstance(statement, ast.Assign) and _is_constant(statement.value, set())
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        given = {each.arg: each.value for each in call.keywords if each.arg}
        for keyword in NEVER & given.keys():
            if ast.unparse(given[keyword]) != "False":
                yield f"line {call.lineno}: {keyword}"
        if ast.unparse(given.get("weights_only", ast.Constant(True))) != "True":
            yield f"line {call.lineno}: weights_only"
        code = call.args if name == "html" else []
        if name == "component":
            code = [given[each] for each in ("html", "css", "js") if each in given]
        for each in code:
            if not _is_constant(each, constants):
                yield f"line {call.lineno}: HTML that is no constant"
        if name in MARKDOWN and call.args and _is_text_of_something(call.args[0]):
            yield f"line {call.lineno}: text that is not made inert"


def _is_constant(node: ast.expr, constants: set[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in constants
    if isinstance(node, ast.BinOp):
        return _is_constant(node.left, constants) and _is_constant(node.right, constants)
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_text_of_something(node: ast.expr) -> bool:
    """`str(error)`, or an f-string with `{error}`."""
    if isinstance(node, ast.JoinedStr):
        return any(
            isinstance(each, ast.FormattedValue)
            and isinstance(each.value, ast.Name)
            and each.value.id in ("error", "text", "message")
            for each in node.values
        )
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "str"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_a_module_keeps_the_rules(path: Path) -> None:
    assert list(problems(path.read_text(encoding="utf-8"))) == []


def test_html_stands_only_where_it_is_known_to() -> None:
    counts = {
        str(path.relative_to(PROJECT)): path.read_text(encoding="utf-8").count("st.html(")
        for path in SOURCES
    }
    assert {path: count for path, count in counts.items() if count} == HTML


@pytest.mark.parametrize(
    "line",
    [
        "st.markdown(x, unsafe_allow_html=True)",
        "st.write(x, unsafe_allow_html=flag)",
        "st.html(f'<b>{x}</b>')",
        "st.html(x)",
        "st.html(path, unsafe_allow_javascript=True)",
        "column.html(x + '')",
        "st.components.v2.component('n', js=f'{x}')",
        "st.components.v2.component('n', html=x)",
        "np.load(x, allow_pickle=True)",
        "read(x, weights_only=False)",
        "st.error(str(error))",
        "place.warning(f'It said {error}.')",
    ],
)
def test_the_rules_bite(line: str) -> None:
    assert list(problems(f"K = 'constant'\n{line}\n"))


@pytest.mark.parametrize(
    "line",
    [
        "st.html(K)",
        "st.html('<style></style>')",
        "np.load(x, allow_pickle=False)",
        "st.components.v2.component('n', html=K, js='')",
        "st.error(inert(error))",
        "st.caption(f'{count} runs')",
    ],
)
def test_the_rules_let_pass_what_is_safe(line: str) -> None:
    assert not list(problems(f"K = 'constant'\n{line}\n"))


BANNED = {
    "import pickle": "TID251",
    "import marshal": "TID251",
    "import shelve": "TID251",
    "import dill": "TID251",
    "import cloudpickle": "TID251",
    "from joblib import load": "TID251",
    "import yaml": "TID251",
    "from torch import load as read": "TID251",
    "import torch; torch.load('x')": "TID251",
    "import torch; torch.save({}, 'x')": "TID251",
    "from torch.serialization import load": "TID251",
    "import pandas as pd; pd.read_pickle('x')": "TID251",
    "import streamlit.components.v1 as components": "TID251",
    "import streamlit as st; st.components.v1.html('x')": "TID251",
    "import streamlit as st; st.iframe('x')": "TID251",
    "eval('1')": "S307",
    "exec('1')": "S102",
    "import subprocess; subprocess.run('x', shell=True)": "S602",
    "import tempfile; tempfile.mktemp()": "S306",
    "import tarfile; tarfile.open('x').extractall('y')": "S202",
    "import requests; requests.get('x', verify=False, timeout=1)": "S501",
}


def test_the_lint_rules_bite() -> None:
    source = "\n".join(BANNED) + "\n"
    command = [sys.executable, "-m", "ruff", "check", "--output-format=concise", "--no-cache"]
    done = subprocess.run(
        [*command, "--stdin-filename=pages/made_up.py", "-"],
        cwd=PROJECT, input=source, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = {
        (int(line.split(":")[1]), line.split(": ", 1)[1].split()[0].rstrip(":"))
        for line in done.stdout.splitlines()
        if line.startswith("pages")
    }
    wanted = {(number, code) for number, code in enumerate(BANNED.values(), 1)}
    assert wanted <= found
