// Codes of codecs and the names that ffprobe has for them. Source: FFmpeg's tables in libavformat (isom_tags.c, riff.c,
// matroska.c, rm.c). Each row was compared with libavformat 59 (avformat_get_mov_video_tags and its like); what that lacks is
// in isom_tags.c of a later FFmpeg, but for `dvh1`, which mov.c tells apart, and S_TEXT/WEBVTT, which mkvmerge writes.

/** Four letters of mp4, mov, avi, asf and Matroska; those with fewer letters end in blanks. */
export const VIDEO = read(`
  h264: avc1 avc2 avc3 avc4 H264 h264 X264 x264 DAVC VSSH Q264 V264 GAVC ai5p ai5q ai52 ai53 ai55 ai56 ai1p ai1q ai12
        ai13 ai15 ai16 AVin aivx rv64 xalg avlg dva1 dvav
  hevc: hev1 hvc1 dvhe dvh1 HEVC H265
  vvc: vvc1 vvi1
  evc: evc1
  av1: av01
  vp8: vp08 VP80
  vp9: vp09 VP90
  vp3: VP30 VP31
  vp5: VP50
  vp6: VP60 VP61 VP62
  vp6f: VP6F FLV4
  vp6a: VP6A
  vp7: VP70 VP71
  mpeg4: mp4v FMP4 DIVX DX50 XVID MP4S M4S2 DIV1 BLZ0 UMP4 WV1F SEDG RMP4 3IV2 WAWV FFDS FVFW DCOD MVXM PM4V SMP4
         DXGM VIDM M4T3 GEOX HDX4 DMK2 DIGI EPHV EM4A M4CC SN40 VSPX ULDX GEOV SIPP XVIX DreX QMP4 PLV1 GLV4 GMP4
  msmpeg4v3: MP43 DIV3 MPG3 DIV4 DIV5 DIV6 DVX3 AP41 COL0 COL1 3IVD
  msmpeg4v2: MP42 DIV2
  msmpeg4v1: MPG4 MP41
  mpeg1video: m1v m1v1 mpeg mp1v mpg1 PIM1 VCR2 BW10 XMPG
  mpeg2video: m2v1 hdv1 hdv2 hdv3 hdv4 hdv5 hdv6 hdv7 hdv8 hdv9 hdva mx5n mx5p mx4n mx4p mx3n mx3p xd51 xd54 xd55 xd59
              xd5a xd5b xd5c xd5d xd5e xd5f xdv1 xdv2 xdv3 xdv4 xdv5 xdv6 xdv7 xdv8 xdv9 xdva xdvb xdvc xdvd xdve xdvf
              xdhd xdh2 AVmp mp2v mpg2 MPEG PIM2 DVR MMES LMP2 slif EM2V M701 M702 M703 M704 M705 mpgv
  h263: h263 s263 H263 X263 T263 L263 VX1K ZyGo M263 U263 lsvm
  h263i: I263
  h261: H261
  wmv1: WMV1
  wmv2: WMV2 GXVE
  wmv3: WMV3
  vc1: vc-1 WVC1 WMVA
  wmv3image: WMVP
  vc1image: WVP2
  mss1: MSS1
  mss2: MSS2
  dvvideo: dvcp dvc dvlp dvl dvpp dv5p dv5n AVdv AVd1 dvhq dvhp dvh2 dvh3 dvh4 dvh5 dvh6 dvsd dvhd dvsl dv25 dv50 cdvc
           CDVH CDV5 dvcs dvis pdvc SL25 SLDV
  mjpeg: jpeg mjpa AVDJ AVRn dmb1 MJPG JPGL IJPG ACDV QIVG SLMJ CJPG IJLV MVJP AVI1 AVI2 MTSJ ZJPG MMJP LJPG
  jpegls: MJLS
  mjpegb: mjpb
  jpeg2000: mjp2 MJ2C LJ2C LJ2K IPJ2
  prores: apch apcn apcs apco ap4h ap4x
  dnxhd: AVdn AVdh
  cfhd: CFHD
  hap: Hap1 Hap5 HapY HapA HapM
  magicyuv: M8RG M8RA M8G0 M8Y0 M8Y2 M8Y4 M8YA M0RG M0RA M0R0 M0Y2
  utvideo: ULRG ULRA ULY0 ULY2 ULY4 ULH0 ULH2 ULH4 UQY2 UQRG UQRA UMY2 UMH2 UMY4 UMH4 UMRG UMRA
  ffv1: FFV1
  huffyuv: HFYU
  ffvhuff: FFVH
  lagarith: LAGS
  snow: SNOW
  dirac: drac BBCD
  theora: theo
  svq1: SVQ1 svq1 svqi
  svq3: SVQ3
  cinepak: cvid
  rpza: rpza RPZA azpr
  smc: smc
  qtrle: rle
  sgirle: rle1
  msrle: WRLE mrle
  8bps: 8BPS
  qdraw: qdrw
  indeo2: RT21
  indeo3: IV31 IV32
  indeo4: IV41
  indeo5: IV50
  rv10: RV10 RV13
  rv20: RV20 RVTR
  rv30: RV30
  rv40: RV40
  flv1: FLV1 S263
  flashsv: FSV1
  msvideo1: MSVC msvc CRAM cram WHAM wham
  tscc: tscc
  tscc2: TSC2
  cscd: CSCD
  zmbv: ZMBV
  fraps: FPS1
  gif: gif
  png: png MPNG PNG1 MNG
  tiff: tiff
  targa: tga
  v210: v210 bxy2 C210
  v410: v410
  r210: r210
  r10k: R10k R10g
  rawvideo: raw yuv2 2vuy yuvs v308 v408 L555 L565 B565 24BG BGRA RGBA ABGR b16g b48r b64a bxbg bxrg bxyv NO16 WRAW AV1x
            AVup I420 YUY2 Y422 V422 YUNV UYNV UYNY uyv1 2Vu1 P422 YV12 YV16 YV24 UYVY VYUY IYUV Y800 Y8 HDYC YVU9 Y411
            NV12 NV21 Y41B Y42B YUV9 auv2 GREY I422 I444 \0\0\0\0 \x03\0\0\0
`);

