// Figures for people: the same wording everywhere, digits that line up.

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const HOUR_S = 3600;
const DAY_S = 86_400;

/** What is shown where nothing is known. */
export const NONE = "–";

/** @type {(value: number | null | undefined) => string} */
export function count(value) {
  return value === null || value === undefined ? NONE : whole.format(value);
}

/** @type {(value: number | null | undefined, noun: string) => string} */
export function plural(value, noun) {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** @type {(part: number, all: number) => string} */
export function percent(part, all) {
  if (!all) return "0 %";
  const share = (100 * part) / all;
  // 99.97 % is not yet 100 %.
  return part < all ? `${(Math.floor(share * 10) / 10).toFixed(1)} %` : "100 %";
}

/** @type {(perSecond: number | null | undefined) => string} */
export function rate(perSecond) {
  if (perSecond === null || perSecond === undefined) return NONE;
  if (perSecond >= 1) return `${perSecond >= 100 ? count(perSecond) : perSecond.toFixed(1)} /s`;
  if (perSecond * 60 >= 1) return `${(perSecond * 60).toFixed(1)} /min`;
  return `${(perSecond * 3600).toFixed(1)} /h`;
}

/**
 * `5 d 3 h`, `2 h 05 min`, `3 min 20 s`, `8.2 s`, `180 ms`.
 * @type {(seconds: number | null | undefined) => string}
 */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  const s = Math.max(0, seconds);
  if (s < 1) return `${Math.round(s * 1000)} ms`;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 60) return `${Math.round(s)} s`;
  if (s < HOUR_S) return `${Math.floor(s / 60)} min ${pad(Math.floor(s % 60))} s`;
  if (s < DAY_S) return `${Math.floor(s / HOUR_S)} h ${pad(Math.floor((s % HOUR_S) / 60))} min`;
  return `${Math.floor(s / DAY_S)} d ${Math.floor((s % DAY_S) / HOUR_S)} h`;
}

/** @type {(ms: number | null | undefined) => string} */
export function millis(ms) {
  return ms === null || ms === undefined ? NONE : duration(ms / 1000);
}

/** @type {(bytes: number | null | undefined) => string} */
export function megabytes(bytes) {
  return bytes === null || bytes === undefined ? NONE : `${count(bytes / 1_048_576)} MB`;
}

/**
 * A moment as a clock shows it: `14:05`, on another day `Wed 14:05`, further away with the date.
 * @type {(at: number | null | undefined, now?: number) => string}
 */
export function clockTime(at, now = Date.now()) {
  if (at === null || at === undefined) return NONE;
  const moment = new Date(at);
  const time = moment.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  const days = Math.abs(startOfDay(at) - startOfDay(now)) / (DAY_S * 1000);
  if (days < 0.5) return time;
  if (days < 6.5 && at > now) return `${moment.toLocaleDateString("en-GB", { weekday: "short" })} ${time}`;
  return `${moment.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${time}`;
}

/**
 * With seconds and date, for records.
 * @type {(at: number | null | undefined) => string}
 */
export function stamp(at) {
  return at === null || at === undefined ? NONE : `${dayOf(at)} ${timeOf(at)}`;
}

/** @type {(at: number | null | undefined) => string} */
export function dayOf(at) {
  if (at === null || at === undefined) return "";
  const moment = new Date(at);
  return `${moment.getFullYear()}-${pad(moment.getMonth() + 1)}-${pad(moment.getDate())}`;
}

/** @type {(at: number | null | undefined) => string} */
export function timeOf(at) {
  return at === null || at === undefined ? NONE : new Date(at).toLocaleTimeString("en-GB");
}

/** @type {(value: number | null | undefined) => string} */
export function dollars(value) {
  return value === null || value === undefined ? NONE : `$${value.toFixed(value < 10 ? 4 : 2)}`;
}

/** @type {(at: number) => number} */
function startOfDay(at) {
  return new Date(at).setHours(0, 0, 0, 0);
}

/** @type {(value: number) => string} */
function pad(value) {
  return String(value).padStart(2, "0");
}
