// The AudioSpecificConfig of AAC (ISO/IEC 14496-3, 1.6.2.1): what the decoder gives out, extensions included.
import { Bits } from "./bits.js";

export const AAC_RATES = [
  96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000, 7350,
];
const CHANNELS = [0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 24, 8];
const SBR = 5;
const PARAMETRIC_STEREO = 29;

export function readAacConfig(config: Uint8Array): { rate: number; channels: number } | null {
  const bits = new Bits(config);
  const core = readAacCore(bits);
  const extension = core.isExtended ? null : findExtension(config);
  const rate = extension?.rate || core.rate;
  const channels = core.layout === 0 ? readProgram(bits) : (CHANNELS[core.layout] ?? 0);
  const stereo = core.stereo || extension?.stereo === true;
  return bits.isOver || rate === 0 ? null : { rate, channels: stereo && channels === 1 ? 2 : channels };
}

/** The part that stands in LATM as well; with SBR the decoder gives out another rate than that of the core. */
export function readAacCore(bits: Bits) {
  const type = readType(bits);
  const coreRate = readRate(bits);
  const layout = bits.read(4);
  const isExtended = type === SBR || type === PARAMETRIC_STEREO;
  const rate = isExtended ? readRate(bits) : coreRate;
  if (isExtended) readType(bits);
  return { coreRate, rate, layout, isExtended, stereo: type === PARAMETRIC_STEREO };
}

function readType(bits: Bits): number {
  const type = bits.read(5);
  return type === 31 ? 32 + bits.read(6) : type;
}

function readRate(bits: Bits): number {
  const index = bits.read(4);
  return index === 15 ? bits.read(24) : (AAC_RATES[index] ?? 0);
}

/** Encoders tell SBR and parametric stereo behind the configuration, where old decoders do not look. */
function findExtension(config: Uint8Array): { rate: number; stereo: boolean } | null {
  for (let at = 16; at + 16 <= config.length * 8; at++) {
    const bits = new Bits(config);
    bits.skip(at);
    if (bits.read(11) !== 0x2b7) continue;
    if (readType(bits) !== SBR || !bits.flag()) return null;
    const rate = readRate(bits);
    const stereo = bits.read(11) === 0x548 && bits.flag();
    return { rate, stereo: stereo && !bits.isOver };
  }
  return null;
}

/** A program_config_element lists the channels one by one: those of front, side and back may come in pairs. */
function readProgram(bits: Bits): number {
  bits.skip(1);
  if (bits.flag()) bits.skip(14);
  bits.skip(1 + 4 + 2 + 4);
  const paired = bits.read(4) + bits.read(4) + bits.read(4);
  const effects = bits.read(2);
  bits.skip(3 + 4);
  for (const width of [4, 4, 3]) if (bits.flag()) bits.skip(width);
  let channels = effects;
  for (let element = 0; element < paired; element++) {
    channels += bits.flag() ? 2 : 1;
    bits.skip(4);
  }
  return channels;
}
