#!/usr/bin/env bash
# Makes the pictures of docs/images anew: starts a registry with some images in it, and takes a picture of each of the main
# pages in Chromium. Look at each of them before you commit them.
set -euo pipefail
cd "$(dirname "$0")/.."
dotnet build tests/Berth.BrowserTests -c Release --nologo --verbosity quiet
BERTH_TEST_WRITE=1 tests/Berth.BrowserTests/bin/Release/net10.0/Berth.BrowserTests -noLogo \
  -class Berth.BrowserTests.ScreenshotTests
ls -l docs/images