export const AUDIO = read(`
  aac: mp4a
  mp1: .mp1
  mp3: .mp3 mp3 ms\0\x55
  mp2: .mp2
  ac3: ac-3 sac3 dnet
  eac3: ec-3
  ac4: ac-4
  dts: dtsc dtsh dtsl dtse DTS
  truehd: mlpa
  alac: alac
  flac: fLaC
  opus: Opus
  speex: spex SPXN
  amr_nb: samr
  amr_wb: sawb
  qcelp: Qclp Qclq sqcp
  evrc: sevc
  smv: ssmv
  ilbc: ilbc
  gsm: agsm
  qdm2: QDM2
  qdmc: QDMC
  mace3: MAC3
  mace6: MAC6
  adpcm_ima_qt: ima4
  adpcm_ms: ms\0\x02
  adpcm_ima_wav: ms\0\x11
  dvaudio: vdva dvca
  nellymoser: nmos NELL
  cook: cook
  sipr: sipr
  ra_144: lpcJ 14_4
  ra_288: 28_8
  atrac3: atrc
  ralf: LSD:
  mpegh_3d_audio: mhm1
  pcm_mulaw: ulaw
  pcm_alaw: alaw
  pcm_u8: raw NONE
  pcm_s16le: sowt
  pcm_s16be: twos
  pcm_s24be: in24
  pcm_s32be: in32
  pcm_f32be: fl32
  pcm_f64be: fl64
`);

export const SUBTITLES = read(`
  mov_text: tx3g text
  webvtt: wvtt
  ttml: stpp dfxp
  eia_608: c608
  dvd_subtitle: mp4s
`);

