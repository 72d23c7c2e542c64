"""A page of texts made inert, for test_inert.py; their file is the one argument."""

import json
import sys
from pathlib import Path

import pandas as pd
import streamlit as st

from pages.shared.escaping import inert

texts = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
st.table(pd.DataFrame({"text": [inert(text) for text in texts]}))
for number, text in enumerate(texts[:30]):
    with st.container(key=f"text_{number}"):
        st.error(inert(text))
        st.caption(f"Deleted **{inert(text)}** :gray[(gone)]")
st.title("All")
