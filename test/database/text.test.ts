import { describe, expect, it } from "vitest";
import { splitStatements, tokenize } from "../../src/database/text.js";

const kinds = (sql: string) => tokenize(sql).map(({ kind, text }) => `${kind} ${text}`);

describe("the tokens of SQL", () => {
  it("are none in blanks and comments, an unended one included", () => {
    expect(tokenize(" -- a\n/* b */ /* c")).toEqual([]);
  });

  it("keep doubled quotes in their literal", () => {
    expect(kinds(`'a''b' "c""d" [e] x'0f'`)).toEqual(["string 'a''b'", 'name "c""d"', "name [e]", "string x'0f'"]);
  });

  it("take a literal that does not end for an illegal one up to the end of the text", () => {
    expect(kinds("SELECT 'a; b")).toEqual(["word SELECT", "illegal 'a; b"]);
  });

  it("know every kind of parameter", () => {
    expect(kinds("? ?2 :a @b $c $d::e(f)")).toEqual(
      ["?", "?2", ":a", "@b", "$c", "$d::e(f)"].map((text) => `variable ${text}`),
    );
  });
});

describe("the statements of a text", () => {
  it("end at semicolons outside of literals and comments", () => {
    expect(splitStatements("SELECT ';'; SELECT 2 /* ; */").map(({ sql }) => sql)).toEqual([
      "SELECT ';';",
      "SELECT 2 /* ; */",
    ]);
  });

  it("do not end within a trigger's body", () => {
    const trigger = "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT CASE WHEN 1 THEN 2 END; SELECT 3; END;";
    expect(splitStatements(`${trigger} SELECT 1`).map(({ sql }) => sql)).toEqual([trigger, "SELECT 1"]);
  });

  it("end for good at a NUL, with a piece that is none", () => {
    expect(splitStatements("SELECT 1\0 rest").map(({ sql }) => sql)).toEqual(["SELECT 1", ""]);
  });
});
