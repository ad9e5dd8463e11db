import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeRefusals, makeFile, makeFolder, readList } from "./world.js";

const REAL_CATALOGUE = "/work/shared/catalogue/videos-2376.csv";

describe("a CSV list", () => {
  it("is read with its columns in any order and any case, behind a BOM and with CRLF", async () => {
    const file = makeFile(
      makeFolder(),
      "a.csv",
      "\uFEFFTitle, SOURCE ,ID,Duration_S,shoe size\r\nM,http://x/m.mp4,7,2.5,44\r\n,http://x/n.mp4,,,\r\n",
    );
    const { entries, refused } = await readList(file);
    expect(refused).toEqual([]);
    expect(entries).toEqual([
      { line: 2, id: 7, source: "http://x/m.mp4", title: "M", durationS: 2.5 },
      { line: 3, id: null, source: "http://x/n.mp4", title: null, durationS: null },
    ]);
  });

  it("takes semicolons and tabs for commas when the header does", async () => {
    const folder = makeFolder();
    for (const delimiter of [";", "\t"]) {
      const file = makeFile(folder, "a.csv", `id${delimiter}source\n1${delimiter}http://x/a,b.mp4\n`);
      expect((await readList(file)).entries).toMatchObject([{ id: 1, source: "http://x/a,b.mp4" }]);
    }
  });

  it("names a refused row by its line, also after titles that run over several lines and empty lines", async () => {
    const csv = 'source,title,id\nhttp://x/1,"one\ntwo ""quoted""\nthree",\n\n,no source,\nhttp://x/3,,x\n';
    const list = await readList(makeFile(makeFolder(), "a.csv", csv));
    expect(list.entries).toHaveLength(1);
    expect(list.entries[0]?.title).toBe('one\ntwo "quoted"\nthree');
    expect(describeRefusals(list)).toEqual([
      "6: expected a source, got none",
      '7: expected id to be a whole number, got "x"',
    ]);
  });

  it("says for each refused row what was wrong with it", async () => {
    const rows = [
      "9007199254740993,http://x/a,,",
      "-9007199254740993,http://x/b,,",
      "1.5,http://x/c,,",
      "1,http://x/d,,-1",
      "2,http://x/e,,abc",
      "3,http://x/f,,Infinity",
      "4,http://x/g,,1,one too many",
      "5,   ,,",
    ];
    const list = await readList(makeFile(makeFolder(), "a.csv", `id,source,title,duration_s\n${rows.join("\n")}\n`));
    expect(list.entries).toEqual([]);
    expect(describeRefusals(list)).toEqual([
      "2: expected id to lie within +-2^53, got 9007199254740993",
      "3: expected id to lie within +-2^53, got -9007199254740993",
      '4: expected id to be a whole number, got "1.5"',
      '5: expected duration_s to be a number >= 0, got "-1"',
      '6: expected duration_s to be a number >= 0, got "abc"',
      '7: expected duration_s to be a number >= 0, got "Infinity"',
      "8: expected 4 columns, got 5: a value that holds a comma needs quotes around it",
      "9: expected a source, got none",
    ]);
  });

  it("takes ids at both ends of +-2^53", async () => {
    const csv = "id,source\n9007199254740992,http://x/a\n-9007199254740992,http://x/b\n+7,http://x/c\n";
    const { entries } = await readList(makeFile(makeFolder(), "a.csv", csv));
    expect(entries.map((entry) => entry.id)).toEqual([2 ** 53, -(2 ** 53), 7]);
  });

  it("is refused as a whole without a source column, with a column to map", async () => {
    const file = makeFile(makeFolder(), "talks.csv", "id,title\nabc,T\n");
    await expect(readList(file)).rejects.toMatchObject({
      code: "LIST_UNREADABLE",
      message: `expected a column source in line 1 of ${file}, got id, title`,
      fix: expect.stringContaining("--map source=id"),
    });
  });

  it("is refused as a whole when a quote is never closed, with the line where it opens", async () => {
    const file = makeFile(makeFolder(), "a.csv", 'source,title\nhttp://x/a,A\nhttp://x/b,"B\nhttp://x/c,C\n');
    await expect(readList(file)).rejects.toMatchObject({
      code: "LIST_UNREADABLE",
      message: expect.stringContaining("line 3"),
    });
  });

  it("gives back every source and title that RFC 4180 can write", async () => {
    const folder = makeFolder();
    const text = fc.string({ unit: "grapheme", minLength: 1 }).filter((value) => /^[^\0]*\S[^\0]*$/u.test(value));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(text, text), { minLength: 1 }), async (rows) => {
        const quote = (value: string) => `"${value.replaceAll('"', '""')}"`;
        const csv = rows.map(([source, title]) => `${quote(`http://${source}`)},${quote(title)}`).join("\r\n");
        const { entries, refused } = await readList(makeFile(folder, "a.csv", `source,title\r\n${csv}\r\n`));
        expect(refused).toEqual([]);
        expect(entries.map(({ source, title }) => [source, title])).toEqual(
          rows.map(([source, title]) => [`http://${source}`.trim(), title.trim()]),
        );
      }),
      { numRuns: 60 },
    );
  });
});

