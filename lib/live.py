"""A page that asks a stage-1 network: `Asker(weights).add(scene, texts)` stores answers, `serve` asks live.

The server is the standard library's, answers on the loopback address unless told otherwise, and only to its own page.
"""
import hmac
import json
import threading
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from datasets.scans.read import ScanOptions
from lib.language.queries import Finder, Seen
from lib.network_folder import PRETRAINED, PRETRAINED_TEXT, WEIGHTS
from lib.view.page.make import Page
from lib.view.page.pack import heat_bytes
from lib.view.page.scene import Heat, PageScene, heat_of

LOOPBACK = "127.0.0.1"
KEPT = 4  # scans whose features stay in memory
LONGEST_BODY = 10_000  # bytes of a question


def find_weights(flag: str | None) -> str | None:
    """What `--weights` names, else the clone's network of stage 1, else None."""
    if flag is None:
        return PRETRAINED_TEXT if (WEIGHTS / PRETRAINED_TEXT).is_dir() else None
    return PRETRAINED_TEXT if flag == PRETRAINED and not Path(flag).exists() else flag


class Asker:
    """A stage-1 network, and what it saw of the scans that it was asked about last."""

    def __init__(self, weights: str | Path, options: ScanOptions | None = None):
        """Raises as `Finder`."""
        options = options or ScanOptions()
        self.finder = Finder(weights, {"unit": options.unit, "up": options.up})
        self.negatives = self.finder.embed(self.finder.negatives)
        self.seen: OrderedDict[Path, tuple[Seen, np.ndarray]] = OrderedDict()
        self.lock = threading.Lock()  # one question at a time: the network takes all cores

    def heat(self, scene: PageScene, text: str) -> Heat:
        """Relevancy of a text at the page's points. Raises ValueError for a text that is empty or too long."""
        with self.lock:
            query = self.finder.embed([text])[0]
            seen, places = self._look(scene)
            return heat_of(text, seen.relevancy(query, self.negatives)[seen.inverse], places)

    def add(self, scene: PageScene, texts: list[str]) -> None:
        scene.heats += [self.heat(scene, text) for text in texts]

    def _look(self, scene: PageScene) -> tuple[Seen, np.ndarray]:
        """What the network sees of a scan, and which of its points each of the page's is."""
        if scene.path not in self.seen:
            seen = self.finder.look(scene.panels.path)
            if len(seen.scene.points) == scene.total:
                places = scene.kept
            else:  # faces of a mesh are sampled for other voxels
                places = cKDTree(seen.scene.points).query(scene.panels.points, workers=-1)[1]
            self.seen[scene.path] = seen, places
            if len(self.seen) > KEPT:
                self.seen.popitem(last=False)
        self.seen.move_to_end(scene.path)
        return self.seen[scene.path]


def make_server(page: Page, word: str, asker: Asker | None, host: str = LOOPBACK, port: int = 0) -> ThreadingHTTPServer:
    """A server of the page at `/`, and of answers at `/ask`. word: what the page was made with as `served`.

    Raises OSError where the port is taken.
    """
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self._own() or self.path not in ("/", "/index.html"):
                return self._answer(404, b"not here")
            self._answer(200, page.html.encode(), "text/html; charset=utf-8")

        def do_POST(self) -> None:
            if not self._own() or asker is None or self.path != "/ask":
                return self._answer(404, b"not here")
            if not hmac.compare_digest(self.headers.get("X-Page", "").encode(), word.encode()):
                return self._answer(403, b"only the page that this server gave may ask; load it again")
            try:
                length = int(self.headers.get("Content-Length", ""))
                if not 0 <= length <= LONGEST_BODY:
                    raise ValueError(f"a question of {length} bytes")
                question = json.loads(self.rfile.read(length))
                text, number = question["text"], question["scene"]
                if not isinstance(text, str) or type(number) is not int or not 0 <= number < len(page.scenes):
                    raise ValueError("no text, or no such scene")
                heat = asker.heat(page.scenes[number], text)
            except (ValueError, KeyError, TypeError, OSError) as error:
                return self._answer(400, " ".join(str(error).split()).encode(errors="replace")[:300])
            self._answer(200, heat_bytes(heat).tobytes(), "application/octet-stream",
                         **{"X-Low": f"{heat.low:.6f}", "X-High": f"{heat.high:.6f}"})

        def _own(self) -> bool:
            """Whether the browser calls this server by its own name: a foreign name that leads here reads nothing."""
            name = self.headers.get("Host", "").rpartition(":")[0]
            return host not in (LOOPBACK, "localhost", "::1") or name in (LOOPBACK, "localhost", "[::1]")

        def _answer(self, code: int, body: bytes, kind: str = "text/plain; charset=utf-8", **more: str) -> None:
            self.send_response(code)
            for name, value in ({"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-store",
                                 "X-Content-Type-Options": "nosniff"} | more).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments) -> None:
            pass

    return ThreadingHTTPServer((host, port), Handler)


def serve(page: Page, word: str, asker: Asker | None, host: str, port: int) -> None:
    """Serve until Ctrl-C."""
    with make_server(page, word, asker, host, port) as server:
        print(f"http://{host}:{server.server_address[1]}/   (Ctrl-C ends it)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
