"""Starting the provider of `provider_site.py`, and telling it what to say."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

CLIENT, SECRET = "ims-client", "ims-client-secret"
CALLBACK = "/account/sign-in/directory/town/back/"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Provider:
    """One provider process on the loopback address."""

    def __init__(self, folder: Path, *origins: str) -> None:
        self.folder, self.port = folder, free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.says(user="olu")
        environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        self._log = (folder / "provider.log").open("w")
        self.process = subprocess.Popen(
            [
                sys.executable,
                str(Path(__file__).with_name("provider_site.py")),
                str(self.port),
                *(origin + CALLBACK for origin in origins),
            ],
            env=environment | {"PROVIDER_FOLDER": str(folder)},
            stdout=self._log,
            stderr=self._log,
        )
        self._wait()

    def says(self, **state: Any) -> None:
        """What the provider does and says from now on."""
        part = self.folder / "state.part"
        part.write_text(json.dumps(state))
        part.replace(self.folder / "state.json")

    def accepts(self, origin: str) -> None:
        """Let the provider send browsers back to IMS at `origin`, too."""
        query = urllib.parse.urlencode({"uri": origin + CALLBACK})
        with urllib.request.urlopen(f"{self.issuer}/accept/?{query}", timeout=10):
            pass

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        self._log.close()

    def directory(self, **more: Any) -> dict[str, Any]:
        """This provider as one of the council's directories, as the settings hold it."""
        from ims.settings.directories import described, read_directories

        given = {"id": "town", "name": "Town directory", "issuer": self.issuer, "client_id": CLIENT, **more}
        return described(read_directories(json.dumps([given])), {"town": SECRET})[0]

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError((self.folder / "provider.log").read_text())
            try:
                with urllib.request.urlopen(f"{self.issuer}/.well-known/openid-configuration", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("the provider did not start")