describe("a JSON list", () => {
  it("is an array of objects or of plain sources, and names rows by their lines", async () => {
    const json = `[
      {"source": "http://x/a", "ID": 1, "duration_s": 2.5, "tags": [{"deep": "}],"}]},
      "http://x/b",

      {"title": "no source", "id": 9007199254740993}, {"source": 5},
      {"source": "http://x/c", "id": 9007199254740993},
      null
    ]`;
    const list = await readList(makeFile(makeFolder(), "a.json", json));
    expect(list.entries).toMatchObject([
      { line: 2, id: 1, source: "http://x/a", durationS: 2.5 },
      { line: 3, id: null, source: "http://x/b" },
    ]);
    expect(describeRefusals(list)).toEqual([
      "5: expected id to lie within +-2^53, got 9007199254740993",
      "5: expected source to be a path or a URL, got 5",
      "6: expected id to lie within +-2^53, got 9007199254740993",
      "7: expected an object or the text of a source, got null",
    ]);
  });

  it("is refused as a whole when it is broken, with the line of the broken part", async () => {
    const file = makeFile(makeFolder(), "a.json", '[\n{"source": "http://x/a"},\n{"source": x}\n]');
    await expect(readList(file)).rejects.toMatchObject({
      code: "LIST_UNREADABLE",
      message: expect.stringContaining(`line 3 of ${file}`),
    });
  });

  it("is refused as a whole when no object has a source, with the key that might be one", async () => {
    const file = makeFile(makeFolder(), "a.json", '[{"url": "http://x/a"}, {"url": "http://x/b"}]');
    await expect(readList(file)).rejects.toMatchObject({ fix: expect.stringContaining("--map source=url") });
    expect((await readList(file, { map: "source=url" })).entries).toHaveLength(2);
  });
});

describe("an NDJSON list", () => {
  it("has one object or source a line", async () => {
    const list = await readList(
      makeFile(makeFolder(), "a.ndjson", '{"source":"http://x/a","id":"-5"}\n\n"http://x/b"\n{}\n'),
    );
    expect(list.entries).toMatchObject([
      { line: 1, id: -5, source: "http://x/a" },
      { line: 3, source: "http://x/b" },
    ]);
    expect(describeRefusals(list)).toEqual(["4: expected a source, got none"]);
  });

  it("is refused as a whole when a line is broken, with its number", async () => {
    const file = makeFile(makeFolder(), "a.ndjson", '{"source":"http://x/a"}\n{"source":\n');
    await expect(readList(file)).rejects.toMatchObject({ message: expect.stringContaining(`line 2 of ${file}`) });
  });

  it("gives back every source and title that JSON can write", async () => {
    const text = fc
      .string({ unit: "binary", minLength: 1 })
      .filter((value) => !value.includes("\0") && /\S/u.test(value));
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1 }), async (sources) => {
        const stdin = sources.map((source) => JSON.stringify({ source: `x://${source}`, title: source })).join("\n");
        const { entries } = await readList("-", { stdin });
        expect(entries.map((entry) => entry.source)).toEqual(sources.map((source) => `x://${source}`.trim()));
      }),
      { numRuns: 60 },
    );
  });
});

