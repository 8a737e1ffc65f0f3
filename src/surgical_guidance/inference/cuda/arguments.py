"""The structures that ``frame.cu`` takes and gives, field by field."""

from __future__ import annotations

import ctypes
from ctypes import c_float, c_int, c_void_p
from enum import IntEnum, IntFlag

import numpy as np

MAX_CLASSES, MAX_COMPONENTS, MAX_BOXES, MAX_EXTRAS = 256, 64, 512, 32


class Encoding(IntEnum):
    """How a frame's bytes lie, named as in ``sensor_msgs/image_encodings.hpp`` where that has it."""

    bgr8 = 0
    rgb8 = 1
    mono8 = 2
    nv12 = 3
    yuyv = 4


class Type(IntEnum):
    """Type of a tensor's elements."""

    uint8 = 0
    float32 = 1
    float16 = 2


class Flag(IntFlag):
    """What is wrong with outputs."""

    NOT_FINITE = 1
    UNKNOWN_CLASS = 2
    TOO_MANY = 4


class Prepare(ctypes.Structure):
    """Takes a picture to a network's input. ``frame.cu`` tells what the fields are."""

    _fields_ = (
        ('source', c_void_p), ('target', c_void_p),
        ('source_width', c_int), ('source_height', c_int), ('source_step', c_int), ('encoding', c_int),
        ('width', c_int), ('height', c_int),
        ('left', c_int), ('top', c_int), ('inner_width', c_int), ('inner_height', c_int),
        ('scale_x', c_float), ('scale_y', c_float),
        ('rgb', c_int), ('nchw', c_int), ('type', c_int), ('bt709', c_int),
        ('border', c_float), ('gain', c_float * 3), ('offset', c_float * 3),
    )  # fmt: skip


class Reduce(ctypes.Structure):
    """Takes logits to classes and their probability."""

    _fields_ = (
        ('logits', c_void_p), ('labels', c_void_p), ('confidence', c_void_p), ('statistics', c_void_p),
        ('width', c_int), ('height', c_int), ('classes', c_int), ('type', c_int),
    )  # fmt: skip


class Map(ctypes.Structure):
    """Takes a class map to statistics and components."""

    _fields_ = (
        ('labels', c_void_p), ('confidence', c_void_p), ('confidence_levels', c_void_p), ('statistics', c_void_p),
        ('parent', c_void_p), ('area', c_void_p), ('slot', c_void_p),
        ('width', c_int), ('height', c_int), ('classes', c_int), ('type', c_int), ('smallest', c_int),
    )  # fmt: skip


class Decode(ctypes.Structure):
    """Takes a detector's raw output to boxes."""

    _fields_ = (
        ('raw', c_void_p), ('boxes', c_void_p),
        ('anchors', c_int), ('classes', c_int), ('extras', c_int), ('type', c_int), ('threshold', c_float),
    )  # fmt: skip


CLASS = np.dtype([
    ('area', '<u4'), ('from_left', '<u4'), ('from_top', '<u4'), ('right', '<u4'), ('bottom', '<u4'),
    ('confidence', '<u4')])  # fmt: skip

COMPONENT = np.dtype([
    ('label', '<u4'), ('area', '<u4'), ('from_left', '<u4'), ('from_top', '<u4'), ('right', '<u4'), ('bottom', '<u4'),
    ('sum_x', '<u8'), ('sum_y', '<u8'), ('confidence', '<u4'), ('first', '<u4')])  # fmt: skip

STATISTICS = np.dtype([
    ('flags', '<u4'), ('components', '<u4'), ('reserved', '<u4', (2,)),
    ('classes', CLASS, (MAX_CLASSES,)), ('component', COMPONENT, (MAX_COMPONENTS,))])  # fmt: skip

BOX = np.dtype([
    ('x', '<f4'), ('y', '<f4'), ('width', '<f4'), ('height', '<f4'), ('score', '<f4'),
    ('label', '<u4'), ('anchor', '<u4'), ('reserved', '<u4'), ('extras', '<f4', (MAX_EXTRAS,))])  # fmt: skip

BOXES = np.dtype([('flags', '<u4'), ('count', '<u4'), ('reserved', '<u4', (2,)), ('box', BOX, (MAX_BOXES,))])
