"""libpdemoe, found and declared. Every function that Python calls stands here with its types, as in pdemoe.h."""

from __future__ import annotations

import ctypes
import os
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_double, c_int, c_int32, c_int64, c_size_t, c_void_p
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Iterator

INTERFACE = (0, 1)  # of the header that the declarations below are of

LOG_FUNCTION = CFUNCTYPE(None, c_void_p, c_int, c_char_p, c_char_p)
SINK = CFUNCTYPE(None, c_void_p, c_char_p)
NUMBER = CFUNCTYPE(None, c_void_p, c_char_p, c_double)
BYTES = CFUNCTYPE(None, c_void_p, c_void_p, c_size_t)
PROGRESS = CFUNCTYPE(c_int, c_void_p, c_void_p)


class Quantity(Structure):
    """pdm_quantity"""

    _fields_ = [("name", c_char_p), ("units", c_char_p), ("long_name", c_char_p), ("first", c_int64), ("n", c_int64),
                ("n_dim", c_int64), ("low", c_double), ("high", c_double)]


class Dimension(Structure):
    """pdm_dimension"""

    _fields_ = [("name", c_char_p), ("units", c_char_p), ("long_name", c_char_p), ("n", c_int64),
                ("coordinate", POINTER(c_double))]


class ReferenceSettings(Structure):
    """pdm_reference_settings"""

    _fields_ = [("size", c_size_t), ("input", c_char_p), ("n_sample", c_int64), ("method", c_char_p),
                ("tolerance", c_double), ("max_unknowns", c_int64), ("max_seconds", c_double)]


class FitSettings(Structure):
    """pdm_fit_settings"""

    _fields_ = [("size", c_size_t), ("parameters", c_char_p), ("start", c_char_p), ("bounds", c_char_p),
                ("priors", c_char_p), ("noise", c_char_p), ("tolerance", c_double), ("max_iter", c_int64),
                ("max_unknowns", c_int64), ("apart", c_int)]


_OUT = POINTER(c_void_p)
_TEXT_OUT = POINTER(c_char_p)
_DOUBLES = c_void_p  # an address: of an array of NumPy, or None

