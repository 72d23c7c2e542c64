"""The browser tab's title while something trains, so that progress shows from other tabs."""

import streamlit as st

_component = st.components.v2.component(
    "s2s_tab_title",
    js="""
let before;
export default function ({ data }) {
    before ??= document.title;
    document.title = data;
    // Leaving the page: back to the page's own title, unless another one is set already.
    return () => { if (document.title === data) document.title = before; };
}
""",
)


def tab_title(text: str) -> None:
    """Stands for as long as it is drawn."""
    _component(data=text, key="tab_title")
