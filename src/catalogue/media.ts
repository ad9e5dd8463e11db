// Which files of a folder are media, told by their names.
import { extname } from "node:path";

const VIDEO = "3g2 3gp asf avi flv gif m1v m2ts m2v m4v mkv mov mp4 mpe mpeg mpg mts mxf ogm ogv ps ts vob webm wmv";
const AUDIO = "aac aif aiff flac m4a m4b mka mp2 mp3 oga ogg opus wav weba wma";

export const MEDIA_EXTENSIONS: ReadonlySet<string> = new Set(`${VIDEO} ${AUDIO}`.split(" "));

export function isMedia(name: string): boolean {
  return MEDIA_EXTENSIONS.has(extname(name).slice(1).toLowerCase());
}
