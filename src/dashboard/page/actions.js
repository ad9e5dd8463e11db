// Changes: buttons that are disabled without the token, and the place where their outcome is said.
/** @import { Action, Change, Child, ElementDescription, Redraw } from "./types.d.ts" */
import { ApiError, post } from "./api.js";
import { byId, h, render } from "./dom.js";
import { look } from "./live.js";
import { describeError } from "./parts.js";
import { askForToken, readToken } from "./token.js";

const SHOWN_MS = 8000;
/** @type {Set<string>} */
const running = new Set();
/** @type {Redraw} */
let redraw = () => {};
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** @type {(onChange: Redraw) => void} */
export function startActions(onChange) {
  redraw = onChange;
}

/**
 * A button for one change. `said(answer)` is the sentence for when it has worked.
 * @type {<P extends string>(action: Action<P>) => ElementDescription}
 */
export function action({ label, path, body, said, then, class: kind }) {
  const key = `${path} ${JSON.stringify(body ?? {})}`;
  const busy = running.has(key);
  return h(
    "button",
    {
      type: "button",
      key: `action ${label} ${path}`,
      class: kind,
      disabled: busy || readToken() === null,
      "aria-describedby": readToken() === null ? "locked" : null,
      onclick: () => change({ key, path, body, said, then }),
    },
    busy ? `${label} …` : label,
  );
}

/** Stands beside the buttons of a panel for as long as they are disabled. */
export function lockHint() {
  if (readToken() !== null) return null;
  return h(
    "p",
    { class: "locked", id: "locked" },
    "Changes need the token. ",
    h("button", { type: "button", class: "quiet", onclick: askForToken }, "Enter the token"),
  );
}

/** @type {<P extends string>(change: Change<P>) => Promise<void>} */
export async function change({ key, path, body, said, then }) {
  running.add(key);
  redraw();
  try {
    const answer = await post(path, body);
    say("good", said(answer));
    then?.();
    await look().catch(() => undefined); // The next message will show it.
  } catch (error) {
    // A refused token was just forgotten: the same page asks for another.
    const shown =
      error instanceof ApiError && error.status === 401
        ? new ApiError(error.message, { fix: error.fix ?? "enter the token again", status: 401 })
        : error;
    say("bad", describeError(shown));
  } finally {
    running.delete(key);
    redraw();
  }
}

/** @type {(kind: "good" | "bad", content: Child) => void} */
function say(kind, content) {
  clearTimeout(timer);
  const place = byId("outcome");
  const hide = () => render(place);
  const close = h("button", { type: "button", class: "quiet", "aria-label": "Close this message", onclick: hide }, "×");
  // A new message is a new node, so that the same words are read out again.
  render(place);
  render(place, h("div", { class: `toast ${kind}` }, h("div", null, content), close));
  // An error stays until it was read.
  if (kind === "good") timer = setTimeout(hide, SHOWN_MS);
}
