// What a track holds: its codec, its size or its sound, its language. Asked of mediabunny, which reads the container.
import type { InputTrack } from "mediabunny";
import { nameCodec, nameContainerCodec, nameLanguage } from "./codecs.js";
import type { TrackFacts } from "./description.js";

export async function readFacts(track: InputTrack): Promise<TrackFacts> {
  const known = await track.getCodec();
  const codec = known ? nameCodec(known) : nameContainerCodec(await track.getInternalCodecId());
  const language = nameLanguage(await track.getLanguageCode());
  if (track.isVideoTrack()) {
    const size = { width: await track.getCodedWidth(), height: await track.getCodedHeight() };
    return { type: "video", codec, language, ...size, rotation: await track.getRotation() };
  }
  if (track.isAudioTrack()) {
    const sound = { channels: await track.getNumberOfChannels(), sample_rate: await track.getSampleRate() };
    return { type: "audio", codec, language, ...sound };
  }
  return { type: "subtitle", codec, language };
}
