// Gathers the modules of the package into dist/: they are those that the server itself serves, so there is one source.

import { copyFileSync, mkdirSync } from "node:fs";

const FROM = new URL("../flowact/live/server/static/", import.meta.url);
const TO = new URL("dist/", import.meta.url);
const MODULES = ["avatar-client", "avatar-element", "framing", "painter", "speaker", "speaker-worklet"];

mkdirSync(TO, { recursive: true });
for (const name of MODULES) copyFileSync(new URL(`${name}.js`, FROM), new URL(`${name}.js`, TO));
