// Numbers that parsers stumble over.
import type { Chance } from "../random.ts";

const EDGES: readonly bigint[] = [
  ...[0n, 1n, 2n, 7n, 8n, 9n, 15n, 16n, 127n, 128n, 255n, 256n, 0x7fffn, 0x8000n, 0xffffn, 0x10000n, 100_000n],
  ...[0x7fff_fffen, 0x7fff_ffffn, 0x8000_0000n, 0x8000_0001n, 0xffff_fff0n, 0xffff_fffen, 0xffff_ffffn],
  ...[2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 56n - 2n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n],
];

/** As many bytes as asked for, big or little end first. */
export function edgeNumber(chance: Chance, bytes: number, littleEnd = false): Buffer {
  const held = EDGES.filter((edge) => edge < 2n ** BigInt(8 * bytes));
  return encode(chance.pick(held), bytes, littleEnd);
}

export function encode(value: bigint, bytes: number, littleEnd = false): Buffer {
  const big = Buffer.alloc(8);
  big.writeBigUInt64BE(BigInt.asUintN(64, value));
  const cut = Buffer.from(big.subarray(8 - bytes));
  return littleEnd ? Buffer.from(cut.reverse()) : cut;
}

/** Floating point values that are no duration, or no sane one. */
export function edgeFloat(chance: Chance, bytes: 4 | 8): Buffer {
  const value = chance.pick([Number.NaN, Infinity, -Infinity, -1, 0, -0, 1e308, 1e-308, 2 ** 63, -(2 ** 63), 5e-324]);
  const piece = Buffer.alloc(bytes);
  if (bytes === 8) piece.writeDoubleBE(value);
  else piece.writeFloatBE(value);
  return piece;
}
