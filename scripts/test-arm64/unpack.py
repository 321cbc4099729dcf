"""Unpacks from a wheel the files whose names match a pattern.

usage: unpack.py WHEEL FOLDER PATTERN
"""
import re
import sys
import zipfile

wheel, folder, pattern = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    archive.extractall(folder, [name for name in archive.namelist() if re.search(pattern, name)])
