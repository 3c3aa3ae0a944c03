"""Which modules a program can import.

No standard library is mounted at run time: what is not imported while the guest is built
does not exist later. Modules that need what WASI lacks are left out even where the import
itself would succeed, so that a program that asks for them is known to be unsupported.
"""

import importlib

MODULES = """
__future__ _pydatetime _pydecimal _pyio _pylong _strptime abc annotationlib argparse array ast
asyncio asyncio.queues atexit base64 binascii bisect builtins cProfile calendar cmath cmd
code codecs codeop collections collections.abc colorsys compression compression.zlib
concurrent.futures concurrent.futures.thread configparser contextlib contextvars copy
copyreg csv dataclasses datetime decimal difflib dis doctest email email.message
email.utils encodings encodings.ascii encodings.big5 encodings.cp037 encodings.cp1250
encodings.cp1251 encodings.cp1252 encodings.cp437 encodings.cp866 encodings.euc_jp
encodings.euc_kr encodings.gb18030 encodings.gb2312 encodings.gbk encodings.hex_codec
encodings.base64_codec encodings.rot_13 encodings.idna encodings.iso8859_1
encodings.iso8859_2 encodings.iso8859_5 encodings.iso8859_15 encodings.koi8_r
encodings.latin_1 encodings.mac_roman encodings.punycode encodings.raw_unicode_escape
encodings.shift_jis encodings.undefined encodings.unicode_escape encodings.utf_16
encodings.utf_16_be encodings.utf_16_le encodings.utf_32 encodings.utf_32_be
encodings.utf_32_le encodings.utf_7 encodings.utf_8 encodings.utf_8_sig
encodings.zlib_codec enum errno faulthandler filecmp fileinput fnmatch fractions functools
gc genericpath getopt getpass gettext glob graphlib gzip hashlib heapq hmac html
html.entities html.parser importlib importlib.abc importlib.machinery importlib.util
inspect io ipaddress itertools json json.decoder json.encoder json.scanner json.tool
keyword linecache locale logging logging.config logging.handlers marshal math mimetypes
modulefinder ntpath numbers opcode operator optparse os os.path pathlib pdb pickle
pickletools pkgutil platform plistlib posix posixpath pprint profile pstats pyclbr pydoc
queue quopri random re reprlib rlcompleter runpy sched secrets select selectors shelve shlex
shutil signal site sre_compile sre_constants sre_parse stat statistics string
string.templatelib stringprep struct symtable sys sysconfig tabnanny tarfile tempfile
textwrap threading time timeit token tokenize tomllib trace traceback tracemalloc types
typing unicodedata unittest unittest.mock unittest.async_case urllib urllib.error
urllib.parse uuid warnings wave weakref xml xml.dom xml.dom.minidom xml.etree
xml.etree.ElementTree xml.sax zipfile zipimport zlib zoneinfo
""".split()

# Imported on the way by the modules above, but of no use in WASI.
UNUSABLE = ("_socket", "socket", "ssl", "subprocess", "multiprocessing", "http", "urllib.request")

# Packages outside the standard library that programs commonly expect.
THIRD_PARTY = frozenset(
    """
    Crypto IPython absl aiohttp astropy attr bitarray blist boto3 bs4 cachetools cffi chess
    click cryptography cupy cv2 cvxopt cvxpy cython dateutil distributed django dask docx
    fastapi flask gmpy gmpy2 graphviz hypothesis igraph imageio intervaltree jax joblib
    jinja2 keras lightgbm llvmlite lxml markdown matplotlib mip more_itertools mpmath
    msgpack multipledispatch multiset mypy networkx nltk nose numba numexpr numpy nx openpyxl
    ortools pandas parameterized patsy pip PIL pkg_resources plotly polars primesieve
    prettytable psutil psycopg2 pulp pyarrow pycparser pydantic pygame pygments pylab
    pyparsing pytest pythran pytz pyximport rdkit redis regex requests rich scipy seaborn
    setuptools shapely simplejson six skimage sklearn sortedcollections sortedcontainers
    spacy sqlalchemy statsmodels sympy tabulate tensorflow tensorflow_probability termcolor
    theano timeout_decorator toolz toml torch torchvision tornado tqdm transformers treelib
    typing_extensions tzlocal ujson unidecode urllib3 vispy wordcloud xarray xgboost xlrd
    xmltodict yaml z3
    """.split()
)


def import_all():
    for name in MODULES:
        importlib.import_module(name)