export const MATROSKA = read(`
  mpeg4: V_MPEG4/ISO/ASP V_MPEG4/ISO/SP V_MPEG4/ISO/AP
  msmpeg4v3: V_MPEG4/MS/V3
  mpeg1video: V_MPEG1
  mpeg2video: V_MPEG2
  theora: V_THEORA
  mjpeg: V_MJPEG
  ffv1: V_FFV1
  prores: V_PRORES
  dirac: V_DIRAC
  snow: V_SNOW
  rawvideo: V_UNCOMPRESSED
  vvc: V_MPEGI/ISO/VVC
  jpeg2000: V_JPEG2000
  avs2: V_AVS2
  avs3: V_AVS3
  rv10: V_REAL/RV10
  rv20: V_REAL/RV20
  rv30: V_REAL/RV30
  rv40: V_REAL/RV40
  mp1: A_MPEG/L1
  mp2: A_MPEG/L2
  mp3: A_MPEG/L3
  dts: A_DTS A_DTS/EXPRESS A_DTS/LOSSLESS
  truehd: A_TRUEHD
  mlp: A_MLP
  alac: A_ALAC
  tta: A_TTA1
  wavpack: A_WAVPACK4
  atrac1: A_ATRAC/AT1
  ra_144: A_REAL/14_4
  ra_288: A_REAL/28_8
  cook: A_REAL/COOK
  sipr: A_REAL/SIPR
  atrac3: A_REAL/ATRC
  qdm2: A_QUICKTIME/QDM2
  qdmc: A_QUICKTIME/QDMC
  subrip: S_TEXT/UTF8
  text: S_TEXT/ASCII
  ass: S_TEXT/ASS S_TEXT/SSA S_ASS S_SSA
  webvtt: S_TEXT/WEBVTT D_WEBVTT/SUBTITLES D_WEBVTT/CAPTIONS D_WEBVTT/DESCRIPTIONS D_WEBVTT/METADATA
  dvd_subtitle: S_VOBSUB
  hdmv_pgs_subtitle: S_HDMV/PGS
  hdmv_text_subtitle: S_HDMV/TEXTST
  dvb_subtitle: S_DVBSUB
  arib_caption: S_ARIBSUB
`);

/** Format tags of a WAVEFORMATEX in wav, avi, asf and Matroska; 1 and 3 are PCM. */
export const WAVE_TAGS: Record<number, string> = {
  2: "adpcm_ms",
  6: "pcm_alaw",
  7: "pcm_mulaw",
  10: "wmavoice",
  16: "adpcm_ima_oki",
  17: "adpcm_ima_wav",
  20: "adpcm_g726",
  23: "adpcm_ima_oki",
  32: "adpcm_yamaha",
  34: "truespeech",
  49: "gsm_ms",
  50: "gsm_ms",
  56: "amr_nb",
  64: "adpcm_g726",
  66: "g723_1",
  69: "adpcm_g726",
  80: "mp2",
  85: "mp3",
  87: "amr_nb",
  88: "amr_wb",
  97: "adpcm_ima_dk4",
  98: "adpcm_ima_dk3",
  100: "adpcm_g726",
  105: "adpcm_ima_wav",
  117: "metasound",
  131: "g729",
  255: "aac",
  273: "g723_1",
  304: "sipr",
  309: "acelp.kelvin",
  352: "wmav1",
  353: "wmav2",
  354: "wmapro",
  355: "wmalossless",
  357: "xma1",
  358: "xma2",
  512: "adpcm_ct",
  533: "dvaudio",
  534: "dvaudio",
  624: "atrac3",
  654: "msnsiren",
  655: "adpcm_g722",
  1025: "imc",
  1026: "iac",
  5376: "gsm_ms",
  5377: "truespeech",
  5632: "aac",
  5634: "aac_latm",
  8192: "ac3",
  8193: "dts",
  16707: "aac",
  21318: "adpcm_swf",
  22127: "vorbis",
  27765: "pcm_mulaw",
  28781: "aac",
  41222: "aac",
  41225: "speex",
  61868: "flac",
};

/** Reads `name: code code ...`, where a name's codes may go on in the next line. */
function read(table: string): ReadonlyMap<string, string> {
  const codes = new Map<string, string>();
  let name = "";
  for (const word of table.trim().split(/[ \n]+/)) {
    if (word.endsWith(":") && word !== "LSD:") name = word.slice(0, -1);
    else for (const code of [word.padEnd(4), word.padEnd(4).toUpperCase()]) if (!codes.has(code)) codes.set(code, name);
  }
  return codes;
}
