// Reasons that differ only in a number or a name are one cause.
export interface ReasonGroup {
  /** As the first of them is worded. */
  reason: string;
  count: number;
  /** How often it ended as what. */
  kinds: Map<string, number>;
  /** The first few videos. */
  samples: number[];
}

const SAMPLES = 4;

export class ReasonGroups {
  readonly #groups = new Map<string, ReasonGroup>();

  add(reason: string, kind: string, video: number): void {
    const key = reason.slice(0, 300).replace(/"[^"]*"|'[^']*'|\S*[\d/\\]\S*/g, "#");
    const group: ReasonGroup = this.#groups.get(key) ?? { reason, count: 0, kinds: new Map(), samples: [] };
    this.#groups.set(key, group);
    group.count++;
    group.kinds.set(kind, (group.kinds.get(kind) ?? 0) + 1);
    if (group.samples.length < SAMPLES && !group.samples.includes(video)) group.samples.push(video);
  }

  /** The most frequent ones, and how many there are in all. */
  top(count: number): { groups: ReasonGroup[]; total: number } {
    const groups = [...this.#groups.values()].sort((a, b) => b.count - a.count).slice(0, count);
    return { groups, total: this.#groups.size };
  }
}
