"""Gets the Sweet Home 3D furniture libraries: Debian packages, fetched by apt into the user's cache, or in a folder.

`libraries(folder)` returns {library: archive}; the archives are read where they lie, as the zip files they are.
"""
import os
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

PACKAGES = ("sweethome3d-furniture", "sweethome3d")
ARCHIVES = {"default": "sweethome3d.jar", "BlendSwap-CC-0": "BlendSwap-CC-0.sh3f", "BlendSwap-CC-BY":
            "BlendSwap-CC-BY.sh3f", "KatorLegaz": "KatorLegaz.sh3f", "Reallusion": "Reallusion.sh3f",
            "Scopia": "Scopia.sh3f"}
REMEDY = ("get them with `apt-get download sweethome3d sweethome3d-furniture` where there is a network, and name "
          "their folder: --furniture FOLDER")


def cache_folder() -> Path:
    """Where fetched libraries and converted models are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "synthetic_furniture"


def libraries(folder: str | Path | None = None) -> dict[str, Path]:
    """The archive of each library, from `folder` (with the .deb files or what they hold), else from the cache.

    What the cache lacks is fetched by apt. Raises OSError where a library is missing and cannot be had.
    """
    if folder is not None and not Path(folder).is_dir():
        raise OSError(f"--furniture {folder}: is no folder; {REMEDY}")
    home = cache_folder() / "libraries"
    found = _find(Path(folder) if folder is not None else home)
    if folder is not None and len(found) < len(ARCHIVES):  # packages that are still packed
        found = _unpack(sorted(Path(folder).rglob("sweethome3d*.deb")), home) | found
    if folder is None and len(found) < len(ARCHIVES):
        found = _fetch(home)
    missing = sorted(set(ARCHIVES) - set(found))
    if missing:
        raise OSError(f"{folder or home}: holds no {', '.join(ARCHIVES[name] for name in missing)}; {REMEDY}")
    return found


def _find(folder: Path) -> dict[str, Path]:
    """The archives that lie anywhere under a folder."""
    files = {path.name: path for path in folder.rglob("*") if path.suffix in (".sh3f", ".jar")}
    return {name: files[file] for name, file in ARCHIVES.items() if file in files and zipfile.is_zipfile(files[file])}


def _fetch(home: Path) -> dict[str, Path]:
    if shutil.which("apt-get") is None:
        raise OSError(f"furniture models: there is no apt-get here; {REMEDY}")
    with tempfile.TemporaryDirectory() as work:
        done = subprocess.run(["apt-get", "download", *PACKAGES], cwd=work, capture_output=True, text=True)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise OSError(f"furniture models: apt-get download {' '.join(PACKAGES)} failed ({last}); {REMEDY}")
        return _unpack(sorted(Path(work).glob("*.deb")), home)


def _unpack(packages: list[Path], home: Path) -> dict[str, Path]:
    """Move the archives out of .deb files to `home`."""
    for package in packages:
        with tempfile.TemporaryDirectory() as work:
            if shutil.which("dpkg-deb"):
                command = ["dpkg-deb", "-x", str(package), work]
            else:  # an .deb is an ar archive with a tar of the files in it
                command = ["sh", "-c", 'ar x "$0" --output "$1" && tar -xf "$1"/data.tar.* -C "$1"', str(package), work]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise OSError(f"{package}: cannot be unpacked ({done.stderr.strip()[-200:]}); fetch it again")
            for path in _find(Path(work)).values():
                home.mkdir(parents=True, exist_ok=True)
                part = home / f".{path.name}.{os.getpid()}"  # complete, or not there
                shutil.copyfile(path, part)
                os.replace(part, home / path.name)
    return _find(home)
