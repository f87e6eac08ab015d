"""Build backend (PEP 517) of the Python package: the library by CMake, and the package with it in a wheel.

Settings, as in `pip install . -C library=none`:
    library  build (the default), or none: a wheel of Python alone, for a library that is installed
    cmake    options of CMake beside those here, in one text, as in a shell

Needs CMake, a C compiler and the libraries of docs/build.md; of Python nothing but its own. Wheels are for machines
with the same libraries: NetCDF, OpenBLAS and UDUNITS-2 stay where the system has them.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import shlex
import subprocess
import sysconfig
import tarfile
import zipfile
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "python" / "pdemoe"
BUILD = ROOT / "build" / "wheel"
_DATE = (1980, 1, 1, 0, 0, 0)  # of all files: a wheel depends on what is in it alone

Settings = Optional[Mapping[str, Any]]


def _version() -> str:
    """The version has one home: the public header."""
    header = (ROOT / "include/pdemoe/pdemoe.h").read_text(encoding="utf-8")
    return ".".join(re.findall(r"^#define PDM_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", header, re.MULTILINE))


def _metadata() -> str:
    return """Metadata-Version: 2.1
Name: pdemoe
Version: %s
Summary: Neural PDE solvers whose answer obeys the PDE
License: Apache-2.0
Requires-Python: >=3.9
Requires-Dist: numpy
Provides-Extra: xarray
Requires-Dist: xarray; extra == 'xarray'
Classifier: Programming Language :: Python :: 3
Classifier: Programming Language :: C
Classifier: Operating System :: POSIX :: Linux
Classifier: Topic :: Scientific/Engineering :: Mathematics
Description-Content-Type: text/markdown

%s""" % (_version(), (ROOT / "docs/python.md").read_text(encoding="utf-8"))


# ---- the library ----


def _build_library(settings: Mapping[str, Any]) -> List[Tuple[str, Path]]:
    """Library and plug-ins, by their names in the wheel."""
    options = ["-DCMAKE_BUILD_TYPE=Release", "-DBUILD_TESTING=OFF", "-DBUILD_SHARED_LIBS=ON", "-DPDM_MPI=OFF"]
    options += shlex.split(str(settings.get("cmake", "")))
    subprocess.run(["cmake", "-S", str(ROOT), "-B", str(BUILD), *options], check=True)
    names = subprocess.run(["cmake", "--build", str(BUILD), "--target", "help"], check=True, capture_output=True,
                           text=True).stdout
    targets = ["pdemoe"] + (["pdemoe_cuda"] if re.search(r"\bpdemoe_cuda\b", names) else [])
    jobs = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL", str(os.cpu_count() or 1))
    subprocess.run(["cmake", "--build", str(BUILD), "--parallel", jobs, "--target", *targets], check=True)
    soname = "libpdemoe.so." + ".".join(_version().split(".")[:2])
    files = [("pdemoe/lib/" + soname, BUILD / soname)]
    return files + [("pdemoe/lib/pdemoe/" + path.name, path) for path in sorted(BUILD.glob("lib/pdemoe/*.so"))]


# ---- the wheel ----


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _tag(settings: Mapping[str, Any]) -> str:
    choice = settings.get("library", "build")
    if choice not in ("build", "none"):
        raise ValueError("library=%s; build or none expected" % choice)
    return "py3-none-" + (re.sub(r"[-.]", "_", sysconfig.get_platform()) if choice == "build" else "any")


def _info(tag: str) -> Dict[str, bytes]:
    """What stands beside the package, without the record."""
    return {
        "METADATA": _metadata().encode(),
        "WHEEL": ("Wheel-Version: 1.0\nGenerator: pdemoe_build\nRoot-Is-Purelib: %s\nTag: %s\n"
                  % (str(tag.endswith("any")).lower(), tag)).encode(),
        "LICENSE": (ROOT / "LICENSE").read_bytes(),
    }


def _write_wheel(path: Path, tag: str, files: Dict[str, bytes]) -> None:
    info = "pdemoe-%s.dist-info/" % _version()
    files.update((info + name, data) for name, data in _info(tag).items())
    record = ["%s,sha256=%s,%d" % (name, _digest(data), len(data)) for name, data in files.items()]
    files[info + "RECORD"] = "\n".join(record + [info + "RECORD,,", ""]).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100755 if ".so" in name else 0o100644) << 16
            archive.writestr(entry, data)


def build_wheel(wheel_directory: str, config_settings: Settings = None,
                metadata_directory: Optional[str] = None) -> str:
    """The package, and unless library=none the library that it opens."""
    settings = config_settings or {}
    tag = _tag(settings)
    files = {"pdemoe/" + path.name: path.read_bytes() for path in sorted(PACKAGE.iterdir())
             if path.suffix == ".py" or path.name == "py.typed"}
    if not tag.endswith("any"):
        files.update((name, path.read_bytes()) for name, path in _build_library(settings))
    name = "pdemoe-%s-%s.whl" % (_version(), tag)
    _write_wheel(Path(wheel_directory) / name, tag, files)
    return name


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: Settings = None) -> str:
    """The metadata, without building anything."""
    folder = Path(metadata_directory) / ("pdemoe-%s.dist-info" % _version())
    folder.mkdir()
    for name, data in _info(_tag(config_settings or {})).items():
        (folder / name).write_bytes(data)
    return folder.name


# ---- the source ----


def _sources() -> List[Path]:
    """What git knows of; in an unpacked source, all that is there."""
    said = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=False)
    if said.returncode == 0:
        return [ROOT / name for name in said.stdout.split("\0") if name]
    return [path for path in sorted(ROOT.rglob("*"))
            if path.is_file() and path.relative_to(ROOT).parts[0] not in ("build", "PKG-INFO")]


def build_sdist(sdist_directory: str, config_settings: Settings = None) -> str:
    """The whole tree: the wheel that is made of it builds the library."""
    base = "pdemoe-" + _version()
    with tarfile.open(Path(sdist_directory) / (base + ".tar.gz"), "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for path in _sources():
            archive.add(path, "%s/%s" % (base, path.relative_to(ROOT)), recursive=False)
        data = _metadata().encode()
        entry = tarfile.TarInfo(base + "/PKG-INFO")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return base + ".tar.gz"


def get_requires_for_build_wheel(config_settings: Settings = None) -> List[str]:
    """Nothing that pip would have to fetch."""
    return []


def get_requires_for_build_sdist(config_settings: Settings = None) -> List[str]:
    """Likewise."""
    return []
