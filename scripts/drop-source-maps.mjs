/**
 * Deletes the source maps of TensorFlow.js after an install of this repository: 204 of its 286 MB, which nothing here reads.
 * Only the root's `postinstall` runs this; whoever installs a published package gets TensorFlow.js as it is.
 */
import { existsSync, rmSync } from "node:fs";
import { files, root } from "./packages.mjs";

const folder = `${root}node_modules/@tensorflow`;
if (existsSync(folder)) for (const map of files(folder, (file) => file.endsWith(".map"))) rmSync(map);
