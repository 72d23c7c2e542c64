"""Rewrites the diagram of rooms in docs/architecture.md from the imports of the code.

python -m tools.imports
"""

from pathlib import Path

import grimp
import networkx

ARCHITECTURE = Path(__file__).parents[1] / "docs" / "architecture.md"
_BEGIN, _END = "```mermaid\n", "```\n"
_FOUNDATION = "config, records, errors, …"
"""Modules directly in `s2s`, which every room may import."""


def diagram() -> str:
    """Return a Mermaid graph with an arrow from each room to the rooms that it imports.

    Arrows that follow from others are left out: `pages` imports `store` both directly and through
    `background`, and only the path through `background` is drawn.
    """
    imports = grimp.build_graph("s2s", "pages")
    rooms = networkx.DiGraph()
    for module in imports.modules:
        for imported in imports.find_modules_directly_imported_by(module):
            rooms.add_edge(_room(module), _room(imported))
    rooms.remove_node(_FOUNDATION)
    rooms.remove_edges_from(list(networkx.selfloop_edges(rooms)))
    arrows = sorted(networkx.transitive_reduction(rooms).edges)
    return "\n".join(["graph TD", *(f"    {room} --> {imported}" for room, imported in arrows), ""])


def with_diagram(text: str) -> str:
    """Return the page's text with today's diagram in place of its Mermaid block."""
    before, block = text.split(_BEGIN, 1)
    after = block.split(_END, 1)[1]
    return before + _BEGIN + diagram() + _END + after


def _room(module: str) -> str:
    package, _, rest = module.partition(".")
    if package == "pages":
        return package
    name = rest.partition(".")[0]
    is_room = (Path(__file__).parents[1] / "s2s" / name).is_dir()
    return name if name and is_room else _FOUNDATION


if __name__ == "__main__":
    ARCHITECTURE.write_text(with_diagram(ARCHITECTURE.read_text(encoding="utf-8")), "utf-8")
