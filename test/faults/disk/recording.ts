// What a disk was told, in order, and the images that a power cut at any moment of it may leave behind.
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const TYPES = ["", "write", "truncate", "sync", "create", "link", "rename", "remove", "folder"] as const;
const HEAD_BYTES = 40;
const SECTOR = 512;

export interface Entry {
  type: (typeof TYPES)[number];
  pid: number;
  /** Which file, told apart from others that had its inode before. */
  file: string;
  offset: number;
  data: Buffer;
  paths: string[];
  /** Milliseconds since 1970. */
  time: number;
}

/** A name that is given or taken. */
interface Naming {
  at: number;
  folder: string;
  apply(names: Map<string, string | null>): void;
}

interface Change {
  at: number;
  apply(content: Content, keep: (sector: number) => boolean): void;
}

/** How much of what was not synced survives: nothing, everything, some; `torn`: some sectors of some. */
export type Survival = "nothing" | "everything" | "some" | "torn";

/** `posix`: a new name lasts once its folder was synced. `journal`: or its file, as on ext4 and xfs. */
export type NameRule = "posix" | "journal";

export interface Cut {
  /** So many entries had been made. */
  at: number;
  survival: Survival;
  names: NameRule;
  random: () => number;
}

export class Recording {
  readonly entries: Entry[] = [];
  readonly #root: string;
  readonly #base = new Map<string, string | null>();
  readonly #contents = new Map<string, Buffer>();
  readonly #changes = new Map<string, Change[]>();
  readonly #syncs = new Map<string, number[]>();
  readonly #namings: Naming[] = [];
  /** Inode of a folder to its path. */
  readonly #folders = new Map<string, string>();
  readonly #generation = new Map<string, number>();

