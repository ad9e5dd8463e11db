// Part of the processor `command`: the end of a stream that may be endless.

export class Tail {
  readonly #ring: Buffer;
  #total = 0;

  constructor(limit: number) {
    this.#ring = Buffer.allocUnsafe(limit);
  }

  add(chunk: Buffer): void {
    const limit = this.#ring.length;
    const end = chunk.subarray(-limit);
    this.#total += chunk.length;
    const start = (this.#total - end.length) % limit;
    end.copy(this.#ring, start);
    if (start + end.length > limit) end.copy(this.#ring, 0, limit - start);
  }

  /** Whether nothing was dropped. */
  get whole(): boolean {
    return this.#total <= this.#ring.length;
  }

  /** At most the last `bytes`, beginning with a whole character, without white space around it. */
  text(bytes = this.#ring.length): string {
    const end = this.#kept().subarray(-bytes);
    let start = 0;
    if (end.length < this.#total) while (isContinuation(end[start])) start++;
    return end.subarray(start).toString("utf8").trim();
  }

  #kept(): Buffer {
    if (this.whole) return this.#ring.subarray(0, this.#total);
    const seam = this.#total % this.#ring.length;
    return Buffer.concat([this.#ring.subarray(seam), this.#ring.subarray(0, seam)]);
  }
}

/** Whether the byte is one of UTF-8's 10xxxxxx, which never begin a character. */
function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0b1100_0000) === 0b1000_0000;
}
