// The screen at work: figures come in, keys are obeyed, and it is drawn anew, four times a second at most.
import type { Config } from "../../config/settings.js";
import type { Database } from "../../database/database.js";
import { nameDatabase } from "../../database/open.js";
import { HidbError, messageOf } from "../../errors.js";
import { formatLine, PLAIN } from "../../report/log/pretty.js";
import { readLogLines } from "../../report/log/read.js";
import { showVideo } from "../../report/videos.js";
import type { CatalogueTable } from "../../video.js";
import { clock } from "../context.js";
import { asTyped, plural } from "../print.js";
import { describeRecord } from "../show.js";
import { countFailed, retryFailed, togglePause } from "./actions.js";
import { drawScene } from "./draw.js";
import { type Feed, openFeed } from "./feed.js";
import { beginScale } from "./scale.js";
import type { WatchPanel } from "./scene.js";
import type { ScreenLine, Style } from "./text.js";

const DRAW_EVERY_MS = 250;
const LOG_LINES = 200;

interface Surface {
  size(): { columns: number; rows: number };
  draw(text: string): void;
}

export interface SessionParts {
  database: Database;
  catalogue: CatalogueTable;
  config: Config;
  surface: Surface;
  /** Aborted by a signal, or by this session when somebody wants to leave. */
  stop: AbortController;
}

