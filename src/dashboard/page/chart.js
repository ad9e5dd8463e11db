// Charts by uPlot, in the colours of the page; a sentence beside them says the same to those who cannot see them.
/** @import { ElementDescription, SeriesPoint } from "./types.d.ts" */
import { h } from "./dom.js";
import { onThemeChange } from "./theme.js";

const HEIGHT = 200;
const MINUTE_S = 60;
/** An hour of which only the last minutes have anything to show is not shown whole. */
const FEWEST_MINUTES = 15;

/** Videos a minute: `points` are `{ at, completed, failed }`, one a minute. */
export class RateChart {
  /** @type {uPlot | undefined} */
  #plot;
  /** @type {HTMLElement | undefined} */
  #place;
  /** @type {SeriesPoint[]} */
  #points = [];
  /** @type {(() => void)[]} */
  #stop = [];

  /**
   * The element; uPlot owns what is inside.
   * @type {(hour: SeriesPoint[]) => ElementDescription}
   */
  view(hour) {
    const points = withoutTheTimeBefore(hour);
    this.#points = points;
    this.#plot?.setData(toData(points));
    const completed = points.reduce((sum, point) => sum + point.completed, 0);
    const failed = points.reduce((sum, point) => sum + point.failed, 0);
    const label = `Videos that ended in each of the last ${points.length} minutes: ${completed} completed, ${failed} failed.`;
    return h("div", {
      key: "rate-chart",
      class: "chart",
      role: "img",
      "aria-label": label,
      own: (place) => this.#fill(place),
    });
  }

  close() {
    for (const stop of this.#stop) stop();
    this.#plot?.destroy();
    this.#plot = undefined;
  }

  /** @type {(place: HTMLElement) => void} */
  #fill(place) {
    this.close();
    this.#place = place;
    this.#draw();
    const observer = new ResizeObserver(() => this.#plot?.setSize({ width: place.clientWidth, height: HEIGHT }));
    observer.observe(place);
    this.#stop = [() => observer.disconnect(), onThemeChange(() => this.#draw())];
  }

  #draw() {
    this.#plot?.destroy();
    const place = this.#place;
    if (place === undefined) return;
    /** @type {(name: string) => string} */
    const colour = (name) => resolveColour(place, name);
    /** @type {uPlot.Axis} */
    const axis = {
      stroke: colour("--quiet"),
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { show: false },
      font: "12px system-ui, sans-serif",
    };
    const bars = uPlot.paths.bars?.({ size: [0.8, 40] });
    /** @type {(label: string, name: string) => uPlot.Series} */
    const series = (label, name) => ({
      label,
      ...(bars && { paths: bars }),
      points: { show: false },
      fill: colour(name),
      stroke: colour(name),
      width: 0,
    });
    this.#plot = new uPlot(
      {
        width: place.clientWidth || 600,
        height: HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        select: { show: false, left: 0, top: 0, width: 0, height: 0 },
        scales: {
          x: { time: true, range: (_plot, min, max) => [min - MINUTE_S / 2, max + MINUTE_S / 2] },
          y: { range: (_plot, _min, max) => [0, Math.max(4, max * 1.1)] },
        },
        axes: [
          { ...axis, values: (_plot, times) => times.map(toClock), space: 70, size: 28, grid: { show: false } },
          {
            ...axis,
            size: 48,
            incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 1e7],
          },
        ],
        // Failures stand in front of all that ended.
        series: [{}, series("completed", "--completed"), series("failed", "--failed")],
      },
      toData(this.#points),
      place,
    );
  }
}

/** @type {(points: SeriesPoint[]) => SeriesPoint[]} */
function withoutTheTimeBefore(points) {
  const first = points.findIndex(({ completed, failed }) => completed + failed > 0);
  return first === -1 ? points : points.slice(Math.min(first, points.length - FEWEST_MINUTES));
}

/** @type {(points: SeriesPoint[]) => uPlot.AlignedData} */
function toData(points) {
  return [
    points.map(({ at }) => at / 1000),
    points.map(({ completed, failed }) => completed + failed),
    points.map(({ failed }) => failed),
  ];
}

/** @type {(seconds: number) => string} */
function toClock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

/**
 * A custom property may say `light-dark(...)`: only a colour in use is resolved.
 * @type {(place: HTMLElement, name: string) => string}
 */
function resolveColour(place, name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  place.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
