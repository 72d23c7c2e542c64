"""Analysis of stored records. The functions are pure: they read and write no files."""