  /** `root` as it is before anything runs in it: on the disk, all of it. */
  constructor(root: string) {
    this.#root = root;
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const { ino } = statSync(path);
      if (entry.isDirectory()) this.#base.set(path, null);
      else {
        this.#base.set(path, this.#fileOf(ino));
        this.#contents.set(this.#fileOf(ino), readFileSync(path));
      }
    }
  }

  /** An empty file that somebody else has made since. */
  include(path: string): void {
    this.#base.set(path, this.#fileOf(statSync(path).ino));
  }

  read(recordFile: string): this {
    const bytes = readFileSync(recordFile);
    for (let at = 0; at < bytes.length; ) {
      const size = bytes.readUInt32LE(at);
      this.#add(bytes.subarray(at, at + size));
      at += size;
    }
    return this;
  }

  #add(bytes: Buffer): void {
    const type = TYPES[bytes.readUInt32LE(4)] ?? "";
    const inode = Number(bytes.readBigUInt64LE(16));
    const data = bytes.subarray(HEAD_BYTES);
    const paths = ["create", "link", "rename", "remove", "folder"].includes(type) ? data.toString().split("\0") : [];
    if (type === "create" && inode !== 0) {
      this.#generation.set(String(inode), (this.#generation.get(String(inode)) ?? 0) + 1);
    }
    const at = this.entries.length;
    const entry: Entry = {
      ...{ type, data, paths, file: this.#fileOf(inode), offset: Number(bytes.readBigInt64LE(24)) },
      ...{ pid: bytes.readUInt32LE(8), time: Number(bytes.readBigUInt64LE(32)) / 1000 },
    };
    this.entries.push(entry);
    if (type === "folder") this.#folders.set(entry.file, entry.paths[0] ?? "");
    else if (type === "sync") this.#noteSync(entry.file, at);
    else if (type === "write" || type === "truncate") this.#noteChange(entry, at);
    else this.#noteNaming(entry, at, inode);
  }

  #fileOf(inode: number): string {
    return `${inode}.${this.#generation.get(String(inode)) ?? 0}`;
  }

  #noteSync(file: string, at: number): void {
    const key = this.#folders.get(file) ?? file;
    this.#syncs.set(key, [...(this.#syncs.get(key) ?? []), at]);
  }

  #noteChange({ type, file, offset, data }: Entry, at: number): void {
    const changes = this.#changes.get(file) ?? [];
    this.#changes.set(file, changes);
    if (type === "truncate") changes.push({ at, apply: (content) => content.resize(offset) });
    else changes.push({ at, apply: (content, keep) => content.write(data, offset, keep) });
  }

  #noteNaming({ type, paths: [path = "", other = ""], file }: Entry, at: number, inode: number): void {
    const target = inode === 0 ? null : file;
    const naming = (folder: string, apply: Naming["apply"]) => this.#namings.push({ at, folder, apply });
    if (type === "create") naming(dirname(path), (names) => names.set(path, target));
    else if (type === "link") naming(dirname(other), (names) => names.set(other, file));
    else if (type === "remove") naming(dirname(path), (names) => names.delete(path));
    else if (type === "rename") {
      naming(dirname(other), (names) => {
        names.delete(path);
        names.set(other, file);
      });
    }
  }

  /** Writes what is left to a folder. */
  cut(cut: Cut, into: string): void {
    for (const [path, file] of this.#namesAt(cut)) {
      const target = join(into, relative(this.#root, path));
      mkdirSync(file === null ? target : dirname(target), { recursive: true });
      if (file !== null && !target.endsWith("-shm")) writeFileSync(target, this.#contentAt(file, cut));
    }
  }

  #namesAt({ at, names: rule, survival, random }: Cut): Map<string, string | null> {
    const names = new Map(this.#base);
    const made = this.#namings.filter((naming) => naming.at < at);
    // One journal: what is in it, is so up to some moment.
    const synced =
      rule === "journal" ? Math.max(-1, ...[...this.#syncs.values()].flat().filter((one) => one < at)) : -1;
    const reach = survival === "nothing" ? -1 : survival === "everything" ? at : Math.floor(random() * at);
    const lasting = new Map<string, number>();
    for (const naming of made) {
      if (!lasting.has(naming.folder)) {
        const own = Math.max(-1, ...(this.#syncs.get(naming.folder) ?? []).filter((one) => one < at));
        const further = rule === "journal" ? reach : survival === "nothing" ? -1 : Math.floor(random() * at);
        lasting.set(naming.folder, Math.max(own, synced, survival === "everything" ? at : further));
      }
      if (naming.at < (lasting.get(naming.folder) ?? -1)) naming.apply(names);
    }
    return names;
  }

  #contentAt(file: string, { at, survival, random }: Cut): Buffer {
    const synced = Math.max(-1, ...(this.#syncs.get(file) ?? []).filter((one) => one < at));
    const content = new Content(this.#contents.get(file));
    const share = random();
    for (const change of this.#changes.get(file) ?? []) {
      if (change.at >= at) break;
      const sure = change.at < synced || survival === "everything";
      if (!sure && (survival === "nothing" || random() > share)) continue;
      const isTorn = !sure && survival === "torn" && random() < 0.5;
      change.apply(content, isTorn ? () => random() < 0.5 : () => true);
    }
    return content.bytes;
  }
}

/** A file that grows in place: a database of some megabytes is written thousands of times. */
class Content {
  #buffer: Buffer;
  #length: number;

  constructor(content: Buffer = Buffer.alloc(0)) {
    this.#buffer = Buffer.from(content);
    this.#length = content.length;
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  resize(length: number): void {
    if (length > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(length, 2 * this.#buffer.length));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    // What is cut off does not come back when the file grows again.
    if (length < this.#length) this.#buffer.fill(0, length, this.#length);
    this.#length = length;
  }

  write(data: Buffer, offset: number, keep: (sector: number) => boolean): void {
    const end = offset + data.length;
    if (end > this.#length) this.resize(end);
    for (let from = offset; from < end; ) {
      const to = Math.min(end, (Math.floor(from / SECTOR) + 1) * SECTOR);
      if (keep(Math.floor(from / SECTOR))) data.copy(this.#buffer, from, from - offset, to - offset);
      from = to;
    }
  }
}
