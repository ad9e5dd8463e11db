// Containers with an index: our readers count the packets, mediabunny tells the facts of the tracks from the index alone.
import { BufferSource, Input, type InputFormat, Logging, LogLevel, MATROSKA, MP4, QTFF, WEBM } from "mediabunny";
import type { Bytes } from "./bytes.js";
import { type Counted, type CountedTrack, inOrder, PacketTally } from "./description.js";
import { PACKET_START_BYTES, readFacts } from "./facts.js";
import { readIsobmff } from "./isobmff.js";
import { readMatroska } from "./matroska.js";

Logging.level = LogLevel.Silent;

export async function countIsobmff(bytes: Bytes, container: string): Promise<Counted> {
  const { tracks: known, slim, brand, ...figures } = await readIsobmff(bytes);
  const found = new Map<number, CountedTrack>();
  for (const { id, subtitle, tally, presentedUntilS } of known) {
    if (subtitle) found.set(id, { facts: subtitle, tally, presentedUntilS });
  }
  using input = inputOf(slim, [MP4, QTFF]);
  for (const track of await input.getTracks()) {
    const one = known.find(({ id }) => id === track.id);
    const { tally = new PacketTally(), presentedUntilS = null } = one ?? {};
    const readPacket = async () => (one ? bytes.peek(await one.firstAt(), PACKET_START_BYTES) : new Uint8Array());
    found.set(track.id, { facts: await readFacts(track, { readPacket }), tally, presentedUntilS });
  }
  const name = container === "mp4" && brand.startsWith("3g") ? "3gp" : container;
  const ids = known.map(({ id }) => id);
  return { ...figures, container: name, tracks: inOrder(ids, found) };
}

export async function countMatroska(bytes: Bytes, container: string): Promise<Counted> {
  const { tracks: known, slim, ...figures } = await readMatroska(bytes);
  const found = new Map<number, CountedTrack>();
  for (const { number, subtitle, tally } of known) {
    if (subtitle) found.set(number, { facts: subtitle, tally });
  }
  using input = inputOf(slim, [MATROSKA, WEBM]);
  for (const track of await input.getTracks()) {
    const { tally = new PacketTally(), codecPrivate } = known.find(({ number }) => number === track.id) ?? {};
    found.set(track.id, { facts: await readFacts(track, { config: codecPrivate }), tally });
  }
  const numbers = known.map(({ number }) => number);
  return { ...figures, container, tracks: inOrder(numbers, found) };
}

function inputOf(slim: Uint8Array, formats: InputFormat[]): Input {
  return new Input({ formats, source: new BufferSource(slim) });
}
