"""What the emulator's Python is started with: this folder, in which it finds the launcher and nothing else of ours."""

from launcher.run import run  # type: ignore[import-not-found]

run()
