"""A page of escaped texts for test_escaping.py; the argument is the file of the texts."""

import json
import sys
from pathlib import Path

import pandas as pd
import streamlit as st

from pages.shared.escaping import escape

texts = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
st.table(pd.DataFrame({"text": [escape(text) for text in texts]}))
for number, text in enumerate(texts[:30]):
    with st.container(key=f"text_{number}"):
        st.error(escape(text))
        st.caption(f"Deleted **{escape(text)}** :gray[(gone)]")
st.title("All")
