// @ts-check
// The studio's browser code: htmx, its event stream, and small behaviours bound once to the document. Everything that
// needs a client program of its own is a web component under islands/; heavy ones fetch their library when first seen.
import "htmx.org";
import "htmx.org/dist/ext/hx-sse.js";
import "./islands/column-roles.js";
import "./islands/command-palette.js";
import "./islands/coverage-slider.js";
import "./islands/label-station.js";
import "./islands/sql-editor.js";
import "./islands/vega-chart.js";
import { bindCopy } from "./copy.js";
import { bindDrop } from "./drop.js";
import { bindKeys } from "./keys.js";
import { bindRemembered } from "./remember.js";
import { bindTheme } from "./theme.js";
import { sendLeftovers } from "./station/outbox.js";
import { bindTimes } from "./times.js";
import { bindToasts } from "./toast.js";

bindCopy();
bindDrop();
bindKeys();
bindRemembered();
bindTheme();
bindTimes();
bindToasts();
sendLeftovers();
