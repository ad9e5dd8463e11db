// What the modules of the page hand to one another; what the API answers is derived from the schemas that check it.
import type { InferOutput } from "valibot";
import type * as shape from "../schemas.ts";

export type Overview = InferOutput<typeof shape.overview>;
export type InstanceView = InferOutput<typeof shape.instanceView>;
export type FailureGroup = InferOutput<typeof shape.failureGroup>;
export type VideoLine = InferOutput<typeof shape.videoLine>;
export type VideoRecord = InferOutput<typeof shape.videoRecord>;
export type VideoUsage = NonNullable<VideoRecord["usage"]>;
/** What of a usage is an amount. */
export type AmountName = { [N in keyof VideoUsage]: VideoUsage[N] extends number ? N : never }[keyof VideoUsage];
export type BatchView = InferOutput<typeof shape.batch>;
export type SettingView = InferOutput<typeof shape.settingLine>;
export type PoolPlan = InferOutput<typeof shape.plan>;
export type PlanRow = PoolPlan["rows"][number];
export type State = VideoRecord["state"];
export type SeriesPoint = InferOutput<typeof shape.series>["minutes"][number];
export type Cost = InferOutput<typeof shape.d1>;
export type Mirror = InferOutput<typeof shape.mirror>;
export type LogFields = Record<string, unknown>;
export interface VideoPage {
  videos: VideoLine[];
  next: number | null;
  total: number;
}

interface Answers {
  overview: Overview;
  series: { minutes: SeriesPoint[] };
  failures: { failures: FailureGroup[] };
  batches: { batches: BatchView[] };
  settings: { settings: SettingView[] };
  videos: VideoPage;
  plan: PoolPlan;
  d1: { d1: Cost | null };
  mirror: { mirror: Mirror | null };
}

/** The answer to a GET of this path below /api/v1/. */
export type ReadAnswer<P extends string> = P extends keyof Answers
  ? Answers[P]
  : P extends `videos/${string}/log`
    ? { lines: LogFields[] }
    : P extends `videos/${string}`
      ? VideoRecord
      : never;

/** The answer to a change. */
export type Changed<P extends string> = P extends "pool/scale"
  ? { count: number; underWay: boolean }
  : P extends `pool/${string}`
    ? { paused: boolean; changed: boolean }
    : P extends `${string}/cancel`
      ? { cancelled: number }
      : { retried: number };

export interface Change<P extends string> {
  /** Tells changes apart that are under way at the same time. */
  key: string;
  path: P;
  body?: object | undefined;
  /** The sentence for when it has worked. */
  said: (answer: Changed<P>) => string;
  then?: (() => unknown) | undefined;
}

export interface Action<P extends string> extends Omit<Change<P>, "key"> {
  label: string;
  class?: string;
}

export type FieldEvent = Event & { target: HTMLInputElement | HTMLSelectElement };

export interface Props {
  key?: string | number;
  /** Fills the element once and keeps its inside to itself. */
  own?: (place: HTMLElement) => void;
  onclick?: (event: MouseEvent) => void;
  onsubmit?: (event: SubmitEvent) => void;
  oninput?: (event: FieldEvent) => void;
  onchange?: (event: FieldEvent) => void;
  [attribute: string]: unknown;
}

/** An element as it shall be. */
export interface ElementDescription {
  tag: string;
  props: Props;
  children: (ElementDescription | string | number | true)[];
}

export type Child = ElementDescription | string | number | boolean | null | undefined | Child[];

export type Redraw = () => void;

export interface PagePanel {
  title: string;
  view: () => Child;
  onOverview?: () => unknown;
  close?: () => unknown;
}

export type OpenPanel = (params: URLSearchParams, redraw: Redraw) => PagePanel;

export interface Column<Row> {
  head: string;
  cell: (row: Row, index: number) => Child;
  class?: string;
}

export interface Table<Row> {
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  key?: (row: Row) => string | number;
  empty?: string;
}
