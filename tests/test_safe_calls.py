"""The sources load no file that can run code, and their pages show no HTML but constants."""

import ast
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[1]
SOURCES = sorted(
    [PROJECT / "dashboard.py", *PROJECT.glob("s2s/**/*.py"), *PROJECT.glob("pages/**/*.py")]
)
MARKDOWN = {
    "button", "caption", "error", "expander", "header", "info", "markdown", "popover", "progress",
    "status", "subheader", "success", "tabs", "title", "toast", "warning", "write",
}  # fmt: skip
NEVER = {"unsafe_allow_html", "unsafe_allow_javascript", "allow_pickle"}


def find_problems(source: str) -> Iterator[str]:
    """Yield the problems in a module's source."""
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
        keywords = {each.arg: each.value for each in call.keywords if each.arg}
        for keyword in NEVER & keywords.keys():
            if ast.unparse(keywords[keyword]) != "False":
                yield f"line {call.lineno}: {keyword}"
        if ast.unparse(keywords.get("weights_only", ast.Constant(True))) != "True":
            yield f"line {call.lineno}: weights_only"
        code = call.args if name == "html" else []
        if name == "component":
            code = [keywords[each] for each in ("html", "css", "js") if each in keywords]
        for each in code:
            if not _is_constant(each, constants):
                yield f"line {call.lineno}: HTML that is not a constant"
        if name in MARKDOWN and call.args and _is_unescaped(call.args[0]):
            yield f"line {call.lineno}: text that is not escaped"


def _is_constant(node: ast.expr, constants: set[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in constants
    if isinstance(node, ast.BinOp):
        return _is_constant(node.left, constants) and _is_constant(node.right, constants)
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_unescaped(node: ast.expr) -> bool:
    """Return whether the node is `str(error)`, or an f-string with `{error}`."""
    if isinstance(node, ast.JoinedStr):
        values = [each.value for each in node.values if isinstance(each, ast.FormattedValue)]
        return bool({ast.unparse(each) for each in values} & {"error", "text", "message"})
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "str"


def test_every_module_follows_the_rules() -> None:
    problems = {
        str(path.relative_to(PROJECT)): list(find_problems(path.read_text(encoding="utf-8")))
        for path in SOURCES
    }
    assert len(problems) > 100
    assert not {path: found for path, found in problems.items() if found}
