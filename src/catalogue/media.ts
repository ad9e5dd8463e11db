// Which files of a folder are media, told by their names.
import { extname } from "node:path";

/** The endings that FFmpeg's demuxers and the system's list of MIME types know, and those that cameras and recorders write. */
const VIDEO = `
  3g2 3gp 3gp2 3gpp 3gpp2 amv asf avi avs2 avs3 divx dif dv dvr-ms evo f4p f4v fli flc flv gif gxf h261 h263 h264
  h265 h26l hevc 264 265 266 vvc ismv isma ivf k3g lrv m1v m2p m2t m2ts m2v m4s m4v mj2 mjp2 mjpeg mjpg mk3d mks mkv
  mod moov mov mp2v mp4 mp4v mpe mpeg mpeg1 mpeg2 mpeg4 mpg mpg2 mpg4 mpv mpv2 mqv mts mxf nsv nut nuv obu ogm ogv
  ogx ps pva qt r3d rm rmvb smk  tod tp trp ts vc1 vdr vob vro webm wm wmv wtv xmv y4m`;
const AUDIO = `
  aa3 aac ac3 ac4 adts aif aifc aiff amr ape au awb caf dff dsf dts dtshd ec3 eac3 f4a f4b flac gsm latm loas m1a m2a m4a
  m4b m4r mka mlp mp1 mp2 mp3 mpa mpc mpp oga ogg oma opus qcp ra rf64 bwf shn snd sox spx tak thd truehd tta voc w64
  wav wave weba wma wv xwma`;

export const MEDIA_EXTENSIONS: ReadonlySet<string> = new Set(`${VIDEO} ${AUDIO}`.trim().split(/\s+/));

export function isMedia(name: string): boolean {
  return MEDIA_EXTENSIONS.has(extname(name).slice(1).toLowerCase());
}