export class Session {
  readonly #parts: SessionParts;
  readonly #feed: Feed;
  #panel: WatchPanel = "pool";
  #video: number | undefined;
  #lines: ScreenLine[] = [];
  #message = "";
  /** What is being typed or asked. */
  #ask: { text: string; hear: (key: string) => void } | undefined;
  #scaling = false;
  #refreshAt = 0;
  #wake: AbortController = new AbortController();

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#feed = openFeed(parts.database, parts.config);
  }

  /** Until somebody wants to leave. */
  async run(): Promise<void> {
    const { stop } = this.#parts;
    stop.signal.addEventListener("abort", () => this.#wake.abort());
    this.#draw();
    while (!stop.signal.aborted) {
      // A database behind a network may take its time; the clock on the screen goes on.
      void this.#feed.look().then(() => this.#wakeUp());
      await this.#refreshPanel();
      this.#draw();
      const drawn = clock.monotonic();
      this.#wake = new AbortController();
      await clock.sleep(2 * DRAW_EVERY_MS, this.#wake.signal);
      await clock.sleep(Math.max(0, DRAW_EVERY_MS - (clock.monotonic() - drawn)));
    }
  }

  /** Something is to be seen: drawn as soon as the last drawing is old enough. */
  #wakeUp(): void {
    this.#wake.abort();
  }

  resize(): void {
    this.#draw();
  }

  press(key: string): void {
    // The terminal sends no signal while it hands over each key: the third one ends what the first two have not.
    if (key === "\u0003") process.kill(process.pid, "SIGINT");
    else if (this.#ask !== undefined) this.#ask.hear(key);
    else this.#obey(key);
    this.#wakeUp();
  }

  #leave(why: string): void {
    this.#parts.stop.abort(why);
  }

  #obey(key: string): void {
    this.#message = "";
    this.#keys[key]?.();
  }

  readonly #keys: Record<string, () => void> = {
    q: () => this.#leave("q"),
    p: () => this.#act(() => this.#togglePause()),
    r: () => this.#act(() => this.#askForRetry()),
    d: () => this.#askForVideo(""),
    l: () => this.#show(this.#panel === "pool" ? "logs" : "pool"),
    "\u001b": () => this.#show("pool"),
    "+": () => this.#scale(1),
    "=": () => this.#scale(1),
    "-": () => this.#scale(-1),
  };

  async #togglePause(): Promise<string> {
    const { overview } = this.#feed;
    return overview === null ? "" : togglePause(this.#parts.database, overview);
  }

  /** Whatever comes of it stands on the screen, errors too: a key must not end the watching. */
  #act(work: () => Promise<string>): void {
    work()
      .catch((error: unknown) => describeTrouble(error))
      .then(async (message) => {
        this.#message = message;
        await this.#feed.refresh();
      })
      .finally(() => this.#wakeUp());
  }

  async #askForRetry(): Promise<string> {
    const { database, config } = this.#parts;
    const count = await countFailed(database);
    if (count === 0) return "no video has failed";
    this.#ask = {
      text: `try ${plural(count, "failed video")} again from the first attempt? y/n`,
      hear: (key) => {
        this.#ask = undefined;
        if (key === "y" || key === "Y") this.#act(() => retryFailed(database, config));
      },
    };
    return "";
  }

  #askForVideo(typed: string): void {
    const text = `id of the video: ${typed}_   (Enter shows it, Esc leaves)`;
    this.#ask = {
      text,
      hear: (key) => {
        this.#ask = undefined;
        if (key === "\u001b") return;
        if (key === "\r" || key === "\n") this.#showVideo(typed);
        else if (key === "\u007f" || key === "\b") this.#askForVideo(typed.slice(0, -1));
        else this.#askForVideo(/^[0-9-]$/.test(key) && typed.length < 17 ? typed + key : typed);
      },
    };
  }

  #showVideo(typed: string): void {
    if (!/^-?\d+$/.test(typed)) return;
    this.#video = Number(typed);
    this.#show("video");
  }

  #show(panel: WatchPanel): void {
    this.#panel = panel;
    this.#lines = [];
    this.#refreshAt = 0;
  }

  #scale(by: 1 | -1): void {
    const { overview } = this.#feed;
    // PM2 loses count when one scale begins before the last has ended.
    if (this.#scaling || overview === null) {
      this.#message = "wait for the scale under way";
      return;
    }
    this.#scaling = true;
    this.#message = "asking PM2 ...";
    this.#act(async () => {
      try {
        const { from, to, done } = await beginScale(this.#parts.config, overview, by);
        this.#message = `scaling from ${from} to ${to} ...`;
        this.#wakeUp();
        await done;
        return `scaled to ${plural(to, "instance")}`;
      } finally {
        this.#scaling = false;
      }
    });
  }

  async #refreshPanel(): Promise<void> {
    if (this.#panel === "pool" || clock.monotonic() < this.#refreshAt) return;
    const panel = this.#panel;
    const { database } = this.#parts;
    this.#refreshAt = clock.monotonic() + (panel === "video" ? Math.max(1000, database.pacing.lookEveryMs) : 1000);
    try {
      this.#lines = panel === "logs" ? await this.#readLog() : await this.#readVideo();
    } catch (error) {
      this.#lines = [[["red", describeTrouble(error)]]];
    }
  }

  async #readLog(): Promise<ScreenLine[]> {
    const { logDir } = this.#parts.config;
    const lines = await readLogLines({ folder: logDir, limit: LOG_LINES });
    if (lines.length === 0) return [[["dim", `no log of this host in ${logDir}`]]];
    return lines.flatMap((line) => {
      const style = LEVEL_STYLES[String(line.fields.level)];
      return formatLine(line, PLAIN)
        .split("\n")
        .map((text): ScreenLine => [style === undefined ? text : [style, text]]);
    });
  }

  async #readVideo(): Promise<ScreenLine[]> {
    const { database, catalogue } = this.#parts;
    const id = this.#video ?? 0;
    const record = await showVideo(database, catalogue, id);
    if (record === undefined) return [[["red", `no video has the id ${id}`]]];
    return describeRecord(record).flatMap((text) => text.split("\n").map((line): ScreenLine => [line]));
  }

  #draw(): void {
    const { surface, config } = this.#parts;
    const { overview, trouble, isSeldom } = this.#feed;
    const scene = {
      now: clock.now(),
      name: nameDatabase(config),
      overview,
      trouble,
      isSeldom,
      d1Requests: config.d1Requests,
    };
    const below = { panel: this.#panel, lines: this.#lines, message: this.#message, prompt: this.#ask?.text ?? null };
    surface.draw(drawScene({ ...scene, ...below }, surface.size()));
  }
}

const LEVEL_STYLES: Record<string, Style> = { debug: "dim", warn: "yellow", error: "red", fatal: "red" };

function describeTrouble(error: unknown): string {
  return asTyped(error instanceof HidbError ? `${error.message}; ${error.fix}` : messageOf(error));
}