# name: (result, arguments); a status where the result is c_int
_DECLARED = {
    "pdm_status_text": (c_char_p, [c_int]),
    "pdm_verdict_text": (c_char_p, [c_int32]),
    "pdm_reason_text": (c_char_p, [c_int32]),
    "pdm_version": (c_char_p, []),
    "pdm_build_info": (c_char_p, []),
    "pdm_context_create": (c_int, [c_void_p, _OUT]),
    "pdm_context_destroy": (c_int64, [_OUT]),
    "pdm_context_set_log": (None, [c_void_p, LOG_FUNCTION, c_void_p, c_int]),
    "pdm_context_set_threads": (c_int, [c_void_p, c_int]),
    "pdm_context_set_backend": (c_int, [c_void_p, c_char_p]),
    "pdm_context_set_memory": (c_int, [c_void_p, c_int64]),
    "pdm_context_error": (c_char_p, [c_void_p]),
    "pdm_context_memory": (None, [c_void_p, POINTER(c_int64), POINTER(c_int64), POINTER(c_int64)]),
    "pdm_units_conversion": (c_int, [c_void_p, c_char_p, c_char_p, POINTER(c_double), POINTER(c_double)]),
    "pdm_settings_describe": (c_int, [c_void_p, SINK, c_void_p]),
    "pdm_case_read": (c_int, [c_void_p, c_char_p, _OUT]),
    "pdm_case_create": (c_int, [c_void_p, _OUT]),
    "pdm_case_set_text": (c_int, [c_void_p, c_char_p, c_char_p, c_char_p]),
    "pdm_case_set_numbers": (c_int, [c_void_p, c_char_p, c_char_p, c_int64, _DOUBLES]),
    "pdm_case_set_array": (c_int, [c_void_p, c_char_p, c_char_p, c_int64, POINTER(c_char_p), POINTER(c_int64),
                                   _DOUBLES]),
    "pdm_case_get_text": (c_int, [c_void_p, c_char_p, c_char_p, _TEXT_OUT]),
    "pdm_case_destroy": (None, [_OUT]),
    "pdm_case_describe": (c_int, [c_void_p, SINK, c_void_p]),
    "pdm_case_check_data": (c_int, [c_void_p, c_char_p, SINK, NUMBER, c_void_p]),
    "pdm_reference_settings_init": (None, [POINTER(ReferenceSettings), c_size_t]),
    "pdm_case_reference": (c_int, [c_void_p, c_char_p, POINTER(ReferenceSettings), SINK, NUMBER, c_void_p]),
    "pdm_fit_settings_init": (None, [POINTER(FitSettings), c_size_t]),
    "pdm_case_fit": (c_int, [c_void_p, c_char_p, c_char_p, POINTER(FitSettings), SINK, NUMBER, c_void_p]),
    "pdm_model_fit": (c_int, [c_void_p, c_char_p, c_char_p, POINTER(FitSettings), SINK, NUMBER, c_void_p]),
    "pdm_model_create": (c_int, [c_void_p, _OUT]),
    "pdm_model_create_from": (c_int, [c_void_p, c_void_p, _OUT]),
    "pdm_model_read": (c_int, [c_void_p, c_char_p, _OUT]),
    "pdm_model_read_memory": (c_int, [c_void_p, c_char_p, c_size_t, _OUT]),
    "pdm_model_write_memory": (c_int, [c_void_p, BYTES, c_void_p]),
    "pdm_model_case": (c_int, [c_void_p, _OUT]),
    "pdm_model_write": (c_int, [c_void_p, c_char_p]),
    "pdm_model_destroy": (None, [_OUT]),
    "pdm_model_describe": (c_int, [c_void_p, SINK, c_void_p]),
    "pdm_model_set_training": (c_int, [c_void_p, c_char_p, c_char_p]),
    "pdm_model_train": (c_int, [c_void_p, c_char_p, PROGRESS, c_void_p]),
    "pdm_model_judge": (c_int, [c_void_p, c_char_p, SINK, c_void_p]),
    "pdm_model_step": (c_int64, [c_void_p]),
    "pdm_model_steps": (c_int64, [c_void_p]),
    "pdm_model_value": (c_double, [c_void_p, c_char_p]),
    "pdm_model_n_input": (c_int64, [c_void_p]),
    "pdm_model_n_field": (c_int64, [c_void_p]),
    "pdm_model_n_point": (c_int64, [c_void_p]),
    "pdm_model_n_dim": (c_int64, [c_void_p]),
    "pdm_model_count_inputs": (c_int64, [c_void_p]),
    "pdm_model_input": (c_int, [c_void_p, c_int64, POINTER(Quantity)]),
    "pdm_model_field": (c_int, [c_void_p, c_int64, POINTER(Quantity)]),
    "pdm_model_input_dimension": (c_int, [c_void_p, c_int64, c_int64, POINTER(Dimension)]),
    "pdm_model_bring_input": (c_int, [c_void_p, c_int64, c_int64, POINTER(c_int64), POINTER(c_void_p), _DOUBLES,
                                      _DOUBLES]),
    "pdm_model_output_dimension": (c_int, [c_void_p, c_int64, POINTER(Dimension)]),
    "pdm_model_set_output": (c_int, [c_void_p, c_char_p, c_int64, _DOUBLES]),
    "pdm_model_predict": (c_int, [c_void_p, c_int64, _DOUBLES, _DOUBLES, c_void_p]),
    "pdm_model_gradient": (c_int, [c_void_p, c_int64, _DOUBLES, _DOUBLES, _DOUBLES, _DOUBLES, c_void_p]),
    "pdm_model_set_verdict": (c_int, [c_void_p, c_int]),
    "pdm_model_set_estimate": (c_int, [c_void_p, c_int]),
    "pdm_model_set_polish": (c_int, [c_void_p, c_double]),
    "pdm_model_verdicts": (c_int, [c_void_p, c_int64, c_void_p, _DOUBLES, _DOUBLES]),
    "pdm_model_explain_verdict": (c_int, [c_void_p, c_int64, SINK, c_void_p]),
    "pdm_model_predict_file": (c_int, [c_void_p, c_char_p, c_char_p, c_double]),
    "pdm_model_evaluate_file": (c_int, [c_void_p, c_char_p, c_char_p, c_double, SINK, c_void_p]),
    "pdm_model_evaluate_exact": (c_int, [c_void_p, c_double, SINK, c_void_p]),
}


def _candidates() -> Iterator[str]:
    """Where the library may be: what PDEMOE_LIBRARY says, alone; beside this file, as in a wheel; the system."""
    said = os.environ.get("PDEMOE_LIBRARY")
    if said:
        yield said
        return
    yield from sorted(str(path) for path in Path(__file__).parent.glob("lib/libpdemoe.so*"))
    yield "libpdemoe.so.%d.%d" % INTERFACE


def _load() -> ctypes.CDLL:
    failures = []
    for path in _candidates():
        try:
            return ctypes.CDLL(path)
        except OSError as error:
            failures.append(str(error))
    raise ImportError("libpdemoe is not found; the variable PDEMOE_LIBRARY may name it:\n  " + "\n  ".join(failures))


def _declare(library: ctypes.CDLL) -> Any:
    """The functions above, and no others: one without types would be called with arguments of the wrong size."""
    functions = {}
    for name, (result, arguments) in _DECLARED.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise ImportError("%s has no %s: it is older than this package" % (library._name, name)) from None
        function.restype = result
        function.argtypes = arguments
        functions[name] = function
    version = functions["pdm_version"]().decode()
    if tuple(int(part) for part in version.split(".")[:2]) != INTERFACE:
        raise ImportError("%s is version %s; %d.%d expected" % ((library._name, version) + INTERFACE))
    return SimpleNamespace(**functions)


lib = _declare(_load())


def text_of(data: "bytes | None") -> str:
    """Text of the library, which may hold bytes of a file that are not UTF-8."""
    return (data or b"").decode("utf-8", "replace")
