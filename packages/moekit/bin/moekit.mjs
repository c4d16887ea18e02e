#!/usr/bin/env node
// Lies here, and not in dist, so that npm finds something to link before the first build.
import "../dist/cli.js";
