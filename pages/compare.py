"""Runs side by side."""

import streamlit as st

st.title("Compare")
