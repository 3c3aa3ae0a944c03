# ending: completed
# stdout: ok\n
import abc, argparse, array, ast, asyncio, base64, binascii, bisect, builtins, cProfile
import calendar, cmath, codecs, collections, collections.abc, colorsys, concurrent.futures
import configparser, contextlib, copy, copyreg, csv, dataclasses, datetime, decimal, difflib
import dis, doctest, email, enum, errno, fnmatch, fractions, functools, gc, getopt, glob
import graphlib, gzip, hashlib, heapq, hmac, html, html.parser, inspect, io, ipaddress
import itertools, json, keyword, linecache, locale, logging, math, numbers, operator, optparse
import os, os.path, pathlib, pickle, platform, pprint, profile, queue, random, re, reprlib
import resource, sched, secrets, shlex, shutil, signal, statistics, string, struct, sys
import tempfile, textwrap, threading, time, timeit, token, tokenize, traceback, types, typing
import unicodedata, unittest, unittest.mock, urllib.parse, uuid, warnings, weakref
import xml.etree.ElementTree, zipfile, zlib, zoneinfo
from math import *
from heapq import *

print("ok")
