// Reads a header bit by bit, as the codecs' specifications write them. Beyond the end it reads zeros and says so.
export class Bits {
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  /** More was read than there is. */
  get isOver(): boolean {
    return this.at > this.bytes.length * 8;
  }

  /** Up to 32 bits, most significant first. */
  read(count: number): number {
    let value = 0;
    for (let n = 0; n < count; n++, this.at++) {
      const bit = ((this.bytes[this.at >> 3] ?? 0) >> (7 - (this.at & 7))) & 1;
      value = value * 2 + bit;
    }
    return value;
  }

  flag(): boolean {
    return this.read(1) === 1;
  }

  skip(count: number): void {
    this.at += count;
  }

  /** Exp-Golomb code without sign. */
  readUnsigned(): number {
    let zeros = 0;
    while (zeros < 32 && !this.isOver && this.read(1) === 0) zeros++;
    return 2 ** zeros - 1 + this.read(zeros);
  }

  /** Exp-Golomb code with a sign. */
  readSigned(): number {
    const code = this.readUnsigned();
    return code % 2 === 1 ? (code + 1) / 2 : -code / 2;
  }
}
