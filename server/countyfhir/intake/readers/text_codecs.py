"""The encodings that a mapping may declare (GB 18030-2005 reads whatever is declared as GBK or GB 2312)."""

CODECS = {
    "gb18030": "gb18030",
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "utf-8": "utf-8",
    "utf-8-sig": "utf-8",
}
"""Declared name -> codec. UTF-8 is read with or without a byte order mark."""
