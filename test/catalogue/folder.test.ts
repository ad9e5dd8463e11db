import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scanFolder } from "../../src/catalogue/folder.js";
import { makeFile, makeFolder, readList } from "./world.js";

const sourcesOf = (folder: string) => scanFolder(folder).entries.map((entry) => entry.source);

describe("a folder", () => {
  it("gives its media files, however deep, in one order and with absolute paths", async () => {
    const folder = makeFolder();
    for (const name of ["b.mp4", "a/deep/er/c.MKV", "a.webm", "notes.txt", "list.csv", "mp4", "B/d.Flac"])
      makeFile(folder, name);
    const expected = ["B/d.Flac", "a.webm", "a/deep/er/c.MKV", "b.mp4"].map((name) => join(folder, name));
    expect(sourcesOf(folder)).toEqual(expected);
    expect((await readList(".", { cwd: folder })).entries.map((entry) => entry.source)).toEqual(expected);
  });

  it("takes the endings that cameras, recorders, old players and encoders give to media", () => {
    const endings = `
      3g2 3gp 3gpp aac ac3 aiff amr asf au avi caf divx dts dv eac3 f4v flac flv gif h264 h265 hevc ivf m2t m2ts m2v m4a m4v
      mka mkv mod mov mp2 mp3 mp4 mpe mpeg mpg mpv mts mxf nut oga ogg ogv opus qt rm rmvb spx tod ts vob vro w64 wav webm
      wma wmv wtv`;
    const folder = makeFolder();
    const names = endings
      .trim()
      .split(/\s+/)
      .map((ending) => `video.${ending}`);
    for (const name of [...names, "video.jpg", "video.txt", "video.srt", "video.zip", "video"]) makeFile(folder, name);
    expect(sourcesOf(folder)).toEqual(names.map((name) => join(folder, name)).sort());
  });

  it("takes names with blanks, quotes, brackets, line breaks, a leading dash and any script", () => {
    const folder = makeFolder();
    const names = [
      "-rf.mp4",
      "a b.mp4",
      'it\'s "x".mp4',
      "[1] {2} (3).mp4",
      "line\nbreak.mp4",
      "映画 🎬.mp4",
      "$(x) `y` %s.mp4",
      " .mp4",
      "...mp4",
    ];
    for (const name of names) makeFile(folder, name);
    expect(sourcesOf(folder)).toEqual(names.map((name) => join(folder, name)).sort());
  });

  it("takes any name that the file system takes", () => {
    const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }).filter((text) => !/[/\0]/.test(text));
    fc.assert(
      fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 10 }), (names) => {
        const folder = makeFolder();
        for (const one of names) makeFile(folder, `${one}.mp4`);
        expect(sourcesOf(folder)).toEqual(names.map((one) => join(folder, `${one}.mp4`)).sort());
      }),
      { numRuns: 30 },
    );
  });

  it("does not go round in circles of links, and takes what they lead to once", () => {
    const [folder, elsewhere] = [makeFolder(), makeFolder()];
    makeFile(folder, "films/a.mp4");
    makeFile(elsewhere, "b.mp4");
    symlinkSync(folder, join(folder, "films", "loop"));
    symlinkSync(elsewhere, join(folder, "link"));
    symlinkSync(elsewhere, join(folder, "link again"));
    symlinkSync(folder, join(elsewhere, "back"));
    symlinkSync(join(folder, "films/a.mp4"), join(folder, "again.mp4"));
    expect(sourcesOf(folder)).toEqual([join(folder, "films/a.mp4"), join(folder, "link/b.mp4")]);
  });

  it("refuses links that lead nowhere and names that are not UTF-8, and takes the rest", () => {
    const folder = makeFolder();
    makeFile(folder, "a.mp4");
    symlinkSync(join(folder, "gone.mp4"), join(folder, "link.mp4"));
    writeFileSync(Buffer.concat([Buffer.from(join(folder, "/")), Buffer.from([0xff]), Buffer.from(".mp4")]), "");
    const { entries, refused } = scanFolder(folder);
    expect(entries.map((entry) => entry.source)).toEqual([join(folder, "a.mp4")]);
    expect(refused.map((refusal) => refusal.reason)).toEqual([
      "expected a link to a file, got one that leads nowhere",
      "expected a name in UTF-8, got other bytes",
    ]);
  });

  it.skipIf(process.getuid?.() === 0)("refuses a folder below it that cannot be read, and takes the rest", () => {
    const folder = makeFolder();
    makeFile(folder, "a.mp4");
    mkdirSync(join(folder, "locked"));
    chmodSync(join(folder, "locked"), 0);
    const { entries, refused } = scanFolder(folder);
    chmodSync(join(folder, "locked"), 0o700);
    expect(entries).toHaveLength(1);
    expect(refused).toMatchObject([{ source: join(folder, "locked"), reason: expect.stringContaining("EACCES") }]);
  });

  it("without media gives nothing", () => {
    expect(scanFolder(makeFolder())).toEqual({ entries: [], refused: [] });
  });
});
