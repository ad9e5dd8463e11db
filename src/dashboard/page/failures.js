// Why videos failed, grouped by cause, and trying a whole group again.
/** @import { ReadAnswer, Child, ElementDescription, FailureGroup, OpenPanel } from "./types.d.ts" */
import { action, lockHint } from "./actions.js";
import { get } from "./api.js";
import { h } from "./dom.js";
import { count, plural } from "./format.js";
import { live } from "./live.js";
import { link, Resource, stateBadge, table } from "./parts.js";

/** @type {OpenPanel} */
export function openFailures(_params, redraw) {
  const groups = new Resource((signal) => get("failures", { signal }), redraw);
  return {
    title: "Failures",
    view: () => view(groups),
    onOverview: () => groups.refresh(),
    close: () => groups.close(),
  };
}

/** @type {(resource: Resource<ReadAnswer<"failures">>) => Child} */
function view(resource) {
  return resource.show(({ failures: groups }) => {
    const counts = live.overview?.counts;
    const failed = counts ? counts.failed + counts.quarantined : groups.reduce((sum, group) => sum + group.count, 0);
    const then = () => resource.load();
    const all = {
      label: "Retry all of them",
      path: "videos/retry",
      body: { state: ["failed", "quarantined"] },
      said: sayRetried,
      then,
      class: "primary",
    };
    return [
      failed > 0 &&
        h(
          "div",
          { class: "row card" },
          h(
            "p",
            { class: "grow" },
            h("b", null, plural(failed, "video")),
            failed === 1 ? " has failed or is quarantined." : " have failed or are quarantined.",
          ),
          action(all),
          lockHint(),
        ),
      table({
        caption: "Reasons, the most frequent first",
        empty: "No video has failed.",
        key: (group) => `${group.state} ${group.reason}`,
        rows: groups,
        columns: [
          { head: "Reason", cell: reasonCell, class: "wide" },
          { head: "State", cell: (group) => stateBadge(group.state) },
          { head: "Videos", cell: (group) => count(group.count), class: "number" },
          {
            head: "For example",
            cell: ({ sample }) => link(`videos/${sample}`, `video ${sample}`),
          },
          { head: "Try again", cell: (group) => retryGroup(group, then) },
        ],
      }),
    ];
  });
}

/** @type {(failure: { reason: string }) => ElementDescription} */
export function reasonCell({ reason }) {
  return h("span", { class: "reason" }, reason === "" ? "no reason is known" : reason);
}

/** @type {(answer: { retried?: number }) => string} */
export function sayRetried({ retried }) {
  return retried === undefined
    ? "They are pending again."
    : `${plural(retried, "video")} ${retried === 1 ? "is" : "are"} pending again.`;
}

/** @type {(group: FailureGroup, then: () => unknown) => ElementDescription} */
function retryGroup({ state, reason, count: videos }, then) {
  return action({
    label: `Retry ${count(videos)}`,
    path: "videos/retry",
    body: { state: [state], reason },
    said: sayRetried,
    then,
  });
}