describe("standard input", () => {
  it("is CSV, JSON or NDJSON, by what it begins with", async () => {
    const forms = [
      "source\nhttp://x/a\n",
      '"source","id"\n"http://x/a",1\n',
      '[{"source":"http://x/a"}]',
      '{"source":"http://x/a"}',
      '\n"http://x/a"\n',
    ];
    for (const stdin of forms) {
      expect((await readList("-", { stdin })).entries).toMatchObject([{ source: "http://x/a" }]);
    }
  });

  it("is refused when it is empty or binary", async () => {
    await expect(readList("-", { stdin: " \n" })).rejects.toMatchObject({ code: "LIST_UNREADABLE" });
    await expect(readList("-", { stdin: "source\na\0b" })).rejects.toMatchObject({
      message: "expected UTF-8 text in line 2 of standard input, got binary data",
    });
  });
});

describe("a list", () => {
  it("in another encoding is refused with the line", async () => {
    const file = makeFile(makeFolder(), "a.csv", Buffer.from("source\nok\n\xe9t\xe9.mp4\n", "latin1"));
    await expect(readList(file)).rejects.toMatchObject({ message: expect.stringContaining("line 3") });
  });

  it("of an unknown kind, or that is not there, is refused with what to do", async () => {
    const folder = makeFolder();
    await expect(readList(makeFile(folder, "a.xlsx"))).rejects.toMatchObject({
      fix: expect.stringContaining("hidb add - <"),
    });
    await expect(readList(join(folder, "nothing.csv"))).rejects.toMatchObject({
      message: `expected a folder or a list "nothing.csv" in ${folder}, got nothing of that name`,
    });
  });

  it("has its relative sources made absolute where such files exist, and everything else left as it stands", async () => {
    const folder = makeFolder();
    makeFile(folder, "films/a b.mp4");
    makeFile(folder, " odd .mp4");
    const csv = `source\nfilms/a b.mp4\n./films/../films/a b.mp4\n" odd .mp4"\n-Dhjw95ZYHH\n  http://x/a.mp4\nfile://${folder}/x.mp4\ngone.mp4\n`;
    const { entries } = await readList(makeFile(folder, "a.csv", csv));
    expect(entries.map((entry) => entry.source)).toEqual([
      join(folder, "films/a b.mp4"),
      join(folder, "films/a b.mp4"),
      join(folder, " odd .mp4"),
      "-Dhjw95ZYHH",
      "http://x/a.mp4",
      join(folder, "x.mp4"),
      "gone.mp4",
    ]);
  });

  it("on standard input has its relative sources start where the command was typed", async () => {
    const folder = makeFolder();
    const file = makeFile(folder, "a.mp4");
    expect((await readList("-", { stdin: "source\na.mp4\n", cwd: dirname(file) })).entries).toMatchObject([
      { source: file },
    ]);
  });

  it("can be a single media file", async () => {
    const file = makeFile(makeFolder(), "-odd [name].mp4");
    expect((await readList(file)).entries).toMatchObject([{ source: file }]);
  });
});

describe("--map", () => {
  it("renames columns, and a column that was given away is no longer what its name says", async () => {
    const file = makeFile(makeFolder(), "a.csv", "id,name,length\n-abc,N,12\n");
    const { entries } = await readList(file, { map: "source=id,title=NAME,duration_s=length" });
    expect(entries).toEqual([{ line: 2, id: null, source: "-abc", title: "N", durationS: 12 }]);
  });

  it("is refused when it names something unknown, with a guess", () => {
    expect(() => readList("-", { map: "sorce=id" })).toThrow(
      expect.objectContaining({ code: "USAGE", fix: expect.stringContaining("did you mean source?") }),
    );
    expect(() => readList("-", { map: "source" })).toThrow(expect.objectContaining({ code: "USAGE" }));
  });

  it("is refused when the list has no such column", async () => {
    const read = readList("-", { stdin: "id,source\n1,http://x/a\n", map: "title=name" });
    await expect(read).rejects.toMatchObject({ message: expect.stringContaining("expected a column name") });
  });

  it.runIf(existsSync(REAL_CATALOGUE))("reads the real catalogue", async () => {
    await expect(readList(REAL_CATALOGUE)).rejects.toMatchObject({ fix: expect.stringContaining("--map source=id") });
    const { entries, refused } = await readList(REAL_CATALOGUE, { map: "source=id" });
    expect(refused).toEqual([]);
    expect(entries).toHaveLength(2376);
    expect(entries.filter((entry) => entry.source.startsWith("-"))).toHaveLength(36);
    expect(entries.every((entry) => entry.source.length === 11 && entry.title && (entry.durationS ?? 0) > 0)).toBe(
      true,
    );
  });
});
