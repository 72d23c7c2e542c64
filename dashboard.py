"""The door of the dashboard: `streamlit run dashboard.py`."""

import os

# torch's worker threads spin while they wait, which starves them and this server of each other
# on few cores; a short spin keeps 0.95 of the lone speed. Read when torch is first imported.
os.environ.setdefault("GOMP_SPINCOUNT", "30000")

import streamlit as st

from pages.parts import status
from pages.parts.live_chart import provide_plotly

# Before the pages: a Material icon as the tab's own would be fetched from Google.
st.set_page_config(page_icon="🔤", layout="wide")
page = st.navigation(
    [
        st.Page("pages/train.py", title="Train", icon=":material/model_training:", default=True),
        st.Page("pages/compare.py", title="Compare", icon=":material/bar_chart:"),
        st.Page("pages/translate.py", title="Translate", icon=":material/translate:"),
        st.Page("pages/corpora.py", title="Corpora", icon=":material/library_books:"),
        st.Page("pages/system.py", title="System", icon=":material/memory:"),
    ],
    position="top",
)
st.set_page_config(page_title=f"{page.title} · s2s")
status.strip(provide_plotly())
page.run()
